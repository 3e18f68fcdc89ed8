"""Duplicates, and nothing else, are dropped: every detector beside a page of plain Python."""

from collections import Counter, deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.classic.detector import ClassicDetector
from tape.detection.classic.reference import LiteralDetector
from tape.detection.duplicates import PUBLISHERS
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, LATE, NEW
from tape.model.columns import TradeColumns
from tape.model.fields import TIME_MAX_NS, TIME_MIN_NS

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

Trade = tuple[int, int, int, int, int, int, int]
"""publisher, ts_event_ns, sequence, ordinal, price_nanos, size, side"""

SMALL = {"trees": 3, "window": 20, "history": 60}
KINDS = {
    "classic": (ClassicDetector, Parameters(**SMALL)),
    "literal": (LiteralDetector, Parameters(**SMALL)),
    "calibrated": (CalibratedDetector, Parameters(profile="calibrated")),
}
MEMORY = 1_024
laws = settings(max_examples=5, deadline=None)


def expected(trades: list[Trade]) -> list[tuple[int, int, bool]]:
    """Outcome, ns behind, and whether the place is shared; memory of publishers is not bounded."""
    ring: deque[Trade] = deque()
    held, places = Counter[Trade](), Counter[tuple[int, ...]]()
    newest: dict[int, int] = {}
    answers = []
    for trade in trades:
        publisher, ns, sequence = trade[:3]
        numbered = sequence > 0
        if numbered and held[trade]:
            answers.append((DUPLICATE, 0, False))
            continue
        behind = max(newest.get(publisher, ns) - ns, 0)
        answers.append((LATE if behind else NEW, behind, numbered and places[trade[:4]] > 0))
        newest[publisher] = max(newest.get(publisher, ns), ns)
        ring.append(trade)
        held[trade] += 1
        places[trade[:4]] += 1
        if len(ring) > MEMORY:
            oldest = ring.popleft()
            held[oldest] -= 1
            places[oldest[:4]] -= 1
    return answers


def fresh(kind: str):
    detector, parameters = KINDS[kind]
    symbols = SymbolTable()
    symbols.number("A")
    return detector(parameters, symbols)


def columns(trades: list[Trade]) -> TradeColumns:
    publisher, ns, sequence, ordinal, price, size, side = zip(*trades, strict=True)
    return TradeColumns(
        np.zeros(len(trades), np.int32),
        np.array(publisher, np.int32),
        np.array(ns, np.int64),
        np.array(price, np.int64),
        np.array(size, np.int64),
        np.array(side, np.uint8),
        np.array(sequence, np.int64),
        np.array(ordinal, np.int32),
    )


def answered(kind: str, trades: list[Trade], batch: int, *, restored: bool = False) -> list:
    detector = fresh(kind)
    answers: list[Any] = []
    for start in range(0, len(trades), batch):
        found = detector.detect(columns(trades[start : start + batch]))
        answers += zip(
            found.outcome.tolist(), found.behind_ns.tolist(), found.shared.tolist(), strict=True
        )
        if restored:
            blob = detector.snapshot(0)
            detector = fresh(kind)
            detector.restore(0, blob)
            assert detector.snapshot(0) == blob
    return answers


def tape(seed: int, n: int, publishers: int = 3, memory: int = 1_500) -> list[Trade]:
    """A tape with few different values, so that much of it repeats in part or as a whole."""
    random = np.random.default_rng(seed)
    trades: list[Trade] = []
    sequence, ns = 1, 10**18
    for _ in range(n):
        chance = random.random()
        if chance < 0.15 and trades:
            trades.append(trades[-1 - int(random.integers(0, min(len(trades), memory)))])
            continue
        ns += int(random.choice([0, 0, 1, 1_000, 10**9, -5_000, -(10**10)]))
        if chance < 0.152:
            trades.append((1, ns + 40 * 365 * 86_400 * 10**9, 2**32 - 1, 0, 10**11, 1, 65))
            continue
        sequence = 1 if chance < 0.16 else sequence + int(random.choice([0, 0, 1, 7]))
        trades.append(
            (
                int(random.integers(0, publishers)),
                ns,
                sequence if chance < 0.95 else int(random.choice([0, -1])),
                int(random.choice([0, 0, 0, 1, 2])),
                10**11 + int(random.integers(0, 3)) * 10**7,
                int(random.choice([1, 100])),
                int(random.choice([65, 66, 78])),
            )
        )
    return trades


