"""What a profile's verdicts are worth, held against labelled events."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64
from tape.desk.evaluate.matching import Bools, Event
from tape.desk.flag_families import FAMILIES
from tape.market.new_york import I64
from tape.model.fields import NANOS
from tape.model.rules import Family

BLOCK: Final = 30
"""Trades of a symbol that count as one alarm if at least one of them is flagged."""
AFTER: Final = 60
"""Trades after an event in which a false alarm counts apart, as its aftermath."""
NONE: Final = -1
"""Stands for no event."""
WITHIN: Final = (1, 5, 25)
"""Trades, and seconds, within which an event is found or not."""


def _no_numbers() -> I64:
    return np.zeros(0, np.int64)


def _no_scores() -> F64:
    return np.zeros(0)


@dataclass(frozen=True, slots=True)
class Held:
    """The verdicts on one day or several, held against their events.

    Trades are entries of arrays, in order of the days; events are numbered through.

    Attributes:
        event: per trade the event it belongs to, or -1 for an ordinary trade.
        behind: per trade, whether it follows an event of its symbol within 60 trades.
        flagged: per trade.
        score: per trade, the higher the more it deserves to be looked at.
        severity: per trade, the higher the odder.
        kinds: per event.
        delay: per event, trades of its symbol from its first one to its first flagged one; -1 if
            none is flagged.
        true_alarms: per event, alarms that hold one of its trades; each counts for one event.
        false_alarms: alarms without a trade of any event.
        aftermath: those of the false alarms that lie within 60 trades behind an event.
        families: per event, what is odd of it.
        best: per event, the highest score of its trades.
        delay_ns: likewise of the delay in time.
        false_of: per family, false alarms of flags of the family.
    """

    event: I64
    behind: Bools
    flagged: Bools
    score: F64
    severity: F64
    kinds: tuple[str, ...]
    delay: I64
    true_alarms: I64
    false_alarms: int
    aftermath: int
    families: tuple[Family, ...] = ()
    best: F64 = field(default_factory=_no_scores)
    delay_ns: I64 = field(default_factory=_no_numbers)
    false_of: tuple[int, ...] = (0,) * len(FAMILIES)


def held_against(
    events: Sequence[Event],
    symbol: npt.NDArray[np.int32],
    counted: Bools,
    flagged: Bools,
    score: F64,
    severity: F64 | None = None,
    *,
    ts_event_ns: I64 | None = None,
    families: npt.NDArray[np.uint8] | None = None,
) -> Held:
    """Return a day's verdicts held against its events; arrays have one entry per row of the day.

    Rows that do not count (repeated trades, trades that are not judged) are skipped. `families`
    are those that a trade is flagged for, as bits; without it, each flag is of each.
    """
    every = np.full(len(symbol), NONE, np.int64)
    for number in range(len(events) - 1, -1, -1):  # where two share a trade, it is the first's
        every[events[number].rows] = number
    order = np.argsort(symbol[counted], kind="stable")
    place = np.full(len(symbol), NONE, np.int64)
    place[np.flatnonzero(counted)[order]] = np.arange(len(order))
    times_ns = np.zeros(len(symbol), np.int64) if ts_event_ns is None else ts_event_ns
    delay, delay_ns = (np.full(len(events), NONE, np.int64) for _ in range(2))
    best = np.full(len(events), -np.inf)
    for number, one in enumerate(events):
        rows = one.rows[counted[one.rows]]
        best[number] = score[rows].max(initial=-np.inf)
        first = np.flatnonzero(flagged[rows])
        if len(first):
            found = rows[first[0]]
            delay[number] = place[found] - place[rows[0]]
            delay_ns[number] = abs(int(times_ns[found] - times_ns[rows[0]]))
    severity = (score if severity is None else severity)[counted]
    event, flagged, score = every[counted], flagged[counted], score[counted]
    sorted_symbol, sorted_event = symbol[counted][order], event[order]
    blocks = _blocks(sorted_symbol)
    owner = np.full(int(blocks[-1]) + 1 if len(blocks) else 0, NONE, np.int64)
    labelled = np.flatnonzero(sorted_event != NONE)[::-1]  # the block's first event owns it
    owner[blocks[labelled]] = sorted_event[labelled]

    def alarms(flags: Bools) -> tuple[I64, I64]:
        """Return the owners of the true alarms that flags make, and the false ones."""
        alarm = np.unique(blocks[flags[order]])
        return owner[alarm][owner[alarm] != NONE], alarm[owner[alarm] == NONE]

    true, false = alarms(flagged)
    of_family = np.full(len(event), 255, np.uint8) if families is None else families[counted]
    places = _behind(sorted_symbol, sorted_event)
    behind, after = np.zeros(len(event), np.bool_), np.zeros(len(owner), np.bool_)
    behind[order[places]], after[blocks[places]] = True, True
    return Held(
        event=event,
        behind=behind & (event == NONE),
        flagged=flagged,
        score=score,
        severity=severity,
        kinds=tuple(one.kind for one in events),
        delay=delay,
        true_alarms=np.bincount(true, minlength=len(events)),
        false_alarms=len(false),
        aftermath=int(after[false].sum()),
        families=tuple(one.family for one in events),
        best=best,
        delay_ns=delay_ns,
        false_of=tuple(
            len(alarms(flagged & (of_family >> nth & 1 != 0))[1]) for nth in range(len(FAMILIES))
        ),
    )


def _blocks(symbol: npt.NDArray[np.int32]) -> I64:
    """Return per trade, sorted by symbol, the number of its block of 30 of one symbol."""
    first = np.diff(symbol, prepend=-1) != 0
    starts = np.flatnonzero(first)
    place = np.arange(len(symbol)) - starts[np.cumsum(first) - 1]
    begins: I64 = np.cumsum(first | (place % BLOCK == 0)) - 1
    return begins


def _behind(symbol: npt.NDArray[np.int32], event: I64) -> I64:
    """Return the places of the trades that follow an event of their symbol within 60 trades."""
    last = np.flatnonzero((event != NONE) & (np.append(event[1:], NONE) != event))
    places = (last[:, None] + np.arange(1, AFTER + 1)).ravel()
    ends = np.repeat(last, AFTER)
    inside = places < len(symbol)
    places, ends = places[inside], ends[inside]
    behind: I64 = places[symbol[places] == symbol[ends]]
    return behind


def together(parts: Sequence[Held]) -> Held:
    """Return the days as one."""
    begins = np.cumsum([0, *(len(part.kinds) for part in parts)])
    return Held(
        event=np.concatenate(
            [
                np.where(part.event == NONE, NONE, part.event + begin)
                for part, begin in zip(parts, begins[:-1], strict=True)
            ]
        ),
        behind=np.concatenate([part.behind for part in parts]),
        flagged=np.concatenate([part.flagged for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        severity=np.concatenate([part.severity for part in parts]),
        kinds=tuple(kind for part in parts for kind in part.kinds),
        delay=np.concatenate([part.delay for part in parts]),
        true_alarms=np.concatenate([part.true_alarms for part in parts]),
        false_alarms=sum(part.false_alarms for part in parts),
        aftermath=sum(part.aftermath for part in parts),
        families=tuple(family for part in parts for family in part.families),
        best=np.concatenate([part.best for part in parts]),
        delay_ns=np.concatenate([part.delay_ns for part in parts]),
        false_of=tuple(sum(counts) for counts in zip(*(p.false_of for p in parts), strict=True)),
    )


def only(held: Held, wanted: Bools) -> Held:
    """Return the verdicts held against some of the events, `wanted` by their numbers.

    The trades of other events are neither labelled nor ordinary: they are skipped.
    """
    numbers = np.where(wanted, np.cumsum(wanted) - 1, NONE)
    kept = (held.event == NONE) | np.append(wanted, False)[held.event]
    event = np.where(held.event == NONE, NONE, np.append(numbers, NONE)[held.event])[kept]
    return replace(
        held,
        event=event,
        behind=held.behind[kept],
        flagged=held.flagged[kept],
        score=held.score[kept],
        severity=held.severity[kept],
        kinds=tuple(np.array(held.kinds, object)[wanted]),
        delay=held.delay[wanted],
        true_alarms=held.true_alarms[wanted],
        families=tuple(np.array(held.families, object)[wanted]),
        best=held.best[wanted],
        delay_ns=held.delay_ns[wanted],
    )


def recall(held: Held) -> float:
    """Return the share of events of which at least one trade is flagged; 0 without events."""
    return float((held.delay != NONE).mean()) if len(held.delay) else 0.0


def precision(held: Held) -> float:
    """Return the share of alarms that hold a trade of an event; 0 where there is no alarm."""
    true = int(held.true_alarms.sum())
    return true / (true + held.false_alarms) if true + held.false_alarms else 0.0


def alarms_per_10k(held: Held) -> float:
    """Return false alarms per 10,000 ordinary trades."""
    ordinary = int((held.event == NONE).sum())
    return 10_000 * held.false_alarms / ordinary if ordinary else 0.0


def recall_within(held: Held) -> dict[str, dict[str, float]]:
    """Return the share of events found within 1, 5 and 25 trades, and seconds, of their first."""
    found, events = held.delay != NONE, max(len(held.delay), 1)
    return {
        "trades": {
            str(most): round(int((found & (held.delay <= most)).sum()) / events, 6)
            for most in WITHIN
        },
        "seconds": {
            str(most): round(int((found & (held.delay_ns <= most * NANOS)).sum()) / events, 6)
            for most in WITHIN
        },
    }


def median_delay(delay: I64) -> float | None:
    """Return the median of the delays of found events, None if there is none."""
    found = delay[delay != NONE]
    return float(np.median(found)) if len(found) else None


def ordinary_per_10k(held: Held, severity: float) -> float:
    """Return how many of 10,000 ordinary trades are at least this severe, apart from aftermath."""
    ordinary = (held.event == NONE) & ~held.behind
    return float(10_000 * (held.severity[ordinary] >= severity).mean()) if ordinary.any() else 0.0
