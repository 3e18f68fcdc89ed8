"""Alerts that have an excuse say so and rank low; the answers are worked out by hand."""

import json
from typing import Any

import pytest

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.model.trade import Trade
from tape.testing import a_trade, messages
from tape.testing.trades import OPEN_NS

SECOND_NS = 1_000_000_000
LARGE = 200_000
"""Ten times the threshold: priority 3 + 2 log10(10) = 5 by the classic rules."""
NOON_NS = OPEN_NS + 9_000 * SECOND_NS


def said(tape: list[Trade]) -> dict[str, Any]:
    """The message of the last trade, which is the only one that is flagged, and its episode's."""
    judge = Judge(Parameters(), 5, Counts())
    found = judge.judge(*messages(tape))
    (one,) = found.flagged
    anomaly: dict[str, Any]
    anomaly, opened = json.loads(one.value), json.loads(found.episodes[0].value)
    for name in ("priority", "context"):
        assert opened[name] == anomaly[name]
    return anomaly


def before(until_ns: int, count: int = 150, apart_ns: int = SECOND_NS) -> list[Trade]:
    """Ordinary trades, the last of them at that time."""
    return [a_trade(n + 1, ts_event_ns=until_ns - (count - 1 - n) * apart_ns) for n in range(count)]


def test_an_alert_without_an_excuse_has_its_priority() -> None:
    one = said([*before(NOON_NS), a_trade(900, size=LARGE, ts_event_ns=NOON_NS + SECOND_NS)])
    assert (one["priority"], one["context"]) == (5.0, "regular")


@pytest.mark.parametrize(
    ("after_ns", "context"),
    [
        (289 * SECOND_NS, "regular"),
        (290 * SECOND_NS, "regular, just after a gap"),
        (20 * 3_600 * SECOND_NS, "pre-market, just after a night"),
    ],
    ids=["a pause", "a halt", "a night"],
)
def test_an_alert_just_after_a_gap_ranks_low(after_ns: int, context: str) -> None:
    one = said([*before(NOON_NS), a_trade(900, size=LARGE, ts_event_ns=NOON_NS + after_ns)])
    assert one["context"] == context
    assert one["priority"] == (5.0 if context == "regular" else 1.5)


@pytest.mark.parametrize(("later_s", "priority"), [(9, 1.5), (10, 5.0)])
def test_the_excuse_of_a_gap_lasts_ten_seconds(later_s: int, priority: float) -> None:
    back_ns = NOON_NS + 3_600 * SECOND_NS
    first = a_trade(800, ts_event_ns=back_ns)
    flagged = a_trade(900, size=LARGE, ts_event_ns=back_ns + later_s * SECOND_NS)
    assert said([*before(NOON_NS), first, flagged])["priority"] == priority


def test_minutes_are_no_gap_for_a_stock_that_trades_every_few_minutes() -> None:
    quiet = before(NOON_NS, apart_ns=200 * SECOND_NS)
    one = said([*quiet, a_trade(900, size=LARGE, ts_event_ns=NOON_NS + 600 * SECOND_NS)])
    assert (one["priority"], one["context"]) == (5.0, "regular")


@pytest.mark.parametrize(("count", "priority"), [(99, 1.5), (100, 5.0)])
def test_the_first_hundred_trades_of_a_symbol_rank_low(count: int, priority: float) -> None:
    flagged = a_trade(900, size=LARGE, ts_event_ns=NOON_NS + SECOND_NS)
    one = said([*before(NOON_NS, count), flagged])
    assert one["priority"] == priority
    assert ("first hundred trades" in one["context"]) is (count < 100)


@pytest.mark.parametrize(
    ("after_s", "context"),
    [
        (-1, "pre-market"),
        (0, "regular, first seconds of the day"),
        (9, "regular, first seconds of the day"),
        (10, "regular"),
    ],
)
def test_the_first_seconds_after_the_bell_rank_low(after_s: int, context: str) -> None:
    at_ns = OPEN_NS + after_s * SECOND_NS
    one = said([*before(at_ns - 1), a_trade(900, size=LARGE, ts_event_ns=at_ns)])
    assert one["context"] == context
    assert one["priority"] == (1.5 if "first" in context else 5.0)


def test_an_auction_says_so_and_ranks_low() -> None:
    one = said(
        [*before(OPEN_NS - 1), a_trade(900, size=LARGE, side="N", ts_event_ns=OPEN_NS + SECOND_NS)]
    )
    assert (one["context"], one["priority"]) == ("opening auction", 1.5)


def test_a_clock_that_was_wrong_once_excuses_nothing_later() -> None:
    """A stamp an hour ahead begins a gap; an hour later that gap is forgotten."""
    wrong = a_trade(800, ts_event_ns=NOON_NS + 3_600 * SECOND_NS)
    ordinary = [a_trade(801 + n, ts_event_ns=NOON_NS + n * 100 * SECOND_NS) for n in range(1, 36)]
    flagged = a_trade(900, size=LARGE, ts_event_ns=NOON_NS + 3_601 * SECOND_NS)
    one = said([*before(NOON_NS), wrong, *ordinary, flagged])
    assert (one["priority"], one["context"]) == (5.0, "regular")
