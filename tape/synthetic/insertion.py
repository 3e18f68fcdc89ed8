"""Adding trades to a day: they take a place, times and sequences between those that are there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tape.synthetic.day import Label, SyntheticDay, rows_of
from tape.synthetic.ordinary import I64

BURST = "burst"


@dataclass(frozen=True, slots=True)
class Insertion:
    """Trades to be added behind `row`, of its symbol and publisher, all of one side."""

    row: int
    ts_event_ns: I64
    price_nanos: I64
    size: I64
    side: int


def with_insertions(made: SyntheticDay, insertions: Sequence[Insertion]) -> SyntheticDay:
    """Return the day with trades added, and labels at the rows where their trades are now.

    The label of a burst has the row behind which it was added, and gets the added rows.
    """
    if not insertions:
        return made
    counts = np.zeros(len(made.symbol), np.int64)
    for one in insertions:
        counts[one.row] += len(one.size)
    source = np.repeat(np.arange(len(made.symbol)), 1 + counts)
    day = rows_of(made, source)
    begins = np.concatenate([[0], np.cumsum(1 + counts)[:-1]])
    added = np.zeros(len(source), np.bool_)
    for one in insertions:
        first = int(begins[one.row]) + 1
        span = slice(first, first + len(one.size))
        day.ts_event_ns[span], day.price_nanos[span] = one.ts_event_ns, one.price_nanos
        day.size[span], day.side[span] = one.size, one.side
        added[span] = True
        _receive(day, first, len(one.size))
    _number(day, made, added)
    return replace(day, labels=[_moved(label, begins, counts) for label in made.labels])


def _receive(day: SyntheticDay, first: int, count: int) -> None:
    """Let added trades be received before the trade behind them, if that one is in order."""
    around, span = slice(first - 1, first + count + 1), slice(first, first + count)
    received_ns = day.ts_event_ns[around] + day.lag_ns[around]
    latest_ns = received_ns[[0, -1]].max()
    day.lag_ns[span] = np.minimum(received_ns[1 : count + 1], latest_ns) - day.ts_event_ns[span]


def _moved(label: Label, begins: I64, counts: I64) -> Label:
    first, last = int(begins[label.row]), int(begins[label.last_row])
    if label.kind == BURST:
        return replace(label, row=first + 1, last_row=first + int(counts[label.row]))
    return replace(label, row=first, last_row=last)


def _number(
    day: SyntheticDay, before: SyntheticDay, added: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    """Give the added trades sequences; where there is no room, later ones of the stream move on.

    Where sequences rise over all of a publisher's trades they belong to the publisher; else
    each symbol counts its own. A feed that numbers nothing (0)
    still numbers nothing.
    """
    for publisher in np.unique(before.publisher_id).tolist():
        rows = np.flatnonzero(day.publisher_id == publisher)
        own = before.sequence[before.publisher_id == publisher]
        streams = [rows]
        if (np.diff(own) <= 0).any():
            numbers = np.unique(day.symbol[rows]).tolist()
            streams = [rows[day.symbol[rows] == number] for number in numbers]
        for stream in streams:
            if added[stream].any() and day.sequence[stream].any():
                day.sequence[stream] = _renumbered(day.sequence[stream], added[stream])


def _renumbered(sequence: I64, added: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> I64:
    """Return the sequences with each added trade one above the trade before it."""
    step = np.diff(sequence, prepend=sequence[:1])
    step[added] = 1
    behind = np.flatnonzero(~added[1:] & added[:-1]) + 1
    for row in behind.tolist():  # take back what the added ones have used up, as far as it goes
        count = int(row - 1 - np.flatnonzero(~added[:row])[-1])
        step[row] = max(int(step[row]) - count, 1)
    numbered: I64 = sequence[0] + np.cumsum(step)
    return numbered
