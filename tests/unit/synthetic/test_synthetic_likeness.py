"""A synthetic day beside real ones: sizes, spacing, returns, trades per millisecond, equal times.

Each measure has a literal bound for how far the synthetic NVDA may be from each real NVDA day.
"""

from pathlib import Path

import numpy as np
import pytest

from tape.archives import find_archives
from tape.synthetic import SyntheticDay, load_day, make_day

REAL = Path(__file__).resolve().parents[4] / "shared/data/databento"
DAYS = sorted({p.name: p for p in REAL.rglob("xnas-itch-*.trades.csv.zst")}.values())


def measures(day: SyntheticDay) -> dict[str, float]:
    """What a day looks like, of its first symbol."""
    of = day.symbol == 0
    ts_ns, price, size, side = (
        column[of] for column in (day.ts_event_ns, day.price_nanos, day.size, day.side)
    )
    apart_us = np.diff(ts_ns) / 1e3
    apart_us = apart_us[apart_us > 0]
    per_ms = np.unique(ts_ns // 1_000_000, return_counts=True)[1]
    moves_bps = np.abs(np.diff(np.log(price))) * 1e4
    long_bps = np.abs(np.diff(np.log(price[::1000]))) * 1e4
    return {
        "share of equal times": float((np.diff(ts_ns) == 0).mean()),
        "spacing q10, µs": float(np.quantile(apart_us, 0.1)),
        "spacing q25, µs": float(np.quantile(apart_us, 0.25)),
        "spacing q50, µs": float(np.quantile(apart_us, 0.5)),
        "spacing q75, µs": float(np.quantile(apart_us, 0.75)),
        "spacing q95, µs": float(np.quantile(apart_us, 0.95)),
        "trades per ms, mean": float(per_ms.mean()),
        "trades per ms, q99": float(np.quantile(per_ms, 0.99)),
        "share of moves": float((moves_bps > 0).mean()),
        "move q95, bps": float(np.quantile(moves_bps, 0.95)),
        "move q99.9, bps": float(np.quantile(moves_bps, 0.999)),
        "move over 1,000 trades, median bps": float(np.median(long_bps)),
        "size q25": float(np.quantile(size, 0.25)),
        "size q50": float(np.quantile(size, 0.5)),
        "size q90": float(np.quantile(size, 0.9)),
        "size q99": float(np.quantile(size, 0.99)),
        "size q99.9": float(np.quantile(size, 0.999)),
        "share of 100 shares": float((size == 100).mean()),
        "share without side": float((side == ord("N")).mean()),
        "share of equal sides": float((side[1:] == side[:-1]).mean()),
        "share between cents": float((price % 10_000_000 != 0).mean()),
    }


FACTORS = {
    "share of equal times": 1.25,
    "spacing q10, µs": 5,
    "spacing q25, µs": 3,
    "spacing q50, µs": 10,  # between two humps: real days differ by 14 among themselves
    "spacing q75, µs": 5,
    "spacing q95, µs": 3,
    "trades per ms, mean": 1.4,
    "trades per ms, q99": 2,
    "share of moves": 1.6,
    "move q95, bps": 2.5,
    "move q99.9, bps": 2,
    "move over 1,000 trades, median bps": 2.2,
    "size q25": 2,
    "size q50": 1.6,
    "size q90": 2,
    "size q99": 1.6,
    "size q99.9": 1.6,
    "share of 100 shares": 1.5,
    "share without side": 1.25,
    "share of equal sides": 1.25,
    "share between cents": 4,
}
"""By how much, up or down, a measure of the synthetic day may differ from a real day's."""


@pytest.fixture(scope="module")
def synthetic() -> dict[str, float]:
    return measures(make_day(seed=1, symbols=["NVDA"], trades=200_000, anomalies=0))


@pytest.mark.parametrize(
    "path",
    [pytest.param(day, marks=pytest.mark.full if nth else ()) for nth, day in enumerate(DAYS)]
    or [None],
    ids=lambda p: p.name[:18] if p else "none",
)
def test_a_synthetic_day_looks_like_a_real_one(
    path: Path | None, synthetic: dict[str, float]
) -> None:
    if path is None:
        pytest.skip("no real trades here (../shared/data/databento) to compare with")
    (archive,) = find_archives(path).archives
    real = measures(load_day(archive)[0])
    apart = {
        name: f"{synthetic[name]:.3g} synthetic, {value:.3g} real"
        for name, value in real.items()
        if not 1 / FACTORS[name] <= synthetic[name] / value <= FACTORS[name]
    }
    assert apart == {}


def test_the_measures_tell_a_day_of_another_shape() -> None:
    """The negative control: random times, no clusters, uniform sizes fail most bounds."""
    made = make_day(seed=1, symbols=["NVDA"], trades=50_000, anomalies=0)
    like = measures(made)
    random = np.random.default_rng(1)
    made.ts_event_ns[:] = np.sort(random.choice(made.ts_event_ns, len(made.symbol))) + np.arange(
        len(made.symbol)
    )
    made.size[:] = random.integers(1, 500, len(made.symbol))
    made.price_nanos[:] = random.permutation(made.price_nanos)
    unlike = measures(made)
    failed = [
        name
        for name, value in like.items()
        if not 1 / FACTORS[name] <= unlike[name] / value <= FACTORS[name]
    ]
    assert len(failed) >= 8
