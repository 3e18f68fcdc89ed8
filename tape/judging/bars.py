"""Bars of one second of the trades of a partition, and what is kept of them between runs."""

import struct
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np

from tape.codec.array_types import F64, I64, Bools
from tape.codec.symbols import SymbolTable
from tape.detection.protocol import Verdicts
from tape.errors import StateError
from tape.judging.bar_changes import BarChanges
from tape.judging.bars_kernel import (
    BAR_COLUMNS,
    CLOSE,
    COLUMNS,
    DONE,
    EMPTY,
    FLAGGED,
    HELD,
    LOWER,
    MICROS,
    NEW,
    NO_BAND,
    OPEN,
    SECOND,
    TRADES,
    UPPER,
    VOLUME,
    add_to_bars,
)
from tape.model.bar import Bar, encode_bar, iso_second
from tape.model.columns import TradeColumns
from tape.model.fields import NANOS

ROOM_FACTOR: Final = 16
"""How many times as many rows there are each time there are too few, as in the detector."""
BARS: Final = struct.Struct("<4sHHI")
"""Begins what is kept of a symbol's bars: BARS, version, words that follow, checksum."""
WORD: Final = 8
"""Bytes of an integer."""
VERSION: Final = 1
"""Version of this layout."""
NO_BANDS: Final[F64] = np.zeros(0)


class SecondBars:
    """The bars of the trades of one partition; each depends on its symbol's own trades only."""

    def __init__(self, symbols: SymbolTable) -> None:
        self._symbols = symbols
        self._names: list[str] = []
        """Of the symbols, as the bars have them: a number may get another symbol."""
        self._rows: I64 = np.zeros((0, COLUMNS), np.int64)
        self._changed: Bools = np.zeros((0, HELD), np.bool_)
        """Of each place of a row whether it was told since `changes` was called last."""
        self._finished: list[I64] = []
        self._told: list[tuple[str, list[int]]] = []

    def _make_room(self, rows: int) -> None:
        if rows > len(self._rows):
            grown = np.tile(EMPTY, (max(rows, ROOM_FACTOR * len(self._rows), 16), 1))
            grown[: len(self._rows)] = self._rows
            more = np.zeros((len(grown) - len(self._rows), HELD), np.bool_)
            self._rows, self._changed = grown, np.concatenate([self._changed, more])

    def _know_all(self) -> None:
        """Have a row of each symbol that there is, and its name."""
        self._make_room(len(self._symbols.names))
        self._names += self._symbols.names[len(self._names) :]

    def add(self, trades: TradeColumns, verdicts: Verdicts) -> int:
        """Add the trades of a batch, but for duplicates; return how many came too late.

        These are in no bar: that of their second is done with.
        """
        self._know_all()
        finished = np.empty((len(trades), BAR_COLUMNS + 1), np.int64)
        made, too_late = add_to_bars(
            np.ascontiguousarray(trades.symbol, np.int32),
            np.ascontiguousarray(trades.ts_event_ns, np.int64),
            np.ascontiguousarray(trades.price_nanos, np.int64),
            np.ascontiguousarray(trades.size, np.int64),
            verdicts.outcome,
            verdicts.rules,
            *_bands(verdicts, len(trades)),
            self._rows,
            finished,
        )
        if made:
            self._finished.append(finished[:made].copy())
        return int(too_late)

    def told(self) -> list[tuple[str, bytes]]:
        """Return symbol and message of every bar that has changed since the last call.

        Of a symbol they come in the order of their time.
        """
        names, bars = self._news(and_held=True)
        return list(zip(names, _messages(names, bars), strict=True))

    def finished(self, wanted: Callable[[int], bool], *, and_held: bool) -> list[bytes]:
        """Return the messages of the bars that are done with since the last call.

        Of those only whose second is `wanted`; those that are held, too, if asked for.
        """
        names, bars = self._news(and_held=and_held)
        told = zip(bars[:, SECOND].tolist(), _messages(names, bars), strict=True)
        return [message for second, message in told if wanted(second)]

    def _news(self, *, and_held: bool) -> tuple[list[str], I64]:
        """Return the bars that have changed, and the names of their symbols."""
        self._name_finished()
        names, bars = [name for name, _ in self._told], [bar for _, bar in self._told]
        self._told = []
        found: I64 = np.array(bars, np.int64).reshape(-1, BAR_COLUMNS)
        if and_held:
            is_new = self._rows[:, NEW:DONE:BAR_COLUMNS]
            rows, places = np.nonzero(is_new)
            held = self._rows[rows[:, None], _columns_of(places)]
            is_new[rows, places] = 0
            self._changed[rows, places] = True
            order = np.lexsort((held[:, SECOND], rows))
            names += [self._names[row] for row in rows[order].tolist()]
            found = np.concatenate([found, held[order]])
        return names, found

    def _name_finished(self) -> None:
        """Take up the names of finished bars, while the numbers of symbols are still theirs."""
        for bars in self._finished:
            self._told += [(self._names[bar.pop()], bar) for bar in bars.tolist()]
        self._finished = []

    def forget(self, symbol: int) -> None:
        """Forget a symbol, whose number belongs to another one from now on, but for news of it."""
        if symbol >= len(self._names):
            return
        self._name_finished()
        news = [bar.tolist() for bar in _held(self._rows[symbol]) if bar[NEW]]
        self._told += [(self._names[symbol], bar) for bar in news]
        self._names[symbol] = self._symbols.names[symbol]
        self._rows[symbol], self._changed[symbol] = EMPTY, False

    def kept(self, symbol: int) -> bytes:
        """Return what is kept of a symbol's bars."""
        self._make_room(symbol + 1)
        body: bytes = self._rows[symbol].astype("<i8", copy=False).tobytes()
        return BARS.pack(b"BARS", VERSION, COLUMNS, zlib.crc32(body)) + body

    def take_up(self, symbol: int, kept: bytes) -> None:
        """Take up a symbol's bars from what was kept; of nothing it begins without any.

        Raises `StateError` if it cannot.
        """
        self._know_all()
        words = np.frombuffer(kept, "<i8", offset=BARS.size) if kept else EMPTY
        self._rows[symbol], self._changed[symbol] = words, False

    def changes(self, symbols: I64) -> BarChanges:
        """Return what has changed of some symbols since the last call.

        What has changed of all others counts as kept from now on.
        """
        self._make_room(len(self._symbols.names))
        is_new = self._rows[symbols][:, NEW:DONE:BAR_COLUMNS] == 1
        found, places = np.nonzero(is_new | self._changed[symbols])
        self._changed[:] = False
        rows = symbols[found]
        bars = self._rows[rows[:, None], _columns_of(places)]
        done = self._rows[rows, DONE][:, None]
        return BarChanges(rows, places, np.concatenate([bars, done], axis=1))

    def put(self, changes: BarChanges) -> None:
        """Have places of symbols' rows as they are said to be."""
        self._know_all()
        self._rows[changes.symbol[:, None], _columns_of(changes.place)] = changes.bars[:, :-1]
        self._rows[changes.symbol, DONE] = changes.bars[:, -1]

    def clear(self, symbols: I64) -> None:
        """Have no bars of these symbols."""
        self._know_all()
        self._rows[symbols] = EMPTY


