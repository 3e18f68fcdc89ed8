"""The engine alone: trades a second with all refits, and one forest beside scikit-learn's."""

import time
from dataclasses import replace
from statistics import median

import numpy as np

from tape.codec.symbols import SymbolTable
from tape.detection.forest.breakpoints import BREAKPOINTS
from tape.detection.forest.forests import Forests
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, Detector
from tape.detection.registry import make_detector
from tape.errors import BooksError
from tape.model.columns import TradeColumns

BATCH = 1_000
FILLING = 21_000
"""Trades that fill a symbol's history: 1,000 values, one in 20 trades, and a refit behind them."""


def tape_columns(trades: int, symbols: int, seed: int = 1) -> TradeColumns:
    """Return a random walk per symbol; symbols take turns in random order."""
    random = np.random.default_rng(seed)
    symbol = random.integers(0, symbols, trades).astype(np.int32)
    cents = 14_000 + np.cumsum(random.integers(-2, 3, trades))
    return TradeColumns(
        symbol=symbol,
        publisher_id=np.full(trades, 2, np.int32),
        ts_event_ns=1_751_961_600_000_000_000 + np.cumsum(random.integers(0, 10**6, trades)),
        price_nanos=np.maximum(100, cents) * 10_000_000,
        size=random.integers(1, 500, trades),
        side=np.full(trades, ord("B"), np.uint8),
        sequence=np.arange(1, trades + 1),
        ordinal=np.zeros(trades, np.int32),
    )


def part(tape: TradeColumns, rows: slice) -> TradeColumns:
    """Return some rows of a tape."""
    return TradeColumns(
        tape.symbol[rows],
        tape.publisher_id[rows],
        tape.ts_event_ns[rows],
        tape.price_nanos[rows],
        tape.size[rows],
        tape.side[rows],
        tape.sequence[rows],
        tape.ordinal[rows],
    )


def full_detector(symbols: int) -> Detector:
    """Return a detector whose symbols all have a full window, history and forest behind them."""
    table = SymbolTable(max(symbols, 1))
    table.number("S0")
    detector = make_detector(Parameters(), table)
    before = tape_columns(FILLING, 1, seed=2)
    yesterday = before.ts_event_ns - 86_400 * 1_000_000_000
    detector.detect(replace(before, ts_event_ns=yesterday))
    blob = detector.snapshot(0)
    for number in range(1, symbols):
        table.number(f"S{number}")
        detector.restore(number, blob)
    return detector


def engine_trades_per_s(symbols: int, trades: int, repeats: int = 3) -> float:
    """Return trades a second of thread CPU time in batches of 1,000, the median of `repeats`.

    Histories are full from the first trade on, so that every refit grows a forest on 1,000 values.
    """
    tape = tape_columns(trades, symbols)
    batches = [part(tape, slice(at, at + BATCH)) for at in range(0, trades, BATCH)]
    rates = []
    for _ in range(repeats):
        detector = full_detector(symbols)
        start_s = time.thread_time()
        found = [detector.detect(batch).outcome for batch in batches]
        rates.append(trades / (time.thread_time() - start_s))
        judged = sum(int((outcome != DUPLICATE).sum()) for outcome in found)
        if judged != trades:
            raise BooksError(
                f"the books do not balance: {judged:,} of {trades:,} trades were judged; this is "
                "a fault of this program, please report it"
            )
    return median(rates)


def fit_ms(fits: int = 200) -> tuple[float, float]:
    """Return the median milliseconds of one fit: compiled, and scikit-learn's own."""
    from sklearn.ensemble import IsolationForest  # not needed but here: 1.5 s of import

    parameters = Parameters()
    forests = Forests(parameters, BREAKPOINTS)
    random = np.random.default_rng(7)
    training = [random.normal(size=parameters.history).astype(np.float32) for _ in range(fits)]
    forests.breakpoints(training[0])  # draws what does not depend on the data
    ours, theirs = [], []
    for nth, values in enumerate(training):
        start_s = time.perf_counter()
        forests.breakpoints(values)
        ours.append(time.perf_counter() - start_s)
        if nth % 20 == 0:
            forest = IsolationForest(n_estimators=100, contamination=0.01, random_state=42)
            start_s = time.perf_counter()
            forest.fit(values.reshape(-1, 1))
            theirs.append(time.perf_counter() - start_s)
    return 1e3 * median(ours), 1e3 * median(theirs)


def state_bytes_per_symbol() -> int:
    """Return the length of the state of one symbol whose histories are full."""
    return len(full_detector(1).snapshot(0))
