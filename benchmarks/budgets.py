"""Holds budgets and severities of `calibrated` against real days that it has not seen."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.archives.discovery import Archive
from tape.desk.day import Day, read_day
from tape.desk.evaluate.tables import markdown
from tape.desk.past_days import Verdict, judge_day, others
from tape.detection.calibrated.budget import BLOCK
from tape.detection.parameters import Parameters

PER_10K: Final = 1.0
PER_DAY: Final = 20.0
HEAD: Final = (
    "day, after",
    f"alerts per 10,000 for {PER_10K:g} asked",
    f"alerts a day for {PER_DAY:g} asked",
    "trades of severity 4 or more per 10,000",
    "alarms of severity 4 or more per 10,000",
)


def held(archives: Sequence[Archive], max_symbols: int) -> dict[str, dict[str, float]]:
    """Return what each day of one symbol has, as it is, after each other day."""
    days = [read_day(archive, max_symbols) for archive in archives]
    found = {}
    for day, past in permutations(days, 2):
        known = others(day, [past])
        asked = Parameters(profile="calibrated", alerts_per_10k=PER_10K)
        by_trades = judge_day(day, known, asked, max_symbols)
        by_day = judge_day(day, known, replace(asked, alerts_per_day=PER_DAY), max_symbols)
        found[f"{_date(day)}, after {_date(past)}"] = _figures(by_trades, by_day)
    return found


def _figures(by_trades: Verdict, by_day: Verdict) -> dict[str, float]:
    per_10k = 10_000 / len(by_trades.score)
    rare = by_trades.severity >= 4.0
    return {
        "alerts_per_10k": round(per_10k * alerts(by_trades.flagged), 2),
        "alerts_a_day": alerts(by_day.flagged),
        "trades_per_10k_of_severity_4": round(per_10k * float(rare.sum()), 2),
        "alarms_per_10k_of_severity_4": round(per_10k * alerts(rare), 2),
    }


def alerts(flagged: npt.NDArray[np.bool_]) -> int:
    """Return how often somebody is alerted: by a flag, and not again by the 29 trades behind it."""
    count, free_from = 0, 0
    for row in np.flatnonzero(flagged).tolist():
        if row >= free_from:
            count, free_from = count + 1, row + BLOCK
    return count


def table(figures: dict[str, dict[str, float]]) -> str:
    """Return the figures in Markdown."""
    return markdown(
        HEAD, [[name, *(f"{n:g}" for n in one.values())] for name, one in figures.items()]
    )


def _date(day: Day) -> str:
    return str(np.datetime64(int(day.trades.ts_event_ns[0]), "ns").astype("datetime64[D]"))
