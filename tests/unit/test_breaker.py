"""The circuit breaker, at its edges."""

import pytest

from tape.breaker import SPAN, Breaker
from tape.errors import BreakerError


def bad(*positions: int) -> list[tuple[int, str]]:
    return [(position, "message_not_json") for position in positions]


def test_one_below_the_run_limit_goes_on_and_the_limit_stops() -> None:
    breaker = Breaker(0, 1_000)
    breaker.note(999, bad(*range(999)))
    with pytest.raises(BreakerError, match="message_not_json") as caught:
        breaker.note(1, bad(0))
    assert caught.value.exit_code == 3


def test_a_good_record_between_ends_the_run() -> None:
    breaker = Breaker(0, 1_000)
    for _ in range(10):
        breaker.note(1_000, bad(*range(999)))  # the last one is good


def test_the_run_goes_on_over_batches_and_begins_anew_in_the_middle_of_one() -> None:
    breaker = Breaker(0, 10)
    breaker.note(8, bad(3, 4, 5, 6, 7))
    breaker.note(4, bad(0, 1, 2, 3))
    with pytest.raises(BreakerError):
        breaker.note(1, bad(0))


def test_the_share_is_judged_over_the_last_hundred_thousand() -> None:
    breaker = Breaker(0.01, 0)
    for _ in range(SPAN // 1_000):
        breaker.note(1_000, bad(*range(10)))  # exactly 1 %
    with pytest.raises(BreakerError, match=r"1\.5% of the last 100,000"):
        breaker.note(1_000, bad(*range(500)))


def test_before_a_full_span_no_share_is_judged() -> None:
    Breaker(0.01, 0).note(SPAN - 1, bad(*range(50_000)))


def test_limits_of_nought_are_off() -> None:
    breaker = Breaker(0, 0)
    for _ in range(200):
        breaker.note(1_000, bad(*range(1_000)))


def test_the_reason_named_is_one_of_the_span_not_of_long_ago() -> None:
    breaker = Breaker(0.01, 0)
    for _ in range(10 * SPAN // 1_000):
        breaker.note(1_000, [(position, "number_range") for position in range(9)])
    breaker.note(SPAN, [])
    breaker.note(1_000, bad(*range(500)))
    breaker.note(1_000, bad(*range(500)))
    with pytest.raises(BreakerError, match=r"most often message_not_json \(1,500 times\)"):
        breaker.note(1_000, bad(*range(500)))


def test_the_reason_named_is_one_of_the_run_not_of_before_it() -> None:
    breaker = Breaker(0, 10)
    for _ in range(100):
        breaker.note(10, [(position, "number_range") for position in range(9)])
    with pytest.raises(BreakerError, match=r"most often message_not_json \(10 times\)"):
        breaker.note(10, bad(*range(10)))
