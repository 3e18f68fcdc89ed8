"""What a store is given of a message, whatever stands in its record."""

from typing import Any

import pytest

from tape.model.fields import iso_time
from tape.sinks.sink import APPENDED_MAX_MS
from tape.streaming.storing import item_of


class Written:
    """A record of which only the time matters."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms

    def timestamp(self) -> tuple[int, int]:
        return 1, self._at_ms

    def __getattr__(self, name: str) -> Any:
        return {"value": lambda: b"{}", "key": lambda: b"k", "headers": lambda: []}.get(
            name, lambda: 3
        )


@pytest.mark.parametrize(
    ("at_ms", "kept_ms"),
    [
        (-1, 0),
        (1_750_000_000_000, 1_750_000_000_000),
        (1_750_000_000_000_000, APPENDED_MAX_MS),  # microseconds, as somebody's client wrote them
        (2**63 - 1, APPENDED_MAX_MS),
        (-(2**63), 0),
    ],
)
def test_a_time_that_no_store_has_room_for_is_the_last_one_that_it_has(
    at_ms: int, kept_ms: int
) -> None:
    message: Any = Written(at_ms)
    item = item_of(message, "anomalies", "anomalies")
    assert item.appended_ms == kept_ms
    assert iso_time(item.appended_ms * 1_000_000)
