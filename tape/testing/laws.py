"""Laws that every detector obeys, whatever it looks for; each breach says which law and where.

`check_laws("my_rules:KIND")` tries all of them on synthetic trades with odd ones, repetitions and
late ones among them. What a detector finds is for its own tests: compare it with a slow and plain
form of the same rule.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.detection.protocol import Detector
from tape.detection.registry import make_detector
from tape.model.columns import TradeColumns

NAMES: Final = ("AA", "BB", "CC")
OPEN_NS: Final = 1_751_981_400_000_000_000
"""2025-07-08 09:30 in New York."""
CLOCKS: Final = (
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
)

Make = Callable[[Sequence[str]], Detector]
"""Makes a detector that has judged nothing, for symbols with these names."""


class LawBrokenError(AssertionError):
    """A detector's verdicts depend on what they must not depend on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one trade."""

    outcome: int
    rules: int
    behind_ns: int
    shared: bool
    why: Any = None


def odd_trades(seed: int, n: int) -> TradeColumns:
    """Return trades of three symbols with odd ones, repetitions, and some that come late.

    The same seed gives the same trades.
    """
    random = np.random.default_rng(seed)
    steps_ns = random.choice([0, 10_000, 5_000_000, 3 * 10**9], n)
    steps_ns[random.integers(0, n)] = 70_000 * 10**9
    cents = 5_000 + np.cumsum(random.integers(-1, 2, n))
    odd = random.random(n) < 0.01
    cents[odd] = cents[odd] * random.integers(50, 200, n)[odd] // 100
    sizes = np.minimum(random.pareto(1, n) * 50 + 1, 10**9).astype(np.int64)
    nanos = cents.astype(np.int64) * 10_000_000
    part_of_a_cent = random.random(n) < 0.02
    nanos[part_of_a_cent] += random.integers(1, 100, n)[part_of_a_cent] * 100_000
    trades = TradeColumns(
        random.choice(3, n, p=[0.8, 0.15, 0.05]).astype(np.int32),
        random.integers(1, 3, n).astype(np.int32),
        OPEN_NS + np.cumsum(steps_ns),
        nanos,
        sizes,
        random.choice([65, 66, 78], n).astype(np.uint8),
        np.arange(1, n + 1, dtype=np.int64) * 3,
        np.zeros(n, np.int32),
    )
    again = np.flatnonzero(random.random(n) < 0.03)
    rows = np.arange(n)
    rows[again] = np.maximum(again - random.integers(0, 900, len(again)), 0)
    return taken(trades, rows)


def taken(trades: TradeColumns, rows: Any) -> TradeColumns:
    """Return some of the trades, by a slice, by numbers or by a mask."""
    return TradeColumns(*[getattr(trades, name)[rows] for name in TradeColumns.__slots__])


def maker(parameters: Parameters) -> Make:
    """Return what makes the detector of a run with these parameters, as the program makes it."""

    def make(names: Sequence[str]) -> Detector:
        symbols = SymbolTable()
        for name in names:
            symbols.number(name)
        return make_detector(parameters, symbols)

    return make


def told(detector: Detector, trades: TradeColumns, batch: int = 1_000) -> list[Answer]:
    """Return what a detector says of each trade, given in batches of this size."""
    answers = []
    for start in range(0, len(trades), batch):
        part = taken(trades, slice(start, start + batch))
        verdicts = detector.detect(part)
        why = {
            int(row): detector.explain(part, verdicts, nth)
            for nth, row in enumerate(verdicts.flagged)
        }
        answers += [
            Answer(
                int(verdicts.outcome[i]),
                int(verdicts.rules[i]),
                int(verdicts.behind_ns[i]),
                bool(verdicts.shared[i]),
                why.get(i),
            )
            for i in range(len(part))
        ]
    return answers


def check_batching(make: Make, trades: TradeColumns, batches: Sequence[int]) -> None:
    """Raise `LawBrokenError` unless the trades, cut in any way, get the same verdicts."""
    whole = told(make(NAMES), trades, len(trades))
    for batch in batches:
        _same(told(make(NAMES), trades, batch), whole, f"in batches of {batch} as in a single one")


