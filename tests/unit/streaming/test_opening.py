"""A store that cannot be made ready at once is waited for, and not for ever."""

from typing import Any

import pytest

from tape.errors import StoreAwayError
from tape.sinks.sink import SinkBusyError
from tape.streaming.opening import WAIT_S, open_store
from tape.testing import SettableClock


class Slow:
    """A store that is busy this many times before it opens."""

    def __init__(self, times: int) -> None:
        self.left = times

    def open(self) -> None:
        if self.left:
            self.left -= 1
            raise SinkBusyError("no answer within 5 s", retry_after_s=2.0)


def test_a_store_that_is_busy_at_start_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    store: Any = Slow(4)
    clock = SettableClock()
    open_store(store, "opensearch", clock)
    assert (store.left, clock.slept_s) == (0, [2.0] * 4)
    assert [one.message for one in caplog.records] == ["waiting for the store"]


def test_one_that_stays_busy_is_a_sentence_and_the_app_is_started_again() -> None:
    store: Any = Slow(10**9)
    clock = SettableClock()
    with pytest.raises(StoreAwayError, match=r"opensearch cannot be made ready \(no answer within"):
        open_store(store, "opensearch", clock)
    assert WAIT_S <= sum(clock.slept_s) <= WAIT_S + 2
