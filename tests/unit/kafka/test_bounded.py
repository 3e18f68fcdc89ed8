"""A call of the client ends in time, whatever the client does."""

import threading

import pytest

from tape.kafka import bounded
from tape.kafka.bounded import within


def test_what_a_call_returns_is_returned() -> None:
    assert within(1, lambda: [3, None]) == [3, None]


def test_a_call_that_returns_nothing_has_ended_too() -> None:
    assert within(1, lambda: None) is None


def test_what_a_call_raises_is_raised() -> None:
    def fails() -> None:
        raise KeyError("stocks")

    with pytest.raises(KeyError, match="stocks"):
        within(1, fails)


def test_a_call_that_hangs_ends_with_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "GRACE_S", 0.05)
    never = threading.Event()
    try:
        with pytest.raises(TimeoutError, match="has not answered"):
            within(0.05, never.wait)
    finally:
        never.set()
