"""A day through the live detector, whose state comes from other days only."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tape.archives import read_columns
from tape.codec.array_types import F64
from tape.codec.numbered import NumberedTrades
from tape.desk.day import Day, before, rows_by_symbol, same_day
from tape.desk.flag_families import flag_families
from tape.desk.reranked import ranks_of, reranked
from tape.desk.scores import Scores, combined
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, Verdicts
from tape.detection.registry import lineup
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS
from tape.model.rejected import Rejected
from tape.process.read_ahead import read_ahead

PROFILES: Final = ("classic", "classic-tuned", "classic-window", "calibrated")
"""What is compared unless something else is asked for."""
FORMS: Final = {"classic-tuned": "classic", "classic-window": "classic"}
"""Other forms of a detector, with which it may be compared."""
BATCH: Final = 10_000
"""Messages judged at once; more would only make the steps of the progress bar longer."""

Progress = Callable[[int], None]
"""Called with the number of trades judged since the last call."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a profile says of a day: one entry per row of the file that could be read.

    Attributes:
        counted: False for trades that were dropped as seen before.
        flagged: whether a rule fired.
        score: the higher the more it deserves to be looked at (`tape.desk.scores`).
        severity: the detector's own score; that one where it has none, or there are several.
        families: what a flagged trade is flagged for, as bits (`tape.desk.flag_families`).
    """

    counted: npt.NDArray[np.bool_]
    flagged: npt.NDArray[np.bool_]
    score: F64
    severity: F64
    families: npt.NDArray[np.uint8]


def parameters_of(profile: str, base: Parameters) -> Parameters:
    """Return the parameters of a profile, the rest as the settings have it.

    `classic-window` is the literal form of the classic rules, `TRAINING=window`. The thresholds of
    `classic-tuned` come from its calibration days (`tape.desk.tune`). Detectors that judge together
    are joined by "+".
    """
    words = profile.split("+")
    training: Literal["thinned", "window"] = "window" if "classic-window" in words else "thinned"
    return replace(base, profile=",".join(FORMS.get(one, one) for one in words), training=training)


def check_profile(profile: str, base: Parameters) -> None:
    """Raise `SettingsError` for settings that a profile cannot work with, such as its model's."""
    parameters = parameters_of(profile, base)
    for kind in lineup(parameters.profile).kinds:
        kind.parameters.of(parameters)


def profile_names(text: str) -> list[str]:
    """Return the profiles that a comma-separated text names, each once.

    Raises `SettingsError` for one that is none, or whose detectors cannot judge together.
    """
    names: list[str] = []
    for part in text.split(","):
        name = "+".join(word.strip() for word in part.split("+"))
        words = [FORMS.get(word, word) for word in name.split("+")]
        try:
            lineup(",".join(words))
        except SettingsError as error:
            raise SettingsError(
                f"--profiles: {error.cause.removeprefix('PROFILE: ')}",
                f"{error.remedy}; forms of classic are {' and '.join(FORMS)}; a + joins detectors "
                "that judge together",
            ) from None
        if name not in names:
            names.append(name)
    return names


def others(judged: Day, days: Sequence[Day]) -> list[Day]:
    """Return the days that may calibrate `judged`: all but itself, in order, ready to be judged.

    A copy with anomalies put into it is the same day.
    """
    return before([day for day in days if not same_day(day, judged)], judged)


def judge_day(
    day: Day,
    calibration: Sequence[Day],
    parameters: Parameters,
    max_symbols: int,
    progress: Progress = lambda _: None,
) -> Verdict:
    """Return what the detector says of a day's file after it has judged the calibration days.

    The day itself takes the path of `tape replay`: the file's rows as messages through a `Judge`.

    Args:
        day: the day that is judged.
        calibration: days judged before, in their order, as `others` returns them.
        parameters: profile and settings.
        max_symbols: symbols whose state is kept at a time.
        progress: called with how many more trades are judged.
    """
    judge = Judge(parameters, max_symbols, Counts())
    for past in calibration:
        for trades, _ in judged_columns(judge, past, remembered(past, parameters)):
            progress(len(trades))
    scores = Scores(judge)
    outcomes, flags, parts, severities, families = [], [], [], [], []
    ranks = []
    for batch in read_ahead(
        lambda: read_columns(day.archive, latest_ns=TIME_MAX_NS, counts_equal=True)
    ):
        nowhere = np.zeros((len(batch.values), 2), np.int64)
        ordinals = (
            np.zeros(len(batch.values), np.int32) if batch.ordinals is None else batch.ordinals
        )
        values = NumberedTrades(batch.values, batch.names, ordinals, nowhere)
        decoded, verdicts = judge.detect(values.keys, values)
        outcomes.append(verdicts.outcome)
        flags.append(verdicts.rules != 0)
        parts.append(scores.of(decoded.trades, verdicts))
        ranks.append(ranks_of(judge, values, decoded, verdicts))
        families.append(flag_families(judge.lineup, verdicts))
        severities.append(parts[-1][:, 0] if verdicts.score is None else verdicts.score)
        progress(len(decoded.trades))
    outcome, score = np.concatenate(outcomes), combined(np.concatenate(parts))
    severity = score if len(judge.lineup.kinds) > 1 else np.concatenate(severities)
    flagged = np.concatenate(flags)
    if parameters.ranking is not None:
        score = reranked(score, flagged, np.concatenate(ranks))
    bits = np.zeros(len(flagged), np.uint8)
    bits[flagged] = np.concatenate(families)
    return Verdict(outcome != DUPLICATE, flagged, score, severity, bits)


def judged_columns(
    judge: Judge, day: Day, rows: npt.NDArray[np.int64]
) -> Iterator[tuple[TradeColumns, Verdicts]]:
    """Yield rows of a day, batch by batch, with what the judge's detector says of them."""
    numbers = np.empty(len(day.symbols), np.int32)
    for nth, name in enumerate(day.symbols):
        number = judge.symbols.number(name)
        if isinstance(number, Rejected):
            raise SettingsError(f"the days together have {number.detail}", "name fewer days")
        numbers[nth] = number
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        columns = (getattr(day.trades, name)[part] for name in TradeColumns.__slots__[1:])
        trades = TradeColumns(numbers[day.trades.symbol[part]], *columns)
        judge.symbols.begin()
        judge.symbols.end(trades.symbol)
        yield trades, judge.detector.detect(trades)


def remembered(day: Day, parameters: Parameters) -> npt.NDArray[np.int64]:
    """Return the rows of a day on which the detectors' state after it depends.

    What lies further back than they look is forgotten: the state is the same without it. The
    number of rows skipped keeps the places of strides and refits.
    """
    step, memory = 1, 0
    for kind in lineup(parameters.profile).kinds:
        own = kind.parameters.of(parameters)
        trades = kind.memory_trades(own)
        if trades is None:
            return np.arange(len(day.trades))
        step, memory = math.lcm(step, kind.memory_step(own)), max(memory, trades)
    kept = [rows[max(len(rows) - memory, 0) // step * step :] for rows in rows_by_symbol(day)]
    return np.sort(np.concatenate(kept))
