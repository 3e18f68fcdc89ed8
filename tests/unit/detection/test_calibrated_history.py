"""The calibrated kernel against the papers' formulas over the whole history of a symbol."""

from itertools import pairwise

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.parameters import Parameters
from tape.model.columns import TradeColumns
from tests import calibrated_history_oracle as oracle
from tests.calibrated_history_oracle import History

OPEN_NS = 1_751_981_400_000_000_000  # 2025-07-08 09:30 in New York
SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
PARAMETERS = Parameters(profile="calibrated", alerts_per_10k=50.0)


def history(seed: int, n: int = 3_600) -> History:
    """Return two days with a halt, auctions, misprints, blocks, a stuck feed and a burst.

    The 1,000th trade is an auction: what is done at each 1,000th is due for it, too.
    """
    random = np.random.default_rng(seed)
    steps_ns = random.choice([0, 20_000, 3_000_000, 180_000_000], n, p=[0.2, 0.2, 0.3, 0.3])
    night, halt = 2 * n // 3, n // 2
    cents = 10_000 + np.cumsum(random.choice([-1, 0, 1], n, p=[0.15, 0.7, 0.15]))
    size = 1 + random.geometric(0.02, n)
    side = random.choice(["A", "B", "N"], n, p=[0.45, 0.45, 0.1])
    burst, stuck = slice(n // 4, n // 4 + 80), slice(3 * n // 4, 3 * n // 4 + 50)
    steps_ns[burst], side[burst] = 60_000, "A"
    cents[stuck], size[stuck], side[stuck] = cents[stuck.start], 100, "B"
    steps_ns[stuck] = 100_000_000
    steps_ns[[1, halt + 1, night + 1]] = 1_000_000
    steps_ns[halt] = 400 * SECOND_NS
    times = OPEN_NS - 60 * SECOND_NS + np.cumsum(steps_ns)
    times += OPEN_NS + SECOND_NS - times[999]  # so that the 1,000th follows the bell
    times[night:] += OPEN_NS + DAY_NS - 5 * SECOND_NS - times[night]
    auction = np.zeros(n, np.bool_)
    auction[[999, night + 40]] = True
    times[night + 40 :] += OPEN_NS + DAY_NS + SECOND_NS - times[night + 40]
    size[auction], side[auction] = 60_000, "N"
    odd = np.arange(150, n, 170)
    odd = odd[(np.abs(odd - halt) > 70) & (np.abs(odd - night) > 70)]
    cents[odd] += random.choice([-1, 1], len(odd)) * random.integers(3, 60, len(odd))
    size[odd[::2] + 20], side[odd[::2] + 20] = 9_000, "B"
    cents[auction] += 300  # learnt from by nobody
    session = (np.arange(n) >= halt).astype(int) + (np.arange(n) >= night)
    return History(times.astype(np.int64), cents, size, side, session, auction)


def columns(h: History) -> TradeColumns:
    n = len(h.cents)
    return TradeColumns(
        np.zeros(n, np.int32),
        np.full(n, 2, np.int32),
        h.time_ns,
        h.cents * 10_000_000,
        h.size.astype(np.int64),
        np.array([ord(one) for one in h.side.tolist()], np.uint8),
        np.arange(1, n + 1, dtype=np.int64),
        np.zeros(n, np.int32),
    )


def detector() -> CalibratedDetector:
    symbols = SymbolTable()
    symbols.number("S")
    return CalibratedDetector(PARAMETERS, symbols)


def part(trades: TradeColumns, rows: slice) -> TradeColumns:
    return TradeColumns(*(getattr(trades, name)[rows] for name in TradeColumns.__slots__))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_kernel_says_what_the_whole_history_says(seed: int) -> None:
    """Restarted on the way: at a halt, behind a night, and anywhere."""
    h = history(seed)
    expected = oracle.judged(h)
    trades, n = columns(h), len(h.cents)
    stops = sorted({0, n, n // 2, n // 2 + 1, 2 * n // 3 + 1, 977, *range(400, n, 700)})
    one, overall, families, priority, values = detector(), [], [], [], {}
    for first, end in pairwise(stops):
        after = detector()
        if first:
            after.restore(0, one.snapshot(0))
        one = after
        verdicts = one.detect(part(trades, slice(first, end)))
        overall.append(verdicts.score)
        families.append(one.last_families)
        priority.append(verdicts.priority)
        for row, evidence in zip(verdicts.flagged.tolist(), verdicts.evidence, strict=True):
            values[first + row] = evidence["values"]
    assert len(values) > 30
    rows = list(values)
    np.testing.assert_allclose(
        np.array(list(values.values())), expected["values"][rows], rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(np.concatenate(families), expected["families"], atol=1e-4)
    np.testing.assert_allclose(np.concatenate(overall), expected["overall"], atol=1e-4)
    np.testing.assert_allclose(np.concatenate(priority), expected["priority"], atol=1e-4)
    assert (np.concatenate(overall)[h.auction] == 0).all()
    assert (expected["families"] > 3.5).any(axis=0).all(), "no odd price, size or feed to compare"
