"""Episodes as rows of a table: one for each that is closed."""

from collections.abc import Sequence
from typing import Any, Final

from tape.model.episode import Episode, decode_episode
from tape.model.fields import Unreadable, time_ns
from tape.model.rejected import Rejected
from tape.sinks.message_rows import Read
from tape.sinks.sink import Item, Poison

TIMES: Final = ("first_ts_event", "last_ts_event")
PRICES: Final = ("price_before", "price_extreme", "price_after")
NUMBERS: Final = ("flags", "shares", "publisher_id", "first_sequence", "last_sequence")
MEASURES: Final = ("duration_s", "severity", "priority", "notional_usd", *PRICES)


class EpisodeTable:
    """One row per closed episode; its earlier states have none."""

    columns = (
        *("first_ts_event", "last_ts_event", "duration_s", "symbol", "priority", "mark", "reason"),
        *("context", "severity", "family", "rule", "rules", "flags", "shares", "notional_usd"),
        *("publisher_id", *PRICES, "text", "episode_id", "first_sequence", "last_sequence"),
    )

    def cells(self, items: Sequence[Item], /) -> Read:
        """Return rows of text and numbers; times and prices to their last digit."""
        found, poison = _read(items)
        rows = []
        for one in found:
            row: dict[str, Any] = {name: getattr(one, name) for name in self.columns}
            row["rules"] = "; ".join(f"{name} {count}" for name, count in one.rules.items())
            rows.append(row)
        return rows, poison

    def records(self, items: Sequence[Item], /) -> Read:
        """Return rows as Arrow has them."""
        found, poison = _read(items)
        return [self.record(one) for one in found], poison

    def record(self, one: Episode) -> dict[str, Any]:
        """Return the row of an episode as Arrow has it."""
        row: dict[str, Any] = {name: getattr(one, name) for name in self.columns}
        row |= {name: time_ns(row[name], name) for name in TIMES}
        row |= {name: None if row[name] is None else float(row[name]) for name in PRICES}
        row["rules"] = list(one.rules.items())
        return row

    def types(self, pa: Any, /) -> dict[str, Any]:
        """Return the types of Arrow's columns."""
        types = {name: pa.string() for name in self.columns}
        types |= {name: pa.timestamp("ns", tz="UTC") for name in TIMES}
        types |= {name: pa.int64() for name in NUMBERS}
        types |= {name: pa.float64() for name in MEASURES}
        return types | {"rules": pa.map_(pa.string(), pa.int64())}


def _read(items: Sequence[Item]) -> tuple[list[Episode], list[Poison]]:
    """Return the closed episodes of messages, and the messages that hold no episode, and why."""
    found, poison = [], []
    for item in items:
        one = decode_episode(item.value)
        if isinstance(one, Rejected):
            poison.append(Poison(item, f"it is no episode ({one.reason}: {one.detail})"))
            continue
        try:
            for name in TIMES:
                time_ns(getattr(one, name), name)
        except Unreadable as unreadable:
            why = unreadable.rejected
            poison.append(Poison(item, f"it is no episode ({why.reason}: {why.detail})"))
            continue
        if one.state == "closed":
            found.append(one)
    return found, poison


TABLE: Final = EpisodeTable()