def part_bars(blob: bytes) -> tuple[bytes, bytes]:
    """Return what is kept of bars, nothing if none are, and what follows it.

    Raises `StateError` if it is damaged or of another version.
    """
    if not blob.startswith(b"BARS"):
        return b"", blob
    if len(blob) >= BARS.size:
        _, version, words, checksum = BARS.unpack_from(blob)
        if version != VERSION:
            raise StateError(
                f"state of bars has version {version}, this program knows {VERSION}",
                "run the program that wrote it, or start over with `tape state reset`",
            )
        end = BARS.size + WORD * words
        if words == COLUMNS and len(blob) >= end and zlib.crc32(blob[BARS.size : end]) == checksum:
            return blob[:end], blob[end:]
    raise StateError("state of bars is damaged", "start over with `tape state reset`")


def _columns_of(places: I64) -> I64:
    """Return of each place the columns of a row that it has."""
    columns: I64 = places[:, None] * BAR_COLUMNS + np.arange(BAR_COLUMNS)
    return columns


def _held(row: I64) -> list[I64]:
    """Return the bars that a symbol's row holds."""
    return [bar for bar in row[:DONE].reshape(HELD, BAR_COLUMNS) if bar[TRADES]]


def _bands(verdicts: Verdicts, trades: int) -> tuple[F64, F64]:
    """Return the bands of a batch's trades, by the first detector that knows them."""
    if verdicts.each is not None:
        return np.ascontiguousarray(verdicts.each.lower), np.ascontiguousarray(verdicts.each.upper)
    for part in verdicts.parts:
        each = part.verdicts.each
        if each is not None:
            lower, upper = np.full(trades, np.nan), np.full(trades, np.nan)
            at = slice(None) if part.positions is None else part.positions
            lower[at], upper[at] = each.lower, each.upper
            return lower, upper
    return NO_BANDS, NO_BANDS


def _messages(names: list[str], bars: I64) -> list[bytes]:
    """Return the messages of bars."""
    dollars = (bars[:, OPEN : CLOSE + 1] / NANOS).tolist()
    bands = bars[:, LOWER : UPPER + 1]
    has_band = (bands[:, 0] != NO_BAND).tolist()
    usd = (bands / MICROS).tolist()
    counts = bars[:, VOLUME : FLAGGED + 1].tolist()
    seconds = bars[:, SECOND].tolist()
    return [
        encode_bar(Bar(name, iso_second(second), *prices, *count, *(band if has else (None, None))))
        for name, second, prices, count, band, has in zip(
            names, seconds, dollars, counts, usd, has_band, strict=True
        )
    ]
