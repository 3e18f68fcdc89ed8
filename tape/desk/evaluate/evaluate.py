"""Days with their events, judged by several profiles: what `tape evaluate` does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tape.archives.discovery import Archive
from tape.desk.day import Day, read_days
from tape.desk.evaluate.baselines import RULES, baseline, tuned_on
from tape.desk.evaluate.curves import Curve, curve, intervals
from tape.desk.evaluate.figures import figures as figures_of
from tape.desk.evaluate.labelled_days import Outcomes
from tape.desk.evaluate.labels import Label
from tape.desk.evaluate.matching import Bools, Event, judged_rows, match
from tape.desk.evaluate.metrics import Held, held_against, together
from tape.desk.past_days import Progress, Verdict, judge_day, others, parameters_of
from tape.detection.parameters import Parameters
from tape.detection.registry import lineup
from tape.errors import ArchiveError
from tape.market.auctions import auction_prints

AUCTIONS: Final = ("auction_prints", "auction_prints_flagged")
LEARNT: Final = "classic-tuned"
"""The form of a detector whose thresholds come from the days of calibration."""

Learn = Callable[[Sequence[Day], Parameters], Parameters]
"""From days of calibration and common parameters to those of a profile that is tuned."""


@dataclass(frozen=True, slots=True)
class Task:
    """A day to be judged, what is odd in it, and the days that its settings come from.

    `judged` says which of its trades count; None for all.
    """

    day: Day
    events: list[Event]
    calibration: list[Day]
    judged: Bools | None = None

    @property
    def trades(self) -> int:
        """Return how many trades are judged for it, at most."""
        return len(self.day.trades) + sum(len(past.trades) for past in self.calibration)

    @property
    def outcomes(self) -> Outcomes:
        """Return what could not be read of its days."""
        return {day.archive.sha256: day.outcome for day in (self.day, *self.calibration)}

    def known_trades(self) -> dict[str, int]:
        """Return for each symbol of the day how many trades the calibration days have of it."""
        known = dict.fromkeys(self.day.symbols, 0)
        for past in self.calibration:
            counts = np.bincount(past.trades.symbol, minlength=len(past.symbols)).tolist()
            for name, count in zip(past.symbols, counts, strict=True):
                if name in known:
                    known[name] += count
        return known


@dataclass(frozen=True, slots=True)
class Result:
    """What one profile did on all days, and on each what it said of the trades."""

    held: Held
    curve: Curve
    figures: dict[str, Any]
    verdicts: list[Verdict]


def tasks(
    archives: Sequence[Archive],
    lines: Sequence[Label],
    calibration: Sequence[Archive],
    max_symbols: int,
    *,
    judged: Sequence[Path] = (),
    notes: list[str] | None = None,
) -> tuple[list[Task], Outcomes]:
    """Return what is to be judged, and what is wrong with files without a trade.

    `judged` are files that name the trades to be judged; without any, all are. `notes` takes
    sentences about what a reader should know. Raises `ArchiveError` for files that cannot be used
    for it, and if there is no other one.
    """
    notes = [] if notes is None else notes
    days, without = read_days([[archive] for archive in archives], max_symbols)
    past: list[Day] = []
    if calibration:
        past, none_there = read_days([[archive] for archive in calibration], max_symbols)
        without |= none_there
    events = match(lines, days, notes)
    counts: list[Bools] | list[None] = (
        judged_rows(judged, days, notes) if judged else [None] * len(days)
    )
    made = []
    for day, found, count in zip(days, events, counts, strict=True):
        usable = others(day, past)
        if past and not usable:
            raise ArchiveError(
                f"{day.name} would be judged with settings from itself only",
                "name another day with --calibrate-on",
            )
        made.append(Task(day, _judged(found, count, day.name, notes), usable, count))
    return made, without


def _judged(events: list[Event], judged: Bools | None, name: str, notes: list[str]) -> list[Event]:
    """Return the events that have a trade to be judged."""
    if judged is None:
        return events
    kept = [one for one in events if judged[one.rows].any()]
    if len(kept) < len(events):
        notes.append(
            f"{name}: {len(events) - len(kept):,} of {len(events):,} events have no trade to be "
            "judged, and do not count"
        )
    return kept


def evaluate(
    work: Sequence[Task],
    profile: str,
    base: Parameters,
    max_symbols: int,
    *,
    learn: Learn,
    draws: int,
    seed: int,
    progress: Progress = lambda _: None,
) -> Result:
    """Return how a profile does on the days together and on each.

    `learn` returns the parameters of a profile that is tuned on the days of calibration.
    """
    verdicts = []
    for task in work:
        parameters = parameters_of(profile, base)
        if LEARNT in profile.split("+"):
            parameters = learn(task.calibration, parameters)
        verdicts.append(judge_day(task.day, task.calibration, parameters, max_symbols, progress))
    kinds = lineup(parameters_of(profile, Parameters()).profile).kinds
    is_severity = len(kinds) == 1 and kinds[0].is_severity
    return result_of(work, verdicts, draws=draws, seed=seed, is_severity=is_severity)


def evaluate_baseline(
    work: Sequence[Task],
    name: str,
    base: Parameters,
    counted: Sequence[Bools],
    *,
    learn: Learn,
    draws: int,
    seed: int,
) -> Result:
    """Return how a baseline does; `counted` are each day's trades that no profile drops."""
    verdicts = []
    for task, count in zip(work, counted, strict=True):
        past = tuned_on(task.day, task.calibration)
        parameters = learn(past, base) if name == RULES else base
        verdicts.append(baseline(name, task.day, past, count, parameters))
    return result_of(work, verdicts, draws=draws, seed=seed)


def result_of(
    work: Sequence[Task],
    verdicts: list[Verdict],
    *,
    draws: int,
    seed: int,
    is_severity: bool = False,
) -> Result:
    """Return what verdicts are worth, one for each task."""
    parts: list[Held] = []
    days: dict[str, Any] = {}
    for task, verdict in zip(work, verdicts, strict=True):
        counted = verdict.counted if task.judged is None else verdict.counted & task.judged
        held = held_against(
            task.events,
            task.day.trades.symbol,
            counted,
            verdict.flagged,
            verdict.score,
            verdict.severity,
            ts_event_ns=task.day.trades.ts_event_ns,
            families=verdict.families,
        )
        parts.append(held)
        prints = auction_prints(task.day.trades)
        days[_free(task.day.name, days)] = {
            **figures_of(held, is_severity=is_severity),
            "auction_prints": len(prints),
            "auction_prints_flagged": int(verdict.flagged[prints].sum()),
            "calibrated_on": [past.name for past in task.calibration],
        }
    held = together(parts)
    of = curve(held)
    found = {
        **figures_of(held, is_severity=is_severity),
        **{key: sum(day[key] for day in days.values()) for key in AUCTIONS},
        "ci95": intervals(held, of, draws=draws, seed=seed),
        "days": days,
    }
    return Result(held, of, found, verdicts)


def _free(name: str, taken: dict[str, Any]) -> str:
    """Return the name, numbered where it is taken already."""
    names = [name, *(f"{name} ({nth})" for nth in range(2, len(taken) + 3))]
    return next(one for one in names if one not in taken)
