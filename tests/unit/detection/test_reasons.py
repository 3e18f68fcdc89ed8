"""Reasons agree with themselves: what was flagged is not what the sentence calls normal."""

import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.archives import find_archives, read_archive
from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.detection.protocol import Verdicts
from tape.detection.registry import make_detector
from tape.model.columns import TradeColumns
from tape.model.fields import TIME_MAX_NS

REAL = Path(__file__).resolve().parents[4] / "shared/data/databento"
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
FOREST = re.compile(
    rf"Price (?P<price>{NUMBER}) is (?:at the mean|(?P<far>{NUMBER}(?:e-\d+)?) standard deviations "
    rf"(?P<side>above|below) the mean (?P<mean>{NUMBER})) of the last 1,000 trades; "
    rf"(?:(?P<low>{NUMBER}) to (?P<high>{NUMBER})|(?P<most>{NUMBER}) or less|"
    rf"(?P<least>{NUMBER}) or more|(?P<one>{NUMBER})|a little (?:less|more)|no price) "
    r"would have been normal\."
)
MOVE = re.compile(
    rf"Price moved (?P<change>{NUMBER}) % from (?P<before>{NUMBER}) to (?P<price>{NUMBER}) since "
    rf"the previous trade; more than (?P<limit>{NUMBER}) % is unusual\."
)


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def assert_agrees(text: str, price_nanos: int) -> None:
    """What a sentence says, by the numbers that stand in it."""
    if text.startswith("Price moved"):
        said = MOVE.fullmatch(text)
        assert said is not None, text
        assert number(said["price"]).scaleb(9) == price_nanos, text
        assert number(said["before"]) != number(said["price"]), text
        assert number(said["change"]) > number(said["limit"]), text
        return
    said = FOREST.fullmatch(text)
    assert said is not None, text
    price = number(said["price"])
    assert price.scaleb(9) == price_nanos, text
    if said["side"]:
        mean = number(said["mean"])
        assert (mean < price) if said["side"] == "above" else (mean > price), text
        assert Decimal(said["far"]) > 0, text
    if said["low"]:
        low, high = number(said["low"]), number(said["high"])
        assert low < high, text
        assert not low <= price <= high, text
    if said["most"]:
        assert price > number(said["most"]), text
    if said["least"]:
        assert price < number(said["least"]), text
    if said["one"]:
        assert price != number(said["one"]), text


def check(parameters: Parameters, trades: TradeColumns, symbols: SymbolTable) -> int:
    """Check all sentences of a tape; return how many there were."""
    detector = make_detector(parameters, symbols)
    found = 0
    for start in range(0, len(trades), 5_000):
        rows = slice(start, start + 5_000)
        part = TradeColumns(*[getattr(trades, name)[rows] for name in TradeColumns.__slots__])
        verdicts: Verdicts = detector.detect(part)
        for nth, row in enumerate(verdicts.flagged.tolist()):
            for reason in detector.explain(part, verdicts, nth).reasons:
                if reason.rule != "High Volume":
                    assert_agrees(reason.text, int(part.price_nanos[row]))
                    found += 1
    return found


def walk(seed: int, n: int, tick_nanos: int, start_nanos: int) -> TradeColumns:
    random = np.random.default_rng(seed)
    ticks = np.cumsum(random.integers(-1, 2, n)) + (random.random(n) < 0.01) * random.integers(
        -40, 40, n
    )
    return TradeColumns(
        np.zeros(n, np.int32),
        np.full(n, 2, np.int32),
        10**18 + np.arange(n) * 10**6,
        start_nanos + ticks * tick_nanos,
        np.full(n, 100, np.int64),
        np.full(n, 66, np.uint8),
        np.arange(1, n + 1),
        np.zeros(n, np.int32),
    )


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    tick_nanos=st.sampled_from([1, 500, 50_000, 100_000, 10_000_000, 50_000_000_000]),
    start_usd=st.sampled_from([0, 1, 137, -40, 9_000_000]),
    change=st.sampled_from([1e-9, 1e-5, 0.0003, 0.01]),
)
def test_a_flagged_price_lies_outside_of_what_its_sentence_calls_normal(
    seed: int, tick_nanos: int, start_usd: int, change: float
) -> None:
    symbols = SymbolTable()
    symbols.number("A")
    trades = walk(seed, 3_000, tick_nanos, start_usd * 10**9)
    check(Parameters(change_threshold=change), trades, symbols)


def test_sentences_are_checked_at_all() -> None:
    symbols = SymbolTable()
    symbols.number("A")
    for tick_nanos in (1, 10_000_000):
        trades = walk(3, 6_000, tick_nanos, 137 * 10**9)
        assert check(Parameters(change_threshold=1e-12), trades, symbols) > 1_000
    wrong = (
        "Price 137.35 is 1.9 standard deviations below the mean 137.60 of the last 1,000 trades; "
        "137.35 to 137.82 would have been normal."
    )
    with pytest.raises(AssertionError):
        assert_agrees(wrong, 137_350_000_000)


@pytest.mark.parametrize("path", sorted(REAL.rglob("*.trades.csv.zst")) or [None], ids=str)
def test_the_sentences_of_a_real_day_agree_with_themselves(path: Path | None) -> None:
    if path is None:
        pytest.skip("no real trades here; synthetic ones are tested")
    symbols = SymbolTable()
    (archive,) = find_archives(path).archives
    parts = [
        decode_batch(batch.keys, batch.values, symbols).trades
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS)
    ]
    names = TradeColumns.__slots__
    trades = TradeColumns(*[np.concatenate([getattr(p, n) for p in parts]) for n in names])
    assert check(Parameters(), trades, symbols) > 100