@pytest.mark.parametrize("kind", KINDS)
@laws
@given(
    seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 900), publishers=st.sampled_from([1, 3])
)
def test_nothing_but_duplicates_is_dropped(
    kind: str, seed: int, batch: int, publishers: int
) -> None:
    trades = tape(seed, 2_500, publishers)
    answers = expected(trades)
    assert answered(kind, trades, batch) == answers
    assert answered(kind, trades, max(batch, 100), restored=True) == answers


@pytest.mark.parametrize("kind", ["classic", "calibrated"])
def test_seventy_thousand_trades_later_memory_is_still_right(kind: str) -> None:
    """The index over the ring knows numbers by their last 16 bits."""
    trades = tape(1, 70_000)
    first = [(9, 10**18, n, 0, 10**11, 1, 65) for n in range(1, 66_000)]
    pause = [(1, 10**18 + n, 10**6 + n, 0, 10**11, 1, 65) for n in range(66_000)]
    for one in (trades, [*first[:1_500], *pause, *first[:1_500], *first[400:1_600]]):
        assert answered(kind, one, 5_000) == expected(one)


@pytest.mark.parametrize("kind", KINDS)
def test_a_duplicate_is_found_exactly_as_long_as_memory_lasts(kind: str) -> None:
    one: Trade = (2, 10**18, 7, 0, 10**11, 1, 65)
    for between, outcome in ((MEMORY - 1, DUPLICATE), (MEMORY, LATE)):
        others = [(2, 10**18 + n, 7 + n, 0, 10**11, 1, 65) for n in range(1, between + 1)]
        assert answered(kind, [one, *others, one], 300)[-1][0] == outcome


@pytest.mark.parametrize("kind", KINDS)
def test_more_publishers_than_there_is_room_for_drop_nothing(kind: str) -> None:
    """Only how many are late may be too few then; what is dropped is not."""
    trades = tape(5, 3_000, publishers=3 * PUBLISHERS)
    outcomes = [outcome for outcome, _, _ in answered(kind, trades, 450, restored=True)]
    duplicates = [outcome == DUPLICATE for outcome, _, _ in expected(trades)]
    assert [outcome == DUPLICATE for outcome in outcomes] == duplicates
    assert answered(kind, trades, 1_000) == answered("literal", trades, 777)


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_an_identity_tells_trades_apart(kind: str) -> None:
    one: Trade = (2, 10**18, 7, 0, 10**11, 1, 65)
    others = [
        (3, 10**18, 7, 0, 10**11, 1, 65),
        (2, 10**18 + 1, 7, 0, 10**11, 1, 65),
        (2, 10**18, 8, 0, 10**11, 1, 65),
        (2, 10**18, 7, 1, 10**11, 1, 65),
        (2, 10**18, 7, 0, 10**11 + 1, 1, 65),
        (2, 10**18, 7, 0, -(10**11), 1, 65),
        (2, 10**18, 7, 0, 10**11, 2, 65),
        (2, 10**18, 7, 0, 10**11, 1, 66),
    ]
    trades = [one, *others]
    answers = answered(kind, [*trades, *trades], 4)
    assert answers == expected([*trades, *trades])
    assert [outcome == DUPLICATE for outcome, _, _ in answers] == [False] * 9 + [True] * 9


