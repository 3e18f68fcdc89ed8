"""Priority: which of the flagged trades to look at first."""

from typing import Any

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.priority import priority_of
from tape.detection.parameters import Parameters
from tape.detection.registry import make_detector
from tape.model.columns import TradeColumns
from tests.unit.detection.test_calibrated_meaning import OPEN_NS, SECOND_NS, market


def judged(profile: str, trades: TradeColumns) -> dict[int, dict[str, Any]]:
    """Return what is told of each flagged trade beyond its reasons, and the first one's value."""
    symbols = SymbolTable()
    symbols.number("S")
    detector = make_detector(Parameters(profile=profile, alerts_per_10k=20.0), symbols)
    detector.detect(market(60_000, seed=7, start_ns=OPEN_NS - 86_400 * SECOND_NS))
    trades.sequence[:] += 200_000
    verdicts = detector.detect(trades)
    told = {}
    for nth, row in enumerate(verdicts.flagged.tolist()):
        why = detector.explain(trades, verdicts, nth)
        told[row] = {**why.extras, "value": why.reasons[0].value}
    return told


@pytest.mark.parametrize(
    ("families", "distance_bp", "expected"),
    [
        ((4.0, 0.0, 0.0), 10.0, 4.0),
        ((4.0, 0.0, 0.0), 100.0, 6.0),
        ((4.0, 0.0, 0.0), 1.0, 2.0),
        ((4.0, 0.0, 0.0), 0.0, 2.0),  # no distance counts as less than a basis point
        ((11.0, 0.0, 0.0), 10.0, 8.0),  # rarer than 1 in 100 million nobody can tell
        ((11.0, 0.0, 0.0), 1e9, 14.0),
        ((2.0, 0.0, 0.0), 1_000.0, 0.0),  # no odd price at all
        ((0.0, 5.0, 0.0), 0.0, 4.0),
        ((0.0, 0.0, 5.0), 0.0, 4.4),
        ((3.0, 6.0, 6.0), 20.0, 5.4),
    ],
)
def test_a_priority_is_how_rare_and_how_far_off(
    families: tuple[float, float, float], distance_bp: float, expected: float
) -> None:
    assert priority_of(*families, distance_bp / 10_000) == pytest.approx(expected, abs=1e-9)


def test_of_two_misprints_the_one_farther_off_comes_first_and_a_block_last() -> None:
    trades = market(20_000, seed=30)
    trades.price_nanos[5_000] += 750_000_000  # 50 bp of some 150 dollars
    trades.price_nanos[10_000] += 7_500_000_000
    trades.size[15_000] = 90_000
    told = judged("calibrated", trades)
    small, large, block = (told[row] for row in (5_000, 10_000, 15_000))
    assert [one["family"] for one in (small, large, block)] == ["price", "price", "size"]
    assert large["priority"] == pytest.approx(large["value"] + 2 * np.log10(500 / 10), abs=0.1)
    assert small["priority"] == pytest.approx(small["value"] + 2 * np.log10(50 / 10), abs=0.1)
    assert block["priority"] < small["priority"] < large["priority"] - 1.5


def test_classic_ranks_its_flags_by_how_far_they_are_beyond_the_threshold() -> None:
    trades = market(20_000, seed=31)
    trades.size[5_000], trades.size[6_000] = 20_001, 2_000_000
    trades.price_nanos[10_000] *= 11
    told = judged("classic", trades)
    assert told[5_000]["priority"] == pytest.approx(3.0, abs=0.02)
    assert told[6_000]["priority"] == pytest.approx(3 + 2 * 2, abs=0.02)
    assert told[10_000]["priority"] >= 3 + 2 * 3  # a move of 1,000 % where 1 is usual
    assert all(3.0 <= one["priority"] <= 14.0 for one in told.values())
