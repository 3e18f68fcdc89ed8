"""What the calibrated profile says of every trade if it is asked: its band of normal prices."""

from dataclasses import fields

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.parameters import Parameters
from tape.detection.protocol import Verdicts
from tape.market.day import CONTEXTS
from tests import calibrated_oracle as oracle
from tests.calibrated_oracle import Trade
from tests.unit.detection.test_calibrated_oracle import astray, columns, tape

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it


def told(trades: list[Trade], *, tells_each: bool = True) -> tuple[CalibratedDetector, Verdicts]:
    symbols = SymbolTable()
    for name in "ABC":
        symbols.number(name)
    detector = CalibratedDetector(Parameters(profile="calibrated", alerts_per_10k=50.0), symbols)
    detector.tells_each = tells_each
    return detector, detector.detect(columns(trades))


@pytest.mark.parametrize("strays", [False, True])
def test_bands_are_those_of_the_oracle(*, strays: bool) -> None:
    trades = tape(1, 9_000)
    trades = astray(trades, 1) if strays else trades
    bands: list[tuple[float, float] | None] = []
    oracle.judged(trades, alerts_per_10k=50.0, bands=bands)
    _, verdicts = told(trades)
    assert verdicts.each is not None
    expected = np.array([(np.nan, np.nan) if band is None else band for band in bands])
    assert 0 < np.isnan(expected[:, 0]).sum() < len(trades) / 10
    np.testing.assert_allclose(verdicts.each.lower, expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(verdicts.each.upper, expected[:, 1], rtol=1e-9)


def test_to_tell_of_every_trade_changes_no_verdict() -> None:
    trades = tape(1, 9_000)
    (_, asked), (_, not_asked) = told(trades), told(trades, tells_each=False)
    assert not_asked.each is None
    for field in fields(Verdicts):
        if field.name not in ("each", "evidence"):
            same = np.array_equal(getattr(asked, field.name), getattr(not_asked, field.name))
            assert same, field.name
    assert asked.evidence.tobytes() == not_asked.evidence.tobytes()


def test_context_and_families_of_a_flagged_trade_are_those_of_its_message() -> None:
    trades = tape(1, 9_000)
    detector, verdicts = told(trades)
    assert verdicts.each is not None
    assert len(verdicts.flagged) > 5
    for nth, row in enumerate(verdicts.flagged.tolist()):
        extras = detector.explain(columns(trades), verdicts, nth).extras
        assert extras["context"].split(",")[0] == CONTEXTS[verdicts.each.context[row]]
        assert ("price", "size", "feed").index(extras["family"]) < 3
        assert verdicts.each.families[row].tolist() == verdicts.evidence[nth]["families"].tolist()
