"""The compiled detector against the literal oracle, and what must not matter to it."""

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.machine.engine import full_detector
from tape.codec.symbols import SymbolTable
from tape.detection.classic.detector import ClassicDetector
from tape.detection.classic.reference import LiteralDetector
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.registry import make_detector
from tape.errors import StateError
from tape.model.columns import TradeColumns
from tape.model.fields import TIME_MAX_NS, TIME_MIN_NS

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

_spec = importlib.util.spec_from_file_location("oracle", Path(__file__).parents[2] / "oracle.py")
assert _spec is not None
assert _spec.loader is not None
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)

OUTCOMES = ["NEW", "LATE", "DUPLICATE"]
BITS = {
    "High Volume": 1,
    "Rapid Price Change": 2,
    "Isolation Forest": 4,
}
SMALL = {"window": 40, "stride": 2, "history": 60, "refit_every": 50, "trees": 7}
DAY_NS = 86_400_000_000_000


def table(names: str = "ABCDEFGH") -> SymbolTable:
    symbols = SymbolTable()
    for name in names:
        symbols.number(name)
    return symbols


def columns(trades: list[tuple], symbols: SymbolTable) -> TradeColumns:
    kinds = [np.int32, np.int32, np.int64, np.int64, np.int64, np.uint8, np.int64]
    rows = [(symbols.names.index(name), *rest) for name, *rest in trades]
    by_column = zip(*rows, strict=True) if rows else [[]] * 7
    made: list[Any] = [np.array(c, k) for c, k in zip(by_column, kinds, strict=True)]
    return TradeColumns(*[*made, np.zeros(len(rows), np.int32)])


def detected(detector, trades: list[tuple], batch: int = 1000) -> list[tuple[int, int]]:
    answers: list[tuple[int, int]] = []
    for start in range(0, len(trades), batch):
        verdicts = detector.detect(columns(trades[start : start + batch], detector.symbols))
        answers += zip(verdicts.outcome.tolist(), verdicts.rules.tolist(), strict=True)
    return answers


def expected(trades: list[tuple], **parameters) -> list[tuple[int, int]]:
    return [
        (OUTCOMES.index(outcome), sum(BITS[rule] for rule in rules))
        for outcome, rules in oracle.judged(trades, **parameters)
    ]


