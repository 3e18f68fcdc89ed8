"""A day through the live detector, whose state comes from other days only."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from tape.archives import read_archive
from tape.desk.day import Day, before, rows_by_symbol, same_day
from tape.desk.scores import F64, Scores
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, Verdicts
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS
from tape.model.rejected import Rejected

ProfileName = Literal["classic", "classic-tuned", "classic-window", "calibrated"]
PROFILES: Final[tuple[ProfileName, ...]] = get_args(ProfileName)
BATCH: Final = 10_000

Progress = Callable[[int], None]
"""Called with the number of trades judged since the last call."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a profile says of a day: one entry per row of the file that could be read.

    Attributes:
        counted: False for trades that were dropped as seen before.
        flagged: whether a rule fired.
        score: the higher the odder (`tape.desk.scores`).
    """

    counted: npt.NDArray[np.bool_]
    flagged: npt.NDArray[np.bool_]
    score: F64


def parameters_of(profile: ProfileName, base: Parameters) -> Parameters:
    """Return the parameters of a profile, the rest as the settings have it.

    `classic-window` is the literal form of the classic rules, `TRAINING=window`. The thresholds of
    `classic-tuned` come from its calibration days (`tape.desk.tune`).
    """
    if profile == "calibrated":
        return replace(base, profile="calibrated")
    training: Literal["thinned", "window"] = "window" if profile == "classic-window" else "thinned"
    return replace(base, profile="classic", training=training)


def profile_names(text: str) -> list[ProfileName]:
    """Return the profiles that a comma-separated text names; raises `SettingsError`."""
    names: list[ProfileName] = []
    for word in text.split(","):
        known = next((name for name in PROFILES if name == word.strip()), None)
        if known is None:
            raise SettingsError(
                f"--profiles: {word.strip()!r} is not a profile",
                f"choose from {', '.join(PROFILES)}",
            )
        if known not in names:
            names.append(known)
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

    `calibration` is what `others` returned. The day itself takes the path of `tape replay`: the
    file's rows as messages through a `Judge`.
    """
    judge = Judge(parameters, max_symbols, Counts())
    for past in calibration:
        rows = np.arange(len(past.trades))
        if parameters.profile == "classic":
            rows = remembered(past, parameters)
        for trades, _ in judged_columns(judge, past, rows):
            progress(len(trades))
    scores = Scores(judge)
    outcomes, flags, parts = [], [], []
    for batch in read_archive(day.archive, latest_ns=TIME_MAX_NS):
        decoded, verdicts = judge.detect(batch.keys, batch.values)
        outcomes.append(verdicts.outcome)
        flags.append(verdicts.rules != 0)
        parts.append(scores.of(decoded.trades, verdicts))
        progress(len(decoded.trades))
    outcome, score = np.concatenate(outcomes), np.concatenate(parts)
    return Verdict(outcome != DUPLICATE, np.concatenate(flags), score)


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
    """Return the rows of a day on which the classic rules' state after it depends.

    What lies further back than window, history and the last refit is forgotten: the state is the
    same without it. The number of rows skipped keeps the places of strides and refits.
    """
    history = parameters.stride * parameters.history if parameters.training == "thinned" else 0
    memory = history + parameters.window + parameters.refit_every
    step = math.lcm(parameters.stride, parameters.refit_every)
    kept = [rows[max(len(rows) - memory, 0) // step * step :] for rows in rows_by_symbol(day)]
    return np.sort(np.concatenate(kept))
