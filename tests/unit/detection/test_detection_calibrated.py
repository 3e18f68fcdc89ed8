"""The calibrated profile: what must not matter to it, and what it must see."""

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE
from tape.detection.registry import make_detector
from tape.market.day import CONTEXTS, contexts
from tape.model.columns import TradeColumns

CALIBRATED = Parameters(profile="calibrated")
NOON_NS = 1_751_990_400_000_000_000  # 2025-07-08 16:00 UTC, noon in New York


def day(n: int, symbols: int = 2, seed: int = 1) -> TradeColumns:
    random = np.random.default_rng(seed)
    cents = 10_000 + np.cumsum(random.integers(-1, 2, n))
    return TradeColumns(
        random.integers(0, symbols, n).astype(np.int32),
        np.full(n, 2, np.int32),
        NOON_NS + np.cumsum(random.exponential(1e8, n)).astype(np.int64),
        cents.astype(np.int64) * 10_000_000,
        random.integers(1, 300, n).astype(np.int64),
        random.choice([65, 66], n).astype(np.uint8),
        np.arange(1, n + 1, dtype=np.int64),
        np.zeros(n, np.int32),
    )


def part(trades: TradeColumns, rows) -> TradeColumns:
    return TradeColumns(*[getattr(trades, name)[rows] for name in TradeColumns.__slots__])


def fresh(symbols: int = 2) -> CalibratedDetector:
    table = SymbolTable()
    for number in range(symbols):
        table.number(f"S{number}")
    detector = make_detector(CALIBRATED, table)
    assert isinstance(detector, CalibratedDetector)
    return detector


def scores(detector: CalibratedDetector, trades: TradeColumns, batch: int) -> np.ndarray:
    starts = range(0, len(trades), batch)
    found = [detector.detect(part(trades, slice(at, at + batch))).score for at in starts]
    return np.concatenate(found)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_how_trades_are_batched_does_not_matter(batch: int) -> None:
    trades = day(9_000)
    trades.price_nanos[7_000] *= 2
    whole = scores(fresh(), trades, 9_000)
    assert (whole > 1).any()
    assert np.array_equal(scores(fresh(), trades, batch), whole)


def test_a_restored_detector_goes_on_as_if_it_had_never_stopped() -> None:
    trades = day(8_000)
    whole = scores(fresh(), trades, 1000)
    before = fresh()
    scores(before, part(trades, slice(0, 5_000)), 1000)
    after = fresh()
    for symbol in range(2):
        blob = before.snapshot(symbol)
        assert len(blob) <= 32 * 1024
        after.restore(symbol, blob)
    rest = part(trades, slice(5_000, None))
    assert np.array_equal(scores(after, rest, 1000), whole[5_000:])


def test_other_symbols_do_not_matter() -> None:
    trades = day(6_000)
    mine = trades.symbol == 1
    assert np.array_equal(
        scores(fresh(), trades, 500)[mine], scores(fresh(), part(trades, mine), 500)
    )


def test_a_misprint_is_found_and_explained_and_its_repetition_dropped() -> None:
    trades = day(30_000, symbols=1)
    trades.price_nanos[29_000] = trades.price_nanos[29_000] * 103 // 100 // 10**7 * 10**7
    detector = fresh(1)
    verdicts = detector.detect(trades)
    at = verdicts.flagged.tolist().index(29_000)
    assert "Price" in detector.explain(trades, verdicts, at).reasons[0].text
    extras = detector.explain(trades, verdicts, at).extras
    assert extras["severity"] > 4
    assert extras["context"].startswith("regular")
    again = detector.detect(part(trades, slice(29_500, None)))
    assert (again.outcome == DUPLICATE).all()
    assert again.score is not None
    assert (again.score == -1).all()


def test_an_auction_is_named_in_summer_and_winter_and_never_flagged() -> None:
    trades = part(day(30_000, symbols=1), slice(0, 20_003))
    bells = [1_751_981_400, 1_734_964_202, 1_735_063_201]  # 09:30:00, 09:30:02, 13:00:01
    trades.ts_event_ns[-3:] = np.array(bells) * 10**9
    trades.side[-3:] = ord("N")
    trades.size[-3:] = 5_000_000
    names = [CONTEXTS[c] for c in contexts(trades).kind[-3:]]
    assert names == ["opening auction", "opening auction", "closing auction"]
    detector = fresh(1)
    flagged = detector.detect(trades).flagged
    assert not set(flagged.tolist()) & {20_000, 20_001, 20_002}


@pytest.mark.parametrize(
    ("price_nanos", "size", "n"),
    [(10**10, 100, 10), (10**10, 100, 3_000), (10**5, 1, 3_000), (10**10, 4 * 10**9, 3_000)],
)
def test_odd_symbols_get_sound_severities(price_nanos: int, size: int, n: int) -> None:
    trades = day(n, symbols=1)
    trades.price_nanos[:] = price_nanos
    trades.size[:] = size
    found = scores(fresh(1), trades, 1000)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
