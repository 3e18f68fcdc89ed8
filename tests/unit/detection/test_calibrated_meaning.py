"""What the calibrated profile promises: budget, guard, context, attribution."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.parameters import Parameters
from tape.market.day import CONTEXTS, contexts
from tape.model.columns import TradeColumns

OPEN_NS = 1_751_981_400_000_000_000  # 2025-07-08 09:30 in New York
SECOND_NS = 10**9


def detector(**parameters: float) -> CalibratedDetector:
    symbols = SymbolTable()
    symbols.number("S")
    return CalibratedDetector(Parameters(profile="calibrated", **parameters), symbols)


def market(n: int, seed: int = 1, spacing_s: float = 0.2, start_ns: int = OPEN_NS) -> TradeColumns:
    """Return an ordinary day: small steps, heavy-tailed sizes, clustered times, both sides."""
    random = np.random.default_rng(seed)
    steps = random.standard_t(3, n) * 0.4
    cents = 15_000 + np.cumsum(np.rint(steps * (random.random(n) < 0.5)))
    gaps_s = random.exponential(spacing_s, n) * (random.random(n) < 0.6)
    return TradeColumns(
        np.zeros(n, np.int32),
        np.full(n, 2, np.int32),
        start_ns + np.cumsum(np.maximum(gaps_s * 1e9, 1_000)).astype(np.int64),
        (cents * 10_000_000).astype(np.int64),
        (random.pareto(1.8, n) * 60 + 1).astype(np.int64),
        random.choice([65, 66], n).astype(np.uint8),
        np.arange(1, n + 1, dtype=np.int64),
        np.zeros(n, np.int32),
    )


def alarms(flagged: np.ndarray, n: int) -> int:
    """Return how many blocks of 30 trades hold a flag."""
    return len(np.unique(flagged[flagged < n] // 30))


def after_a_day(**parameters: float) -> CalibratedDetector:
    learnt = detector(**parameters)
    learnt.detect(market(100_000, seed=7, start_ns=OPEN_NS - 86_400 * SECOND_NS))
    return learnt


def judged(learnt: CalibratedDetector, trades: TradeColumns):
    trades.sequence[:] += 200_000
    return learnt.detect(trades)


@pytest.mark.parametrize("budget", [2.0, 5.0])
def test_alerts_per_10k_are_kept_on_a_day_not_seen(budget: float) -> None:
    verdicts = judged(after_a_day(alerts_per_10k=budget), market(100_000, seed=8))
    assert budget / 1.5 <= alarms(verdicts.flagged, 100_000) / 10 <= budget * 1.5


def test_alerts_per_day_are_kept_on_a_day_not_seen() -> None:
    trades = market(100_000, seed=9)
    assert (trades.ts_event_ns[-1] - OPEN_NS) / SECOND_NS * 2.5 > 5 * 3600  # a good part of a day
    whole = contexts(trades).passed[-1] - contexts(trades).passed[0]
    found = alarms(judged(after_a_day(alerts_per_day=60), trades).flagged, 100_000)
    assert 60 * whole / 1.5 <= found <= 60 * whole * 1.5


def test_severity_four_is_one_in_ten_thousand_on_a_day_not_seen() -> None:
    learnt = after_a_day()
    verdicts = judged(learnt, market(200_000, seed=10))
    for severity in (2.0, 3.0, 4.0):
        share = (verdicts.score >= severity).mean()
        assert 0.5 * 10**-severity <= share <= 2 * 10**-severity


def test_a_flood_of_misprints_does_not_become_normal() -> None:
    trades = market(100_000, seed=11)
    odd = np.arange(1_000, 99_000, 400)  # 1 in 400: far more than 1 in 10,000
    trades.price_nanos[odd] += 1_500_000_000
    learnt = after_a_day()
    score = judged(learnt, trades).score
    last = score[odd[-20:]]
    assert (last >= 4).all()
    assert (score[odd - 1] < 3).mean() > 0.95


def test_the_way_back_from_a_misprint_is_no_news() -> None:
    trades = market(2_000, seed=12)
    trades.price_nanos[1_000] += 1_500_000_000
    learnt = after_a_day()
    flagged = set(judged(learnt, trades).flagged.tolist())
    assert 1_000 in flagged
    assert not flagged & set(range(1_001, 1_100))


def test_a_gap_is_told_once_and_so_is_a_spike_that_comes_back() -> None:
    trades = market(3_000, seed=13)
    trades.size[:] = np.minimum(trades.size, 500)  # no blocks, which are told in their own right
    trades.price_nanos[1_000:1_020] += 1_500_000_000
    trades.price_nanos[2_000:] += 1_500_000_000
    flagged = np.array(sorted(judged(after_a_day(), trades).flagged))
    assert {1_000, 2_000} <= set(flagged.tolist())
    behind = [(flagged > first) & (flagged < first + 300) for first in (1_020, 2_012)]
    late = behind[0] | behind[1]
    assert not late.any(), flagged[late]


LIT, OFF_EXCHANGE = 2, 82


def coarse(n: int, seed: int, start_ns: int = OPEN_NS) -> TradeColumns:
    """Return a stock of 14 dollars that moves by a cent now and then, which is 7 bp."""
    trades = market(n, seed=seed, start_ns=start_ns)
    random = np.random.default_rng(seed)
    cents = 1_400 + np.cumsum(random.choice([-1, 0, 1], n, p=[0.02, 0.96, 0.02]))
    trades.price_nanos[:] = (cents + (random.random(n) < 0.3)) * 10_000_000
    return trades


def test_the_trade_that_comes_back_from_a_small_misprint_is_no_jump() -> None:
    """Four ticks off are fewer than six usual steps, so the next trade was told as the jump."""
    learnt = detector()
    learnt.detect(coarse(60_000, 7, OPEN_NS - 86_400 * SECOND_NS))
    trades = coarse(40_000, 20)
    odd = np.arange(1_000, 40_000, 2_000)
    trades.price_nanos[odd] += 40_000_000
    score = judged(learnt, trades).score
    misprints, echoes = score[odd], score[odd + 1]
    assert np.median(misprints) > 3
    assert (echoes < misprints).all()
    assert np.median(echoes) < 1


def two_venues(trades: TradeColumns) -> TradeColumns:
    """Let a fifth of the trades be reported off exchange, one in a hundred of them far off."""
    random = np.random.default_rng(19)
    off = random.random(len(trades)) < 0.2
    trades.publisher_id[:] = np.where(off, OFF_EXCHANGE, LIT)
    late = off & (random.random(len(trades)) < 0.01)
    trades.price_nanos[late] += random.choice([-1, 1], late.sum()) * 300_000_000
    return trades


def test_a_venue_moves_no_severity_and_is_told_where_its_prices_are_odd() -> None:
    told, contexts_of = {}, {}
    for name in ("two venues", "one venue"):
        learnt = detector(alerts_per_10k=50)
        for day in (-1, 0):
            trades = market(50_000, seed=7 + day, start_ns=OPEN_NS + day * 86_400 * SECOND_NS)
            trades = two_venues(trades)
            publisher = trades.publisher_id.copy()
            if name == "one venue":
                trades.publisher_id[:] = LIT
            verdicts = learnt.detect(trades)
        told[name] = verdicts.score
        contexts_of[name] = {
            int(publisher[row]): learnt.explain(trades, verdicts, at).extras["context"]
            for at, row in enumerate(verdicts.flagged.tolist())
        }
    np.testing.assert_array_equal(told["two venues"], told["one venue"])
    assert contexts_of["two venues"][OFF_EXCHANGE].endswith(", at a venue of odd prices")
    assert "venue" not in contexts_of["two venues"][LIT]
    assert "venue" not in contexts_of["one venue"][OFF_EXCHANGE]


def test_many_odd_sizes_hide_no_odd_price() -> None:
    """Price and size have a limit each, which the alerts of the other do not raise."""
    trades = market(60_000, seed=21)
    odd = np.arange(2_000, 60_000, 4_000)
    trades.price_nanos[odd] += 400_000_000
    learnt = after_a_day(alerts_per_10k=3)
    alone = set(judged(learnt, trades).flagged.tolist())
    trades = market(60_000, seed=21)
    trades.price_nanos[odd] += 400_000_000
    trades.size[500::150] = 60_000
    learnt = after_a_day(alerts_per_10k=3)
    together = set(judged(learnt, trades).flagged.tolist())
    assert len(together & set(range(500, 60_000, 150))) > 20, "no odd size is flagged"
    assert alone & set(odd.tolist()) == together & set(odd.tolist()) == set(odd.tolist())


@pytest.mark.parametrize(
    ("family", "properties"),
    [
        ("price", {"distance from local mean", "jump in one trade", "move in ten trades"}),
        ("size", {"size"}),
        ("feed", {"stuck run", "signed volume in 10 ms"}),
    ],
)
def test_all_of_the_budget_for_one_family_leaves_none_to_the_others(
    family: str, properties: set[str]
) -> None:
    shares = {f"budget_{name}": float(name == family) for name in ("price", "size", "feed")}
    trades = market(60_000, seed=22)
    trades.price_nanos[2_000::4_000] += 400_000_000
    trades.size[3_000::4_000] = 90_000
    learnt = after_a_day(alerts_per_10k=5, **shares)
    verdicts = judged(learnt, trades)
    names = np.array(["price", "size", "feed"])
    found = names[verdicts.evidence["family"].astype(int)]
    assert set(found.tolist()) == {family}
    for at in range(len(verdicts.flagged)):
        why = learnt.explain(trades, verdicts, at)
        (reason,) = why.reasons
        assert reason.value >= reason.threshold > 0
        features = why.extras["features"]
        told = max((one for one in features if one.name in properties), key=lambda one: one.share)
        words = {"size": "shares in one trade", "stuck run": "heads in a row"}
        assert words.get(told.name, "") in reason.text


def test_after_a_halt_and_a_night_the_market_may_stand_elsewhere() -> None:
    trades = market(3_000, seed=14)
    trades.ts_event_ns[1_000:] += 310 * SECOND_NS
    trades.price_nanos[1_000:] += 5_000_000_000
    trades.ts_event_ns[2_000:] += 86_400 * SECOND_NS
    trades.price_nanos[2_000:] -= 8_000_000_000
    trades.size[1_000], trades.side[1_000] = 3_000_000, ord("N")  # the auction that ends the halt
    trades.size[1_005] = 2_000_000
    learnt = after_a_day()
    verdicts = judged(learnt, trades)
    assert not set(verdicts.flagged.tolist()) & {*range(1_000, 1_004), *range(2_000, 2_012)}
    at = verdicts.flagged.tolist().index(1_005)
    assert learnt.explain(trades, verdicts, at).extras["context"] == "reopening after a halt"


def test_every_property_is_told_with_what_is_ordinary_and_its_share() -> None:
    trades = market(2_000, seed=15)
    trades.size[1_000] = 90_000
    learnt = after_a_day()
    verdicts = judged(learnt, trades)
    at = verdicts.flagged.tolist().index(1_000)
    told = learnt.explain(trades, verdicts, at).extras
    size = next(feature for feature in told["features"] if feature.name == "size")
    assert len(told["features"]) == 6
    assert told["calibrated"]
    assert size.value == 90_000
    past = market(100_000, seed=7).size
    assert size.median == pytest.approx(np.median(past), rel=0.15)
    assert np.quantile(past, 0.9995) < size.one_in_10k < past.max()
    assert size.share > 0.6
    assert sum(feature.share for feature in told["features"]) == pytest.approx(1, abs=0.01)
    text = learnt.explain(trades, verdicts, at).reasons[0].text
    assert text.startswith("90,000 shares in one trade; ")
    assert "trades is that large" in text


def test_a_new_symbol_says_that_it_is_not_calibrated() -> None:
    trades = market(1_500, seed=16)
    trades.price_nanos[1_000] *= 2
    learnt = detector()
    verdicts = learnt.detect(trades)
    at = verdicts.flagged.tolist().index(1_000)
    assert not learnt.explain(trades, verdicts, at).extras["calibrated"]
    assert "not yet calibrated" in learnt.explain(trades, verdicts, at).reasons[0].text
    assert len(verdicts.flagged) <= 3


@pytest.mark.parametrize("price_usd", [0.0003, 0.45, 650_000.0])
@pytest.mark.parametrize("spacing_s", [1e-5, 60.0])
def test_any_price_and_pace_gets_sound_answers(price_usd: float, spacing_s: float) -> None:
    trades = market(30_000, seed=17, spacing_s=spacing_s)
    trades.price_nanos[:] = trades.price_nanos / 1.5e11 * price_usd * 1e9
    trades.size[:] *= 5_000_000
    learnt = detector()
    verdicts = learnt.detect(trades)
    assert np.isfinite(verdicts.score).all()
    assert alarms(verdicts.flagged, 30_000) <= 30
    for at in range(len(verdicts.flagged)):
        assert learnt.explain(trades, verdicts, at).reasons[0].text


@pytest.mark.parametrize(
    ("utc", "side", "size", "name"),
    [
        ("2025-07-08T13:29:59.5", "N", 1_000_000, "opening auction"),
        ("2025-07-08T13:29:59.5", "N", 100, "pre-market"),
        ("2025-07-08T13:30:02", "N", 1_000_000, "opening auction"),
        ("2025-07-08T13:30:02", "B", 1_000_000, "regular"),
        ("2025-07-08T13:31:43", "N", 88_065, "opening auction"),  # slow, as on NYSE's floor
        ("2025-07-08T13:31:43", "N", 8_806, "regular"),
        ("2025-07-08T20:00:01", "N", 1_000_000, "closing auction"),
        ("2025-07-08T17:00:01", "N", 1_000_000, "regular"),
        ("2025-07-03T17:00:01", "N", 1_000_000, "closing auction"),  # half day, summer
        ("2024-11-29T18:00:01", "N", 1_000_000, "closing auction"),  # half day, winter
        ("2024-11-29T18:00:20", "A", 100, "post-market"),
        ("2024-12-23T14:30:03", "N", 5_000, "opening auction"),
        ("2024-12-24T00:30:00", "B", 100, "post-market"),  # still the 23rd in New York
    ],
)
def test_the_context_is_that_of_the_clock_in_new_york(
    utc: str, side: str, size: int, name: str
) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    trades = market(1)
    trades.ts_event_ns[0] = (
        (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    )
    trades.side[0], trades.size[0] = ord(side), size
    found = contexts(trades)
    assert CONTEXTS[found.kind[0]] == name
    assert (
        found.day[0] == (at - timedelta(hours=5)).date().toordinal() - date(1970, 1, 1).toordinal()
    )
