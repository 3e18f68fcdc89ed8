"""Days with their events, judged by several profiles: what `tape evaluate` does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from tape.archives import find_archives
from tape.archives.discovery import Archive
from tape.archives.outcome import Outcome
from tape.desk.day import Day, read_days
from tape.desk.evaluate.curves import Curve, average_precision, curve, intervals
from tape.desk.evaluate.labels import Event, match, read_labels
from tape.desk.evaluate.metrics import (
    NONE,
    Held,
    alarms_per_10k,
    by_kind,
    held_against,
    median_delay,
    ordinary_per_10k,
    precision,
    recall,
    together,
)
from tape.desk.past_days import Progress, judge_day, others, parameters_of
from tape.detection.parameters import Parameters
from tape.detection.registry import lineup
from tape.errors import ArchiveError
from tape.market.auctions import AUCTION_SHARES, auction_prints
from tape.market.trading_days import next_trading_day
from tape.synthetic import inject, load_day, make_day, write_day

MADE_UP_DAYS: Final = 3
MADE_UP_TRADES: Final = 60_000
"""Synthetic days that are judged where no file is given, and trades of each."""
FIRST_DAY: Final = date(2025, 3, 3)
"""A Monday, from which on the synthetic days count; any trading day would do."""
SEVERITIES: Final = (3, 4, 5)
AUCTIONS: Final = ("auction_prints", "auction_prints_flagged")
LEARNT: Final = "classic-tuned"
"""The form of a detector whose thresholds come from the days of calibration."""

Learn = Callable[[Sequence[Day], Parameters], Parameters]
"""From days of calibration and common parameters to those of a profile that is tuned."""

Outcomes = dict[str, Outcome]
"""What could not be read of files, by their hashes: a file may be in several tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    """A day to be judged, what is odd in it, and the days that its settings come from."""

    day: Day
    events: list[Event]
    calibration: list[Day]

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
    """What one profile did on all days."""

    held: Held
    curve: Curve
    figures: dict[str, Any]


def made_up_days(folder: Path, seed: int) -> list[Archive]:
    """Write synthetic days without anomalies into `folder` and return them."""
    day, archives = FIRST_DAY, []
    for nth in range(MADE_UP_DAYS):
        made = make_day(seed, trades=MADE_UP_TRADES, day=day, anomalies=0)
        archives += find_archives(write_day(made, folder / f"synthetic-{nth}")).archives
        day = next_trading_day(day)
    return archives


def injected(
    archives: Sequence[Archive], folder: Path, *, seed: int, anomalies: int
) -> tuple[list[Archive], list[Path], Outcomes]:
    """Write copies of days with anomalies into `folder`; return them and their label files.

    The third is what could not be read of the originals. Raises `ArchiveError` if none can.
    """
    outcomes: Outcomes = {}
    copies, labels = [], []
    for nth, archive in enumerate(archives):
        made, outcome = load_day(archive)
        outcomes[archive.sha256] = outcome
        if not len(made.symbol):
            continue
        done = inject(made, seed=seed + nth, anomalies=anomalies)
        if not done.labels:
            raise ArchiveError(
                f"no anomaly fits into {archive.path} ({len(made.symbol):,} trades; prints of "
                f"{AUCTION_SHARES:,} shares and more are left alone)",
                "name another day, or give --labels",
            )
        name = archive.path.name.split(".")[0]
        path = write_day(done, folder / f"injected-{nth}", name)
        copies += find_archives(path).archives
        labels.append(path.with_name(f"{name}.labels.csv"))
    if not copies:
        raise next(iter(outcomes.values())).nothing_read(str(archives[0].path))
    return copies, labels, outcomes


def tasks(
    archives: Sequence[Archive],
    labels: Sequence[Path],
    calibration: Sequence[Archive],
    max_symbols: int,
) -> tuple[list[Task], Outcomes]:
    """Return what is to be judged, and what is wrong with files without a trade.

    Raises `ArchiveError` for files that cannot be used for it, and if there is no other one.
    """
    lines = [line for path in labels for line in read_labels(path)]
    days, without = read_days([[archive] for archive in archives], max_symbols)
    past: list[Day] = []
    if calibration:
        past, none_there = read_days([[archive] for archive in calibration], max_symbols)
        without |= none_there
    events = match(lines, days)
    made = []
    for day, found in zip(days, events, strict=True):
        usable = others(day, past)
        if past and not usable:
            raise ArchiveError(
                f"{day.name} would be judged with settings from itself only",
                "name another day with --calibrate-on",
            )
        made.append(Task(day, found, usable))
    return made, without


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
    parts: list[Held] = []
    days: dict[str, Any] = {}
    for task in work:
        parameters = parameters_of(profile, base)
        if LEARNT in profile.split("+"):
            parameters = learn(task.calibration, parameters)
        verdict = judge_day(task.day, task.calibration, parameters, max_symbols, progress)
        symbol = task.day.trades.symbol
        held = held_against(
            task.events,
            symbol,
            verdict.counted,
            verdict.flagged,
            verdict.score,
            verdict.severity,
        )
        parts.append(held)
        prints = auction_prints(task.day.trades)
        days[_free(task.day.name, days)] = {
            **_figures(held, curve(held), profile),
            "auction_prints": len(prints),
            "auction_prints_flagged": int(verdict.flagged[prints].sum()),
            "calibrated_on": [past.name for past in task.calibration],
        }
    held = together(parts)
    of = curve(held)
    figures = {
        **_figures(held, of, profile),
        **{key: sum(day[key] for day in days.values()) for key in AUCTIONS},
        "ci95": intervals(held, of, draws=draws, seed=seed),
        "days": days,
    }
    return Result(held, of, figures)


def _figures(held: Held, of: Curve, profile: str) -> dict[str, Any]:
    figures = {
        "pr_auc": round(average_precision(of), 6),
        "recall": round(recall(held), 6),
        "precision": round(precision(held), 6),
        "alarms_per_10k": round(alarms_per_10k(held), 4),
        "by_kind": by_kind(held),
        "events": len(held.kinds),
        "found": int((held.delay != NONE).sum()),
        "median_delay_trades": median_delay(held.delay),
        "trades": len(held.event),
        "ordinary_trades": int((held.event == NONE).sum()),
        "flagged_trades": int(held.flagged.sum()),
        "true_alarms": int(held.true_alarms.sum()),
        "false_alarms": held.false_alarms,
        "false_alarms_behind_events": held.aftermath,
    }
    kinds = lineup(parameters_of(profile, Parameters()).profile).kinds
    if len(kinds) == 1 and kinds[0].is_severity:
        figures["ordinary_per_10k_at_severity"] = {
            str(level): round(ordinary_per_10k(held, level), 4) for level in SEVERITIES
        }
    return figures


def _free(name: str, taken: dict[str, Any]) -> str:
    """Return the name, numbered where it is taken already."""
    names = [name, *(f"{name} ({nth})" for nth in range(2, len(taken) + 3))]
    return next(one for one in names if one not in taken)
