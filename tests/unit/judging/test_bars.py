"""Bars of one second are those of a literal oracle, however trades are cut, kept and judged."""

import itertools
import json
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.codec.places import Limits
from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.detection.protocol import Each, Verdicts
from tape.errors import StateError
from tape.judging.bars import SecondBars, part_bars
from tape.judging.judge import Judge
from tape.judging.state_keys import header_of
from tape.model.bar import Bar, decode_bar
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.testing import MemoryStore
from tape.testing.trades import OPEN_NS, a_message, a_trade, messages
from tests.unit.judging.test_golden import SMALL, tape

NAMES = ("AA", "BRK.B")
HELD = 4
SECOND_NS = 10**9
Draw = tuple[int, int, int, int, bool, int]

draws = st.lists(
    st.tuples(
        st.integers(0, 1),  # symbol
        st.integers(0, 9).map(lambda tenths: 2 ** (tenths // 2) * SECOND_NS // 10 * tenths),
        st.integers(-3, 300),  # cents
        st.integers(1, 500),
        st.booleans(),  # flagged
        st.integers(0, 3),  # 0: a duplicate; 1: no band
    ),
    max_size=60,
)


def oracle(trades: list[Draw]) -> tuple[dict[tuple[str, int], dict[str, Any]], int]:
    """Return each bar, and how many trades are in none: a trade at a time, in lists."""
    held: dict[str, dict[int, list[Draw]]] = defaultdict(dict)
    done: dict[str, int] = {}
    every: dict[tuple[str, int], list[Draw]] = {}
    late = 0
    for trade in trades:
        name, second = NAMES[trade[0]], trade[1] // SECOND_NS
        if trade[5] == 0:
            continue
        of = held[name]
        if second not in of:
            if second <= done.get(name, -1) or (len(of) == HELD and second < min(of)):
                late += 1
                continue
            if len(of) == HELD:
                done[name] = min(of)
                del of[min(of)]
            of[second] = every[name, second] = []
        of[second].append(trade)
    return {key: _bar(some) for key, some in every.items()}, late


def _bar(some: list[Draw]) -> dict[str, Any]:
    by_time = sorted(some, key=lambda one: one[1])
    banded = [one for one in by_time if one[5] > 1]
    return {
        "open": by_time[0][2] / 100,
        "high": max(one[2] for one in some) / 100,
        "low": min(one[2] for one in some) / 100,
        "close": by_time[-1][2] / 100,
        "volume": sum(one[3] for one in some),
        "trades": len(some),
        "flagged": sum(one[4] for one in some),
        "lower": round(banded[-1][2] / 100 - 1, 6) if banded else None,
        "upper": round(banded[-1][2] / 100 + 1, 6) if banded else None,
    }


def batch(trades: list[Draw]) -> tuple[TradeColumns, Verdicts]:
    n = len(trades)
    columns = [np.array([one[at] for one in trades], np.int64) for at in range(6)]
    symbol, time_ns, cents, size, flagged, kind = columns
    price = cents / 100
    none = np.zeros(n, np.int64)
    columns_of = TradeColumns(
        symbol=symbol.astype(np.int32),
        publisher_id=none.astype(np.int32),
        ts_event_ns=time_ns,
        price_nanos=cents * 10_000_000,
        size=size,
        side=none.astype(np.uint8),
        sequence=none,
        ordinal=none.astype(np.int32),
    )
    lower = np.where(kind > 1, price - 1, np.nan)
    verdicts = Verdicts(
        outcome=np.where(kind == 0, 2, 0).astype(np.uint8),
        rules=flagged.astype(np.uint8),
        flagged=np.flatnonzero(flagged),
        evidence=none,
        behind_ns=none,
        shared=none.astype(np.bool_),
        each=Each(np.zeros((n, 3)), lower, lower + 2, none.astype(np.uint8)),
    )
    return columns_of, verdicts


def told(bars: SecondBars) -> dict[tuple[str, int], dict[str, Any]]:
    found = {}
    for symbol, value in bars.told():
        fields = json.loads(value)
        assert fields.pop("symbol") == symbol
        start = np.datetime64(fields.pop("bar_start")[:-1], "s").astype(int)
        found[symbol, int(start)] = fields
    return found


@given(draws, st.lists(st.integers(0, 60), max_size=5))
def test_the_last_record_of_each_second_is_the_oracles_however_trades_are_cut(
    trades: list[Draw], cuts: list[int]
) -> None:
    symbols = SymbolTable(10)
    for name in NAMES:
        symbols.number(name)
    bars, late = SecondBars(symbols), 0
    last: dict[tuple[str, int], dict[str, Any]] = {}
    edges = sorted({0, len(trades), *(cut for cut in cuts if cut < len(trades))})
    for first, end in itertools.pairwise(edges):
        late += bars.add(*batch(trades[first:end]))
        last |= told(bars)
        kept = [bars.kept(number) for number in range(len(NAMES))]
        bars = SecondBars(symbols)  # as after a kill
        for number, blob in enumerate(kept):
            assert part_bars(blob + b"TAPE") == (blob, b"TAPE")
            bars.take_up(number, blob)
    assert (last, late) == oracle(trades)


def test_a_bar_that_has_not_changed_is_not_told_again() -> None:
    judge = Judge(Parameters(), 10, Counts(), bars=True)
    assert judge.bars is not None
    judge.judge(*messages([a_trade(1), a_trade(2, symbol="AMD")]))
    assert [symbol for symbol, _ in judge.bars.told()] == ["NVDA", "AMD"]
    assert judge.bars.told() == []
    judge.judge(*messages([a_trade(3, price_usd=101)]))
    ((symbol, value),) = judge.bars.told()
    bar = decode_bar(value)
    assert isinstance(bar, Bar)
    assert (symbol, bar.open, bar.close, bar.trades) == ("NVDA", 100.0, 101.0, 2)


def test_a_late_trade_counts_in_its_own_second_and_one_too_late_is_counted() -> None:
    counts = Counts()
    judge = Judge(Parameters(), 10, counts, bars=True)
    assert judge.bars is not None
    at = [0, 1, 2, 3, 0, 4, 0]
    judge.judge(
        *messages(
            a_trade(n + 1, ts_event_ns=OPEN_NS + second * SECOND_NS) for n, second in enumerate(at)
        )
    )
    by_trades = [json.loads(value)["trades"] for _, value in judge.bars.told()]
    assert by_trades == [2, 1, 1, 1, 1]
    assert (counts.late_for_bars, counts.trades) == (1, 7)


@pytest.mark.parametrize("profile", ["classic", "calibrated", "classic,calibrated"])
def test_kept_state_continues_the_running_second(profile: str) -> None:
    rows = tape()[:3_000]
    parameters = Parameters(**SMALL, profile=profile)  # type: ignore[arg-type]

    def last_of(cuts: list[int]) -> dict[tuple[str, str], bytes]:
        store, last = MemoryStore(), {}
        for first, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
            state = store.of(profile)
            judge = Judge(parameters, 10, Counts(), kept=state.kept(), bars=True)
            part = rows[first:end]
            judge.judge([key for key, _ in part], [value for _, value in part], state)
            assert judge.bars is not None
            for symbol, value in judge.bars.told():
                last[symbol, json.loads(value)["bar_start"]] = value
            store.commit(judge, profile)
        for key, blob in store.items():
            header = header_of(blob) if b"SEEN" in blob[:4] else None
            assert header is None or json.loads(key)[0] == header.profile
        return last

    whole = last_of([])
    assert last_of([1, 700, 701, 2_000]) == whole
    banded = sum(json.loads(value)["lower"] is not None for value in whole.values())
    assert (banded > 100) == ("calibrated" in profile), (banded, len(whole))


def test_a_run_without_bars_takes_up_state_with_them_and_the_other_way_round() -> None:
    store = MemoryStore()
    for bars in (True, False, True):
        state = store.of("classic")
        judge = Judge(Parameters(), 10, Counts(), kept=state.kept(), bars=bars)
        judge.judge([b"NVDA"], [a_message(len(store) + 1)], state)
        store.commit(judge, "classic")
    assert judge.symbols.place(0) == (3, 3)


def test_a_symbol_that_loses_its_place_is_told_under_its_own_name() -> None:
    judge = Judge(Parameters(), 2, Counts(), limits=Limits(2, 3, 5), bars=True)
    assert judge.bars is not None
    for n, name in enumerate(["A"] * 4 + ["B"] * 9 + ["C"] * 9 + ["D"] * 9):
        judge.judge(*messages([a_trade(n + 1, symbol=name)]))
    assert judge.symbols.forgotten
    assert len(judge.symbols.names) < 4
    told_of = [(symbol, json.loads(value)) for symbol, value in judge.bars.told()]
    assert sorted((symbol, bar["symbol"]) for symbol, bar in told_of) == [
        (name, name) for name in "ABCD"
    ]


@pytest.mark.parametrize("at", [4, 12, 40])
def test_damaged_bars_are_refused_with_a_sentence(at: int) -> None:
    judge = Judge(Parameters(), 10, Counts(), bars=True)
    assert judge.bars is not None
    judge.judge(*messages([a_trade(1)]))
    kept = bytearray(judge.bars.kept(0))
    kept[at] ^= 1
    with pytest.raises(StateError, match="state of bars"):
        part_bars(bytes(kept))
