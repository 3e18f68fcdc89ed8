"""How much of what was there before is shown: as much as is asked for, of what the filter shows."""

from tape.kafka.follower import Record, Select
from tape.model.rejected import Rejected
from tape.view.alert import seen
from tape.view.event import state_of
from tape.view.filters import Filter


def past_trades(chosen: Filter) -> Select:
    """Return what selects the newest anomalies that a filter shows, with what cannot be read."""

    def select(records: list[Record], count: int) -> tuple[list[Record], bool]:
        kept: list[Record] = []
        shown = 0
        for record in reversed(records):
            if shown == count:
                break
            one = seen(record.value, record.source)
            if isinstance(one, Rejected) or chosen.shows(one):
                kept.append(record)
                shown += not isinstance(one, Rejected)
        return kept[::-1], shown == count

    return select


def past_events(chosen: Filter) -> Select:
    """Return what selects the states of the newest episodes that a filter shows."""

    def select(records: list[Record], count: int) -> tuple[list[Record], bool]:
        kept: list[Record] = []
        shown: set[str] = set()
        for record in reversed(records):
            one = state_of(record.value)
            if isinstance(one, Rejected):
                kept.append(record)
            elif chosen.fits(one):
                if one.id not in shown and len(shown) == count:
                    break
                shown.add(one.id)
                kept.append(record)
        return kept[::-1], len(shown) == count

    return select
