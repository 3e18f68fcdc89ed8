"""A DBN stream recorded from the live service: symbols come as records, of many kinds together."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from tape.archives.sidecars import Symbology
from tape.codec.dbn_scanner import MBO, MBP_0, MBP_1, MBP_10, kinds_of, pick
from tape.model.rejected import Rejected

KINDS: Final = (MBP_0, MBP_1, MBP_10, MBO)
"""Kinds with trades in them, by preference: of one trade only one record may be taken."""

MAPPING_BYTES_V1: Final = 80
"""Size of a symbol mapping in DBN version 1."""
PLACES_V1: Final = ((16, 38), (38, 60))
PLACES: Final = ((17, 88), (89, 160))
"""Where a mapping has the symbol that was asked for, and the one that it stands for."""

NO_MARKET_DATA: Final = frozenset({18, 19, 21, 22, 23})
"""Status, definitions, errors, mappings and heartbeats: with no more, nothing was missed."""


class LiveRecords:
    """Takes the trades of one stream, with the symbols that hold at their place in it.

    Attributes:
        skipped: records that were skipped since this was last set to 0.
    """

    def __init__(self, symbology: Symbology) -> None:
        self._symbology = symbology
        self._kind = -1
        self._seen: set[int] = set()
        self.skipped = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the records with trades in whole records, cut where a symbol changes."""
        records = np.frombuffer(data, np.uint8)
        found = np.flatnonzero(kinds_of(records)).tolist()
        self._seen.update(found)
        if self._kind < 0:
            self._kind = next((kind for kind in KINDS if kind in found), -1)
        at, out, end = 0, np.empty(len(data), np.uint8), 0
        while at < len(data):
            at, end, others = pick(records, at, self._kind, out, end)
            self.skipped += others
            if at == len(data):
                break
            length = 4 * data[at]
            instrument, symbol = mapped(data[at : at + length])
            if end and self._symbology.changes(instrument, symbol):
                yield out[:end].tobytes()
                end = 0
            self._symbology.map_from_here(instrument, symbol)
            at += length
        if end:
            yield out[:end].tobytes()

    def ended(self) -> Rejected | None:
        """Return what is wrong with a whole stream, if anything is."""
        if self._kind >= 0 or self._seen <= NO_MARKET_DATA:
            return None
        return Rejected(
            "not_trades",
            "a live recording without trades in it; subscribe to the schema trades",
        )


def mapped(record: bytes) -> tuple[int, str]:
    """Return the instrument of a mapping record and its symbol, empty if there is none."""
    places = PLACES_V1 if len(record) == MAPPING_BYTES_V1 else PLACES
    asked, meant = (
        record[start:end].partition(b"\0")[0].decode("ascii", "replace") for start, end in places
    )
    symbol = asked if meant.isdecimal() or not meant else meant
    return int.from_bytes(record[4:8], "little"), symbol
