"""The circuit breaker, at its edges."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.errors import StateError
from tape.streaming.breaker import BLOCK, SPAN, Breaker, Trip


def bad(*positions: int, reason: str = "message_not_json") -> list[tuple[int, str]]:
    return [(position, reason) for position in positions]


class Counting:
    """A breaker and the batches that it was shown; what trips it ends a test's patience."""

    def __init__(self, share_max: float, run_max: int) -> None:
        self.breaker = Breaker(share_max, run_max)

    def note(self, records: int, rejected: Sequence[tuple[int, str]]) -> Trip | None:
        self.breaker, trip = self.breaker.after(records, rejected)
        return trip

    def goes_on(self, records: int, rejected: Sequence[tuple[int, str]]) -> None:
        assert self.note(records, rejected) is None


def test_one_below_the_run_limit_goes_on_and_the_limit_stops() -> None:
    counting = Counting(0, 1_000)
    counting.goes_on(999, bad(*range(999)))
    assert counting.note(1, bad(0)) == Trip(0, 0, 1_000, "message_not_json", 1_000)


def test_a_good_record_between_ends_the_run() -> None:
    counting = Counting(0, 1_000)
    for _ in range(10):
        counting.goes_on(1_000, bad(*range(999)))  # the last one is good


def test_the_run_goes_on_over_batches_and_begins_again_in_the_middle_of_one() -> None:
    counting = Counting(0, 10)
    counting.goes_on(8, bad(3, 4, 5, 6, 7))
    counting.goes_on(4, bad(0, 1, 2, 3))
    trip = counting.note(1, bad(0))
    assert trip is not None
    assert trip.run == 10