@pytest.mark.parametrize("kind", KINDS)
def test_limits_of_times_and_sequences_are_ordinary(kind: str) -> None:
    times = [TIME_MAX_NS - 1, TIME_MIN_NS, TIME_MIN_NS + 1, TIME_MAX_NS - 1, TIME_MIN_NS]
    sequences = [2**32 - 1, 1, 2**32 - 1, 2**32 - 1, 1]
    trades: list[Trade] = [
        (65_535, ns, sequence, 2**31 - 1, 10**16, 2**32 - 1, 78)
        for ns, sequence in zip(times, sequences, strict=True)
    ]
    answers = answered(kind, trades, 2)
    assert answers == expected(trades)
    assert answers[1] == (LATE, TIME_MAX_NS - 1 - TIME_MIN_NS, False)


def ordinary(seed: int, n: int, publishers: int = 2) -> list[Trade]:
    """A tape in order, without duplicates, with odd prices and sizes in it."""
    random = np.random.default_rng(seed)
    cents = 14_000 + np.cumsum(random.integers(-1, 2, n))
    odd = random.random(n) < 0.03
    cents[odd] += random.integers(-300, 300, odd.sum())
    start_ns = 1_738_022_400_000_000_000 - 3_600 * 10**9  # an hour before midnight UTC in winter
    return [
        (
            1 + int(random.integers(0, publishers)),
            start_ns + at * 7_200 * 10**9 // n,
            1_000 + at,
            0,
            int(cents[at]) * 10**7,
            int(random.choice([1, 100, 25_000], p=[0.5, 0.49, 0.01])),
            66,
        )
        for at in range(n)
    ]


def wrong_stamps(random: np.random.Generator, n: int, publisher: list[int]) -> np.ndarray:
    """Which trades have a wrong clock: the first, one, a thousand in a row, one publisher's."""
    wrong = np.zeros(n, np.bool_)
    match int(random.integers(0, 4)):
        case 0:
            wrong[0] = True
        case 1:
            wrong[int(random.integers(0, n))] = True
        case 2:
            first = int(random.integers(0, n))
            wrong[first : first + 1_000] = True
        case _:
            wrong[np.array(publisher) == 1] = True
    return wrong


@pytest.mark.parametrize("kind", ["classic", "literal"])
@laws
@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 900), restored=st.booleans())
def test_no_time_and_no_sequence_drops_a_trade_or_changes_a_classic_verdict(
    kind: str, seed: int, batch: int, restored: bool
) -> None:
    random = np.random.default_rng(seed)
    trades = ordinary(seed, 2_000)
    detector = fresh(kind)
    verdicts = detector.detect(columns(trades))
    assert not (verdicts.outcome == DUPLICATE).any()
    assert np.count_nonzero(verdicts.rules) > 10
    shift_ns = int(random.choice([0, 1, -1])) * int(random.integers(0, 86_400 * 10**9))
    ahead_ns = int(random.choice([-1, 1])) * int(
        random.choice([1, 10**6, 3_600 * 10**9, 86_400 * 10**9, 20 * 365 * 86_400 * 10**9])
    )
    wrong = wrong_stamps(random, len(trades), [trade[0] for trade in trades])
    restart = int(random.integers(0, 2_000))
    step = int(random.choice([1, 2**31, 2**32 - 1_000 - restart]))
    moved = [
        (
            publisher,
            ns + shift_ns + (ahead_ns if wrong[at] else 0),
            at + 1 - restart if at >= restart else step + at,
            *rest,
        )
        for at, (publisher, ns, _, *rest) in enumerate(trades)
    ]
    assert len(set(moved)) == len(moved)
    detector, rules = fresh(kind), []
    for start in range(0, len(moved), batch):
        found = detector.detect(columns(moved[start : start + batch]))
        assert not (found.outcome == DUPLICATE).any()
        rules += found.rules.tolist()
        if restored and start < 5 * batch:
            blob = detector.snapshot(0)
            detector = fresh(kind)
            detector.restore(0, blob)
    assert rules == verdicts.rules.tolist()
