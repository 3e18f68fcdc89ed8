"""The features: equal to a slow literal form, however the tape is cut, kept and restored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.detection.protocol import DUPLICATE
from tape.detection.supervised.columns import COLUMNS, NAMES, schema_hash
from tape.detection.supervised.features import Features
from tape.errors import StateError
from tape.model.columns import TradeColumns
from tape.testing.laws import odd_trades, taken
from tests.feature_oracle import Print, features

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

OPEN_NS = 1_751_981_400_000_000_000  # 2025-07-08 09:30 in New York
seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=8, deadline=None)


def tape(seed: int, n: int) -> TradeColumns:
    """Return odd trades of three symbols: with an auction, a pause, prices around a dollar."""
    trades = odd_trades(seed, n)
    random = np.random.default_rng(seed)
    trades.size[random.random(n) < 0.2] = 100
    repeated = np.flatnonzero(random.random(n) < 0.2)
    trades.price_nanos[repeated] = trades.price_nanos[np.maximum(repeated - 1, 0)]
    trades.price_nanos[trades.symbol == 2] //= 60
    trades.ts_event_ns[2 * n // 3 :] += 2_000 * 10**9
    trades.side[0], trades.size[0], trades.ts_event_ns[0] = ord("N"), 60_000, OPEN_NS + 1
    return trades


def prints(trades: TradeColumns, bid: np.ndarray, ask: np.ndarray) -> list[Print]:
    return [
        Print(
            int(trades.ts_event_ns[i]),
            int(trades.price_nanos[i]),
            int(trades.size[i]),
            chr(trades.side[i]),
            int(bid[i]),
            int(ask[i]),
        )
        for i in range(len(trades))
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_feature_is_what_a_slow_and_literal_form_says(seed: int) -> None:
    trades = tape(seed, 900)
    random = np.random.default_rng(seed)
    bid = trades.price_nanos + random.integers(-5, 3, 900) * 10_000_000
    ask = bid + random.integers(-1, 4, 900) * 10_000_000
    bid[random.random(900) < 0.2] = 0
    found = Features().of(trades, bid_nanos=bid, ask_nanos=ask)
    assert 5 < (found.outcome == DUPLICATE).sum() < 100
    told = prints(trades, bid, ask)
    so_far: dict[int, list[Print]] = {}
    compared = 0
    for i in range(len(trades)):
        if found.outcome[i] == DUPLICATE:
            assert np.isnan(found.values[i]).all()
            continue
        own = so_far.setdefault(int(trades.symbol[i]), [])
        own.append(told[i])
        expected = features(own)
        assert set(expected) == set(NAMES)
        wanted = np.array([expected[name] for name in NAMES])
        np.testing.assert_allclose(
            found.values[i], wanted, rtol=2e-6, atol=1e-9, err_msg=f"trade {i}: {own[-1]}"
        )
        compared += 1
    assert compared > 700
    known = ~np.isnan(found.values)
    assert known.sum(axis=0).min() > 100, "a feature that was never compared"
    for n in range(len(NAMES)):
        assert len(np.unique(found.values[known[:, n], n])) > 1, NAMES[n]


@some
@given(seed=seeds, batch=st.integers(1, 300))
def test_training_and_serving_see_the_same_however_the_tape_is_cut(seed: int, batch: int) -> None:
    trades = tape(seed, 600)
    whole = Features().of(trades)
    streamed = Features()
    parts = [streamed.of(taken(trades, slice(n, n + batch))) for n in range(0, 600, batch)]
    for name in whole._fields:
        np.testing.assert_array_equal(
            np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name)
        )


@some
@given(seed=seeds, cut=st.integers(0, 600))
def test_a_state_that_is_kept_and_restored_continues_to_the_last_bit(seed: int, cut: int) -> None:
    trades = tape(seed, 600)
    whole = Features()
    expected = whole.of(trades)
    before, after = Features(), Features()
    before.of(taken(trades, slice(0, cut)))
    for symbol in range(3):
        blob = before.snapshot(symbol)
        after.restore(symbol, blob)
        assert after.snapshot(symbol) == blob
    found = after.of(taken(trades, slice(cut, None)))
    np.testing.assert_array_equal(found.values, expected.values[cut:])
    assert [after.snapshot(n) for n in range(3)] == [whole.snapshot(n) for n in range(3)]


@some
@given(seed=seeds)
def test_a_symbol_has_the_features_of_its_own_trades_alone(seed: int) -> None:
    trades = tape(seed, 600)
    mixed = Features().of(trades)
    for symbol in range(3):
        own = np.flatnonzero(trades.symbol == symbol)
        alone = Features().of(taken(trades, own))
        np.testing.assert_array_equal(alone.values, mixed.values[own])
    forgetful = Features()
    forgetful.of(trades)
    for symbol in range(3):
        forgetful.forget(symbol)
    np.testing.assert_array_equal(forgetful.of(trades).values, mixed.values)


def test_what_no_tape_should_have_gives_no_infinite_feature() -> None:
    """Prices of zero and below, times that come back, the largest sizes and prices there are."""
    n = 400
    random = np.random.default_rng(5)
    trades = tape(5, n)
    trades.price_nanos[:] = random.choice([0, -(10**9), 1, 10**16, -(10**16), 40 * 10**9], n)
    trades.size[:] = random.choice([1, 2**32 - 1], n)
    trades.ts_event_ns[::7] = OPEN_NS - 10**15
    trades.ts_event_ns[::11] = 4 * 10**18
    values = Features().of(trades).values
    assert not np.isinf(values).any()


def test_without_quotes_there_is_no_spread() -> None:
    values = Features().of(tape(1, 300)).values
    for name in ("spread_bps", "outside_bps"):
        assert np.isnan(values[:, NAMES.index(name)]).all()


def test_the_state_of_a_symbol_is_small_and_not_taken_for_another_one() -> None:
    features_ = Features()
    features_.of(odd_trades(1, 6_000))
    blob = features_.snapshot(0)
    assert len(blob) < 24 * 1024
    for bad in (blob[:-1], blob[:40] + b"x" + blob[41:], b"", blob.replace(b"superv", b"calibr")):
        with pytest.raises(StateError):
            Features().restore(0, bad)


def test_a_change_of_the_columns_is_a_change_of_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pinned: whoever changes it counts VERSION up, and says so in docs/supervised.md."""
    assert schema_hash() == "6db0a024ee9cef7d"
    assert len(set(NAMES)) == len(COLUMNS)
    monkeypatch.setattr("tape.detection.supervised.columns.VERSION", 2)
    assert schema_hash() != "6db0a024ee9cef7d"
