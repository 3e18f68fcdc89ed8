"""The calibrated profile on real days that it has not seen, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson  # type: ignore[import-untyped]

from tape.archives import find_archives
from tape.desk.day import Day, before, read_day
from tape.desk.past_days import judged_columns
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.market.day import CONTEXTS, contexts
from tape.model.counts import Counts
from tape.model.fields import NANOS

DATA = Path(__file__).resolve().parents[4] / "shared/data/databento"
CALIBRATION = "xnas-itch-20250505"
JUDGED = "xnas-itch-20250703"

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def days() -> tuple[Day, Day]:
    if not DATA.is_dir():
        pytest.skip("no real trades here; synthetic days are tested")
    archives = find_archives(DATA).archives
    past, judged = (
        read_day(next(a for a in archives if a.path.name.startswith(name)), 10)
        for name in (CALIBRATION, JUDGED)
    )
    return before([past], judged)[0], judged


def flagged(days: tuple[Day, Day], parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Return the flagged rows of the second day and all its severities."""
    judge = Judge(parameters, 10, Counts())
    for _ in judged_columns(judge, days[0], np.arange(len(days[0].trades))):
        pass
    rows, severities, done = [], [], 0
    for trades, verdicts in judged_columns(judge, days[1], np.arange(len(days[1].trades))):
        rows.append(verdicts.flagged + done)
        severities.append(verdicts.score)
        done += len(trades)
    return np.concatenate(rows), np.concatenate(severities)


def alerts(rows: np.ndarray) -> int:
    """Return how many alerts flagged rows of one symbol are, as docs/detection.md counts them.

    Thirty trades from the first flagged one on are one. In fixed blocks of thirty an alert that
    lies across an edge would count twice: of the first budget below there would be 21, not 20.
    """
    count, until = 0, -1
    for row in rows.tolist():
        if row >= until:
            count, until = count + 1, row + 30
    return count


def assert_kept(found: int, asked: float) -> None:
    """Alerts come by chance, so 19 of 20 days with the right rate have a count in this interval.

    Poisson's at 95 %: 7 to 21 for 13.5 asked for, 64 to 99 for 81. A factor of its own for all
    budgets would be too tight for few alerts and too wide for many.
    """
    least, most = poisson.interval(0.95, asked)
    assert least <= found <= most, (found, asked)


@pytest.mark.parametrize("budget", [0.5, 1.0, 3.0])
def test_alerts_per_10k_are_kept(days: tuple[Day, Day], budget: float) -> None:
    rows, _ = flagged(days, Parameters(profile="calibrated", alerts_per_10k=budget))
    assert_kept(alerts(rows), budget * len(days[1].trades) / 10_000)


@pytest.mark.parametrize("budget", [10, 20, 60])
def test_alerts_per_day_are_kept(days: tuple[Day, Day], budget: int) -> None:
    rows, _ = flagged(days, Parameters(profile="calibrated", alerts_per_day=budget))
    assert_kept(alerts(rows), budget)


def test_severity_four_is_one_trade_in_ten_thousand(days: tuple[Day, Day]) -> None:
    _, severities = flagged(days, Parameters(profile="calibrated"))
    assert 0.5 <= (severities >= 4).mean() * 10_000 <= 2


def test_the_auctions_are_named_and_never_flagged(days: tuple[Day, Day]) -> None:
    trades = days[1].trades
    rows, _ = flagged(days, Parameters(profile="calibrated", alerts_per_10k=100))
    auctions = np.flatnonzero(trades.size > 1_000_000)
    names = [CONTEXTS[kind] for kind in contexts(trades).kind[auctions]]
    assert names == ["opening auction", "closing auction"]
    open_ns = trades.ts_event_ns[auctions[0]]
    assert trades.ts_event_ns[auctions[1]] - open_ns == pytest.approx(3.5 * 3600 * NANOS, rel=0.01)
    assert len(rows) > 100
    assert not set(auctions.tolist()) & set(rows.tolist())
