"""The log as an earlier run has left it, and what of it counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tape.codec.array_types import I64
from tape.codec.symbols import SymbolTable
from tape.judging.state_keys import Kept, Whole
from tape.judging.trade_log.keys import LogStore
from tape.judging.trade_log.record import LogRecord, decode_record, number_of

AT_ONCE: Final = 50_000
"""Logged trades that are judged in one call, or a record more: 2 MB as columns."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a record counts.

    Attributes:
        place: where it lies.
        numbers: of the record's symbols the judge's own, -1 for one of which nothing counts.
        rows: the trades of the others.
    """

    place: int
    record: LogRecord
    numbers: I64
    rows: I64


@dataclass(frozen=True, slots=True)
class KeptLog:
    """The log of detectors that have it alike, as they have if they have always run together.

    Attributes:
        detectors: their names.
        heads: number and place of its records, in their order.
        whole: what whole states there are, by symbol.
    """

    detectors: tuple[str, ...]
    heads: list[tuple[int, int]]
    whole: dict[str, Whole]

    def parts(self, symbols: SymbolTable, store: LogStore) -> Iterator[list[Part]]:
        """Yield the records of which anything counts, the oldest first, some at a time."""
        known = {name: symbols.known(name) for name in self.whole}
        since: I64 = np.zeros(len(symbols.names) + 1, np.int64)
        for name, whole in self.whole.items():
            since[known[name]] = whole.number  # the last one is of those that hold no place
        found, trades = list[Part](), 0
        for number, place in self.heads:
            record = decode_record(store.get(self.detectors[0], place))
            numbers = np.array([known.get(name, -1) for name in record.names], np.int64)
            numbers[since[numbers] >= number] = -1
            if (numbers >= 0).any():
                rows = np.flatnonzero(numbers[record.trades.symbol] >= 0)
                found.append(Part(place, record, numbers, rows))
                trades += len(rows)
            if trades >= AT_ONCE:
                yield found
                found, trades = [], 0
        if found:
            yield found


def logs_of(names: tuple[str, ...], kept: Kept, store: LogStore) -> list[KeptLog]:
    """Return the logs of detectors, one for all that have it alike."""
    found: list[KeptLog] = []
    for name in names:
        heads = sorted((number_of(blob), place) for place, blob in store.records(name))
        whole = kept.whole[name]
        for nth, one in enumerate(found):
            if (one.heads, one.whole) == (heads, whole):
                found[nth] = KeptLog((*one.detectors, name), heads, whole)
                break
        else:
            found.append(KeptLog((name,), heads, whole))
    return found