def tape(seed: int, n: int, names: str = "ABC", absurd: float = 0.0, publishers: int = 2) -> list:
    """Return a synthetic tape: random walks, ticks, flat stretches, repeats, late ones."""
    random = np.random.default_rng(seed)
    prices = {name: int(random.integers(1_000, 2_000_000)) for name in names}
    start = 20_000 * DAY_NS + DAY_NS - n * 500_000
    trades: list[tuple] = []
    for i in range(n):
        chance = random.random()
        if chance < 0.04 and trades:
            trades.append(trades[-1 - int(random.integers(0, min(len(trades), 4000)))])
            continue
        name = names[int(random.integers(0, len(names)))]
        if (i // 700) % 3 != 1:
            prices[name] = max(1, prices[name] + int(random.normal() * prices[name] * 1e-3))
        price = prices[name] * 100_000
        if random.random() < 0.01:
            price = int(price * random.uniform(0.97, 1.03))
        if random.random() < absurd:
            price = int(random.choice([0, 1, -50_000, 150_000, 199_999 * 10**9, -(10**16), 10**16]))
        ts = start + i * 1_000_000
        sequence = 10 * i - (200_000_000 if ts % DAY_NS < DAY_NS // 2 else 0) + 200_000_000
        if chance < 0.08:
            sequence -= int(random.integers(0, 5_000))
        elif chance < 0.10:
            sequence = -1
        elif chance < 0.12:
            sequence -= sequence % 50
        size = int(random.choice([1, 100, 20_000, 20_001, 10**9], p=[0.4, 0.57, 0.01, 0.01, 0.01]))
        publisher = int(random.integers(1, 1 + publishers))
        trades.append((name, publisher, ts, price, size, b"ABN"[i % 3], max(sequence, -1)))
    return trades


@pytest.mark.parametrize("absurd", [0.0, 0.01])
def test_verdicts_are_those_of_the_oracle(absurd: float) -> None:
    trades = tape(1, 6_000, absurd=absurd)
    answers = expected(trades, **SMALL)
    assert {outcome for outcome, _ in answers} == {0, 1, 2}
    assert len({rules for _, rules in answers}) >= 6
    assert detected(ClassicDetector(Parameters(**SMALL), table()), trades) == answers


def test_default_parameters_give_the_verdicts_of_the_oracle() -> None:
    trades = tape(2, 6_000, names="AB")
    answers = expected(trades)
    assert any(rules & BITS["Isolation Forest"] for _, rules in answers)
    assert detected(ClassicDetector(Parameters(), table()), trades) == answers


@pytest.mark.full
@pytest.mark.parametrize("seed", range(12))
def test_verdicts_are_those_of_the_oracle_on_many_tapes(seed: int) -> None:
    trades = tape(seed, 15_000, names="ABCDE"[: 1 + seed % 5], absurd=0.002 * (seed % 3))
    for parameters in ({}, SMALL, SMALL | {"contamination": 0.1, "random_state": seed}):
        detector = ClassicDetector(Parameters(**parameters), table())
        assert detected(detector, trades) == expected(trades, **parameters)


def test_thousands_of_equal_prices_are_ordinary() -> None:
    trades = [("A", 1, i, 10**11, 1, 65, i) for i in range(5_000)]
    detector = ClassicDetector(Parameters(), table())
    assert detected(detector, trades) == expected(trades) == [(0, 0)] * 5_000


def test_flat_stretches_and_ticks_are_judged_like_the_oracle_does() -> None:
    random = np.random.default_rng(5)
    steps = np.repeat(random.integers(-1, 2, 60), 100)
    prices = (10_000 + np.cumsum(steps * (random.random(len(steps)) < 0.02))) * 1_000_000
    trades = [("A", 1, i, int(p), 1, 65, i) for i, p in enumerate(prices)]
    assert detected(ClassicDetector(Parameters(), table()), trades) == expected(trades)


def test_thresholds_of_a_symbol_replace_the_common_ones() -> None:
    trades = tape(3, 3_000, names="AB")
    overrides = {"B": SymbolThresholds(volume_threshold=50, change_threshold=0.002)}
    detector = ClassicDetector(Parameters(**SMALL, overrides=overrides), table())
    assert detected(detector, trades) == expected(trades, **SMALL, overrides={"B": (50, 0.002)})


@pytest.mark.parametrize("batch", [1, 7, 6_000])
def test_batching_does_not_matter(batch: int) -> None:
    trades = tape(4, 3_000)
    parameters = Parameters(**SMALL)
    whole = detected(ClassicDetector(parameters, table()), trades)
    assert detected(ClassicDetector(parameters, table()), trades, batch) == whole


def test_other_symbols_and_their_rows_do_not_matter() -> None:
    trades = tape(6, 4_000, names="ABCD")
    together = detected(ClassicDetector(Parameters(**SMALL), table("DCBA")), trades)
    for name in "ABCD":
        own = [trade for trade in trades if trade[0] == name]
        alone = detected(ClassicDetector(Parameters(**SMALL), table(name)), own)
        assert alone == [v for v, t in zip(together, trades, strict=True) if t[0] == name]


@pytest.mark.parametrize("kind", [ClassicDetector, LiteralDetector])
def test_keeping_and_restoring_the_state_does_not_matter(kind) -> None:
    trades = tape(7, 2_500, names="AB", absurd=0.002)
    parameters = Parameters(**SMALL)
    whole = detected(kind(parameters, table()), trades)
    detector, answers = kind(parameters, table("AB")), []
    for start in range(0, len(trades), 333):
        answers += detected(detector, trades[start : start + 333])
        moved = kind(parameters, table("BA"))
        for name in "AB":
            blob = detector.snapshot(detector.symbols.names.index(name))
            moved.restore(moved.symbols.names.index(name), blob)
        detector = moved
    assert answers == whole


@pytest.mark.parametrize("training", ["thinned", "window"])
def test_the_literal_detector_gives_the_verdicts_of_the_oracle(training: str) -> None:
    trades = tape(8, 2_500, names="AB", absurd=0.002)
    parameters = Parameters(**SMALL, training=training)
    answers = expected(trades, **SMALL, training=training)
    assert detected(LiteralDetector(parameters, table()), trades) == answers


def test_both_detectors_give_the_same_reasons() -> None:
    trades = tape(9, 2_500, names="AB")
    symbols = table()
    texts = []
    for kind in (ClassicDetector, LiteralDetector):
        detector = kind(Parameters(**SMALL), symbols)
        batch = columns(trades, symbols)
        verdicts = detector.detect(batch)
        found = [
            reason
            for position in range(len(verdicts.flagged))
            for reason in detector.explain(batch, verdicts, position).reasons
        ]
        assert all(np.isfinite([reason.value, reason.threshold]).all() for reason in found)
        assert {reason.rule for reason in found} == set(BITS)
        texts.append([(reason.rule, reason.text) for reason in found])
    assert texts[0] == texts[1]


def test_reasons_say_what_was_seen_and_what_is_usual() -> None:
    cents = np.rint(np.random.default_rng(0).normal(size=4_002) * 20)
    cents[-1] = 0
    prices = 150_000_000_000 + cents * 10_000_000
    trades = [("A", 1, i, int(p), 1, 65, i) for i, p in enumerate(prices)]
    trades.append(("A", 1, 5_000, 157_570_000_000, 25_000, 65, 5_000))
    detector = ClassicDetector(Parameters(), table())
    batch = columns(trades, detector.symbols)
    verdicts = detector.detect(batch)
    reasons = detector.explain(batch, verdicts, len(verdicts.flagged) - 1).reasons
    assert [reason.text for reason in reasons] == [
        "25,000 shares in one trade; more than 20,000 is unusual.",
        "Price moved 5.05 % from 150.00 to 157.57 since the previous trade; "
        "more than 1 % is unusual.",
        reasons[2].text,
    ]
    assert reasons[2].text.startswith("Price 157.57 is ")
    assert " standard deviations above the mean 150.0" in reasons[2].text
    assert reasons[2].text.endswith(" would have been normal.")


@pytest.mark.parametrize("kind", [ClassicDetector, LiteralDetector])
def test_state_that_does_not_fit_is_refused_with_a_clear_error(kind) -> None:
    detector = kind(Parameters(**SMALL), table())
    detected(detector, tape(10, 500, names="A"))
    blob = detector.snapshot(0)
    other = kind(Parameters(**SMALL, contamination=0.02), table())
    with pytest.raises(StateError, match="parameters"):
        other.restore(0, blob)
    damaged = {
        "truncated": blob[:20],
        "damaged": blob[:-1],
        "version 258": blob[:4] + b"\x02\x01" + blob[6:],
        "profile": blob[:8] + b"calibrated\0\0" + blob[20:],
        "TAPE": b"gzip" + blob[4:],
        "checksum": blob[:200] + bytes([blob[200] ^ 1]) + blob[201:],
    }
    for text, bad in damaged.items():
        with pytest.raises(StateError, match=text):
            detector.restore(0, bad)
    assert detector.snapshot(0) == blob, "a refused state leaves the old one"


def test_a_symbols_state_fits_into_32_kilobytes() -> None:
    assert 25_000 < len(full_detector(1).snapshot(0)) <= 32 * 1024


@pytest.mark.parametrize("kind", [ClassicDetector, LiteralDetector])
def test_symbols_are_dirty_from_a_trade_until_asked(kind) -> None:
    detector = kind(Parameters(**SMALL), table())
    trades = [("C", 1, 1, 10**9, 1, 65, 1), ("A", 1, 1, 10**9, 1, 65, 1)]
    detected(detector, trades)
    assert detector.changed_symbols() == [0, 2]
    detected(detector, trades)
    assert detector.changed_symbols() == [], "duplicates change nothing"


def test_an_empty_batch_is_answered_with_nothing() -> None:
    verdicts = ClassicDetector(Parameters(), table()).detect(columns([], table()))
    columns_of = [getattr(verdicts, field.name) for field in fields(verdicts)]
    assert all(len(column) == 0 for column in columns_of if column is not None)


def test_the_detector_suits_the_parameters() -> None:
    assert isinstance(make_detector(Parameters(), table()), ClassicDetector)
    assert isinstance(make_detector(Parameters(training="window"), table()), LiteralDetector)


def test_a_new_symbol_in_every_row_is_judged_like_the_oracle_does() -> None:
    trades = [(f"S{n}", 2, 10**18 + n, 10**11, 25_000 if n % 2 else 10, 66, n) for n in range(500)]
    symbols = SymbolTable(1_000)
    for name, *_ in trades:
        symbols.number(name)
    assert detected(make_detector(Parameters(), symbols), trades, 100) == expected(trades)


def test_times_and_sequences_at_their_limits_are_judged_like_the_oracle_does() -> None:
    times = [TIME_MIN_NS, TIME_MIN_NS + 1, TIME_MAX_NS - 1, TIME_MAX_NS - 1, TIME_MIN_NS]
    sequences = [0, 2**32 - 1, 0, 2**32 - 1, 2**32 - 1]
    trades = [
        ("A", 65_535, ns, 10**11, 2**32 - 1, 66, sequence)
        for ns, sequence in zip(times * 3, sequences * 3, strict=True)
    ]
    symbols = SymbolTable(1)
    symbols.number("A")
    assert detected(make_detector(Parameters(), symbols), trades, 4) == expected(trades)