def check_restore(make: Make, trades: TradeColumns, cuts: Sequence[int]) -> None:
    """Raise `LawBrokenError` unless a detector that is restored continues as one that never ended.

    `cuts` says after how many trades its state is kept and another one takes it up.
    """
    whole = told(make(NAMES), trades)
    for cut in cuts:
        before, after = make(NAMES), make(NAMES)
        first = told(before, taken(trades, slice(0, cut)))
        for symbol in range(len(NAMES)):
            blob = before.snapshot(symbol)
            after.restore(symbol, blob)
            if after.snapshot(symbol) != blob:
                raise LawBrokenError(
                    f"the state of {NAMES[symbol]} after {cut:,} trades, restored and kept again, "
                    "is another one"
                )
        rest = told(after, taken(trades, slice(cut, None)))
        _same(first + rest, whole, f"with its state kept and restored after {cut:,} trades")


def check_symbols(make: Make, trades: TradeColumns, orders: Sequence[Sequence[int]]) -> None:
    """Raise `LawBrokenError` unless each symbol is judged by its own trades alone.

    `orders` has the symbols' numbers in other orders: they come one symbol after the other then,
    and under other numbers.
    """
    mixed = told(make(NAMES), trades)
    for order in orders:
        rows = np.concatenate([np.flatnonzero(trades.symbol == number) for number in order])
        numbers = np.argsort(order).astype(np.int32)
        by_symbol = taken(trades, rows)
        renamed = replace(by_symbol, symbol=numbers[by_symbol.symbol])
        other = told(make([NAMES[number] for number in order]), renamed)
        _same(other, [mixed[row] for row in rows.tolist()], f"with the symbols in order {order}")
    own = np.flatnonzero(trades.symbol == 0)
    alone = told(make(NAMES), taken(trades, own))
    _same(alone, [mixed[row] for row in own.tolist()], "with one symbol alone as among others")


def check_forgetting(make: Make, trades: TradeColumns) -> None:
    """Raise `LawBrokenError` unless a symbol that takes another one's number starts over."""
    own = taken(trades, np.flatnonzero(trades.symbol == 0))
    detector = make(NAMES)
    first = told(detector, own)
    detector.forget(0)
    _same(told(detector, own), first, "after another symbol had its number and was forgotten")


def check_no_clock(make: Make, trades: TradeColumns) -> None:
    """Raise `LawBrokenError` unless verdicts come without a clock and without chance."""
    first = told(make(NAMES), trades)
    second = make(NAMES)  # scikit-learn looks at the clock when it fits the first forest

    def forbidden(*_: object) -> float:
        raise LawBrokenError("a detector looked at the clock while it judged")

    state = np.random.get_state()
    with ExitStack() as stack:
        for name in CLOCKS:
            stack.enter_context(patch.object(time, name, forbidden))
        np.random.seed(5)  # the one that a careless detector would draw from
        try:
            _same(told(second, trades), first, "a second time")
        finally:
            np.random.set_state(state)


def check_laws(profile: str, *, seed: int = 1, trades: int = 3_000, **parameters: Any) -> None:
    """Raise `LawBrokenError` if the detectors of a PROFILE break a law.

    Args:
        profile: as the setting has it, like `my_rules:KIND` or `classic,my_rules:KIND`.
        seed: another one gives other trades.
        trades: how many; enough for the detector to flag some.
        parameters: further fields of `tape.detection.parameters.Parameters`.
    """
    make = maker(Parameters(profile=profile, **parameters))
    tape = odd_trades(seed, trades)
    if not any(one.rules for one in told(make(NAMES), tape)):
        raise LawBrokenError(
            f"{profile} flags none of {trades:,} trades: try more, or another seed"
        )
    check_batching(make, tape, (1, 7, 700))
    check_restore(make, tape, (0, 1, trades // 3, trades - 1, trades))
    check_symbols(make, tape, ((2, 1, 0), (1, 2, 0)))
    check_forgetting(make, tape)
    check_no_clock(make, tape)


def _same(found: list[Answer], expected: list[Answer], how: str) -> None:
    for row, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one != other:
            raise LawBrokenError(f"trade {row:,} is not judged {how}: {one}, not {other}")