def test_the_share_is_judged_over_the_last_hundred_thousand() -> None:
    counting = Counting(0.01, 0)
    for _ in range(SPAN // 1_000):
        counting.goes_on(1_000, bad(*range(10)))  # exactly 1 %
    assert counting.note(1_000, bad(*range(11))) == Trip(999, 1_001, 0, "message_not_json", 1_001)


def test_a_large_batch_trips_at_the_first_of_its_blocks_that_is_too_much() -> None:
    trip = Counting(0.01, 0).note(3 * SPAN, bad(*range(0, 3 * SPAN, 50)))
    assert trip is not None
    assert (trip.at, trip.rejected) == (SPAN - 1, 2_000)


def test_before_a_full_span_no_share_is_judged() -> None:
    Counting(0.01, 0).goes_on(SPAN - 1, bad(*range(50_000)))


def test_limits_of_nought_are_off_and_count_nothing() -> None:
    counting = Counting(0, 0)
    for _ in range(200):
        counting.goes_on(1_000, bad(*range(1_000)))
    again = Breaker(0.01, 1_000, counting.breaker.kept())
    assert again.after(1, bad(0))[1] is None, "what came while it was off does not count later"


def test_the_reason_named_is_one_of_the_span_not_of_long_ago() -> None:
    counting = Counting(0.01, 0)
    for _ in range(10 * SPAN // 1_000):
        counting.goes_on(1_000, bad(*range(9), reason="number_range"))
    counting.goes_on(SPAN, [])
    counting.goes_on(1_000, bad(*range(500)))
    counting.goes_on(1_000, bad(*range(500)))
    trip = counting.note(1_000, bad(*range(500)))
    assert trip is not None
    assert (trip.reason, trip.times) == ("message_not_json", 1_500)


def test_the_reason_named_is_one_of_the_run_not_of_before_it() -> None:
    counting = Counting(0, 10)
    for _ in range(100):
        counting.goes_on(10, bad(*range(9), reason="number_range"))
    trip = counting.note(10, bad(*range(10)))
    assert trip is not None
    assert (trip.reason, trip.times) == ("message_not_json", 10)


def literally(bad_ones: Sequence[bool], share_max: float, run_max: int) -> int | None:
    """The first record that trips, by the definition, one record after the other."""
    run, before = 0, [0, *accumulate(bad_ones)]
    for seen, is_bad in enumerate(bad_ones, start=1):
        run = run + 1 if is_bad else 0
        share_is_judged = share_max and seen >= SPAN and seen % BLOCK == 0
        too_many = share_is_judged and before[seen] - before[seen - SPAN] > share_max * SPAN
        if too_many or 0 < run_max <= run:
            return seen - 1
    return None


def tripped_at(
    bad_ones: Sequence[bool], cuts: Sequence[int], share_max: float, run_max: int, *, restarts: bool
) -> int | None:
    """The first record that trips, where the records come in batches that end at `cuts`."""
    breaker = Breaker(share_max, run_max)
    edges = sorted({0, len(bad_ones), *(cut for cut in cuts if cut < len(bad_ones))})
    for begin, end in pairwise(edges):
        batch = bad_ones[begin:end]
        breaker, trip = breaker.after(len(batch), bad(*(n for n, one in enumerate(batch) if one)))
        if trip is not None:
            return begin + trip.at
        if restarts:
            breaker = Breaker(share_max, run_max, breaker.kept())
    return None


RATES = [0, 1, 60, 90, 110, 120, 5_000]


@settings(max_examples=60)
@given(
    stretches=st.lists(
        st.tuples(st.sampled_from([1, 999, 1_000, 60_000, 90_000]), st.sampled_from(RATES)),
        min_size=2,
        max_size=5,
    ),
    cuts=st.lists(st.integers(1, 300_000), max_size=12),
    run_max=st.sampled_from([0, 1, 7, 1_000]),
    share_max=st.sampled_from([0.0, 0.01]),
    restarts=st.booleans(),
)
def test_it_trips_at_the_same_record_however_the_batches_and_restarts_fall(
    stretches: list[tuple[int, int]],
    cuts: list[int],
    run_max: int,
    share_max: float,
    restarts: bool,
) -> None:
    """A stretch of n records has one bad one in 10,000 / rate, or is bad altogether (rate 1)."""
    bad_ones: list[bool] = []
    for count, rate in stretches:
        every = 10_000 // rate if rate > 1 else rate
        bad_ones += [bool(every) and number % every == 0 for number in range(count)]
    expected = literally(bad_ones, share_max, run_max)
    assert tripped_at(bad_ones, cuts, share_max, run_max, restarts=restarts) == expected


def test_the_sentence_tells_the_share_from_the_limit_and_says_how_to_go_on() -> None:
    breaker = Breaker(0.01, 0)
    trip = Trip(7, 1_001, 0, "number_range", 600)
    assert breaker.refuses(trip)
    text = str(breaker.error(trip, of="stocks[3]", cure="fix what writes to stocks"))
    assert "1.001% of the last 100,000 records of stocks[3]" in text
    assert "REJECTED_SHARE_MAX=0.01;" in text
    assert "number_range (600 times)" in text
    assert "REJECTED_SHARE_MAX=0 " in text
    assert breaker.error(trip, of="x", cure="y").exit_code == 3


def test_what_tripped_holds_under_the_limits_of_now() -> None:
    share = Trip(7, 1_070, 0, "number_range", 600)
    for share_max, refuses in ((0.01, True), (0.0106, True), (0.0107, False), (0, False)):
        assert Breaker(share_max, 1_000).refuses(share) is refuses
    run = Trip(7, 0, 1_000, "number_range", 600)
    assert [Breaker(0, limit).refuses(run) for limit in (999, 1_000, 1_001, 0)] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("kept", [b"", b"\xff\xfe", b"{}", b'{"version":2}', b"[1]"])
def test_a_count_that_cannot_be_read_is_refused_in_a_sentence(kept: bytes) -> None:
    with pytest.raises(StateError, match="count of rejected records"):
        Breaker(0.01, 1_000, kept)
