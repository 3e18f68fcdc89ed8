"""Messages of any number of symbols, each with a price of its own, in the producer's own form."""

import numpy as np
import numpy.typing as npt

from tape.codec.compiling import compiled
from tape.codec.eight_bytes import PADDING
from tape.codec.message_writer import DAY_ROOM, MESSAGE_BYTES, put_message
from tape.codec.name_slots import NAME_WIDTH
from tape.codec.row_fields import (
    ACTION,
    DELTA,
    FIELDS,
    FLAGS,
    INSTRUMENT,
    PRICE,
    PUBLISHER,
    SEQUENCE,
    SIDE,
    SIZE,
    SYMBOL,
    TRADE,
    TS_EVENT,
    TS_RECV,
)
from tape.codec.text import I64, U8

START_NS = 1_751_961_600_000_000_000
LAG_NS = 165_000
FIRST_CENTS = 14_000
CENT_NANOS = 10_000_000
WRITTEN_AT_ONCE = 100_000
"""Trades whose messages are made together: 40 MB of text."""

LARGE_SHARES = 30_000
"""Above VOLUME_THRESHOLD, so that such a trade is flagged whatever its symbol has behind it."""


def walks(trades: int, symbols: int, seed: int = 1, flagged_one_in: int = 0) -> I64:
    """Return the numbers of trades of evenly busy symbols, one row per trade.

    A walk for each symbol: one for all would look like a jump to every symbol that trades rarely.
    With `flagged_one_in` one trade in this many is large: symbols without a forest have no others.
    """
    random = np.random.default_rng(seed)
    symbol = random.integers(0, symbols, trades)
    steps = random.integers(-2, 3, trades)
    order = np.argsort(symbol, kind="stable")
    walk = np.cumsum(steps[order])
    counts = np.bincount(symbol, minlength=symbols)
    first = np.cumsum(counts) - counts
    before = np.where(first > 0, walk[np.maximum(first - 1, 0)], 0)
    cents = np.empty(trades, np.int64)
    cents[order] = FIRST_CENTS + walk - np.repeat(before, counts)
    rows = np.zeros((trades, FIELDS), np.int64)
    rows[:, TS_EVENT] = START_NS + np.cumsum(random.integers(0, 10_000, trades))
    rows[:, TS_RECV] = rows[:, TS_EVENT] + LAG_NS
    rows[:, PRICE] = np.maximum(100, cents) * CENT_NANOS
    rows[:, SIZE] = random.integers(1, 500, trades)
    if flagged_one_in:
        rows[::flagged_one_in, SIZE] = LARGE_SHARES
    rows[:, SYMBOL], rows[:, INSTRUMENT] = symbol, symbol + 1
    rows[:, SEQUENCE] = np.arange(1, trades + 1)
    rows[:, ACTION], rows[:, SIDE] = TRADE, ord("B")
    rows[:, PUBLISHER], rows[:, FLAGS], rows[:, DELTA] = 2, 130, LAG_NS
    return rows


def messages(rows: I64, symbols: int) -> tuple[list[bytes], list[bytes]]:
    """Return keys and values of the trades in `rows`, byte for byte as the producer has them."""
    names = [b"S%05d" % number for number in range(symbols)]
    text = np.zeros(NAME_WIDTH * symbols + PADDING, np.uint8)
    for number, name in enumerate(names):
        at = NAME_WIDTH * number
        text[at : at + len(name)] = np.frombuffer(name, np.uint8)
    text_ends = np.array([NAME_WIDTH * n + len(name) for n, name in enumerate(names)], np.int64)
    keys: list[bytes] = []
    values: list[bytes] = []
    for start in range(0, len(rows), WRITTEN_AT_ONCE):
        part = rows[start : start + WRITTEN_AT_ONCE]
        out = np.zeros(len(part) * MESSAGE_BYTES + PADDING, np.uint8)
        ends = np.zeros(len(part), np.int64)
        _write(part, text, text_ends, out, ends)
        behind = ends.tolist()
        raw = out[: behind[-1]].tobytes()
        values += [raw[a:b] for a, b in zip([0, *behind], behind, strict=False)]
        keys += [names[number] for number in part[:, SYMBOL].tolist()]
    return keys, values


@compiled
def _write(rows: I64, text: U8, text_ends: I64, out: U8, ends: npt.NDArray[np.int64]) -> None:
    last = np.full(1, -1, np.int64)
    day = np.zeros(DAY_ROOM, np.uint8)
    at = 0
    for n in range(rows.shape[0]):
        at = put_message(out, at, rows[n], text, text_ends, last, day)
        ends[n] = at
