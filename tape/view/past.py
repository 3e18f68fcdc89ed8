"""How much of what was there before is shown: as much as is asked for, of what the filter shows."""

from collections.abc import Iterable
from typing import TypeVar

from tape.kafka.follower import Select
from tape.kafka.growing import Record
from tape.model.rejected import Rejected
from tape.view.alert import Seen, seen
from tape.view.event import State, state_of
from tape.view.filters import Filter

T = TypeVar("T", bound=Seen | State | Rejected)


def past_trades(chosen: Filter) -> Select:
    """Return what selects the newest anomalies that a filter shows, with what cannot be read."""

    def select(records: list[Record], count: int) -> tuple[list[Record], bool]:
        found = _by_time((seen(one.value, one.source), one) for one in records)
        kept: list[Record] = []
        shown = 0
        for trade, record in reversed(found):
            if shown == count:
                break
            if isinstance(trade, Rejected) or chosen.shows(trade):
                kept.append(record)
                shown += not isinstance(trade, Rejected)
        return kept[::-1], shown == count

    return select


def past_events(chosen: Filter) -> Select:
    """Return what selects the states of the newest episodes that a filter shows."""

    def select(records: list[Record], count: int) -> tuple[list[Record], bool]:
        found = _by_time((state_of(one.value), one) for one in records)
        kept: list[Record] = []
        shown: set[str] = set()
        for state, record in reversed(found):
            if isinstance(state, Rejected):
                kept.append(record)
            elif chosen.fits(state):
                if state.id not in shown and len(shown) == count:
                    break
                shown.add(state.id)
                kept.append(record)
        return kept[::-1], len(shown) == count

    return select


def _by_time(found: Iterable[tuple[T, Record]]) -> list[tuple[T, Record]]:
    """Return records in the order of their trades: partitions are written at different times.

    What cannot be read stands before all else.
    """
    return sorted(found, key=lambda one: "" if isinstance(one[0], Rejected) else one[0].time)
