"""The pace of a replay, by a clock that is set."""

import numpy as np
import pytest

from tape.feeds.pace import NAP_S, TICK_S, Pace
from tape.testing import SettableClock

SECOND_NS = 1_000_000_000


def test_trades_are_handed_out_when_they_are_due() -> None:
    clock = SettableClock()
    due_ns = np.array([0, 1, 2, 10]) * SECOND_NS + 1_746_451_800 * SECOND_NS
    start_s, found = clock.now_s(), []
    for start, stop in Pace(1, clock).slices(due_ns, until=lambda: False):
        found += [(nth, round(clock.now_s() - start_s, 1)) for nth in range(start, stop)]
    assert found == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 10.0)]
    assert max(clock.slept_s) <= NAP_S, "it looks often enough whether to stop"


@pytest.mark.parametrize("speed", [2.0, 10.0, 0.5])
def test_a_faster_pace_is_as_much_shorter(speed: float) -> None:
    clock = SettableClock()
    due_ns = np.arange(100) * SECOND_NS
    start_s = clock.now_s()
    for _ in Pace(speed, clock).slices(due_ns, until=lambda: False):
        pass
    assert clock.now_s() - start_s == pytest.approx(99 / speed, abs=TICK_S)


def test_no_pace_hands_out_everything_at_once() -> None:
    clock = SettableClock()
    due_ns = np.arange(100) * SECOND_NS
    assert list(Pace(0, clock).slices(due_ns, until=lambda: False)) == [(0, 100)]
    assert clock.slept_s == []


def test_a_stop_ends_it_in_the_middle() -> None:
    clock = SettableClock()
    due_ns = np.arange(100) * SECOND_NS
    sent = [
        stop - start
        for start, stop in Pace(1, clock).slices(due_ns, until=lambda: clock.now_s() >= 1_010.0)
    ]
    assert sum(sent) == 10


def test_time_that_passes_elsewhere_is_caught_up_with() -> None:
    clock = SettableClock()
    slices = Pace(1, clock).slices(np.arange(10) * SECOND_NS, until=lambda: False)
    assert next(slices) == (0, 1)
    clock.advance(5)
    assert next(slices) == (1, 6)
