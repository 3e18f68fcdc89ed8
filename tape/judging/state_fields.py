"""What a kept state says of its symbol, as names and values that a person can read."""

import struct
import zlib
from typing import Final

from tape.detection.duplicates import ACCEPTED, KNOWN_PUBLISHERS
from tape.detection.kind import Layout
from tape.detection.memory import LENGTH, counters_of, first_piece
from tape.detection.registry import BUILT_IN, TAKEN, lineup
from tape.detection.ring_kernel import COUNTERS, VERSION
from tape.errors import StateError
from tape.judging.episode_kernel import FIRST_TIME, FLAGS
from tape.judging.kept_place import decode_seen
from tape.judging.kept_state import decode_kept
from tape.judging.state_keys import DETECTOR, header_of
from tape.judging.trade_log.keys import unmarked
from tape.model.fields import NANOS, iso_time

MEANINGS: Final = {
    "topic": "the changelog that holds it",
    "partition": "of the changelog, as of the input topic",
    "kept": "when it was written, UTC",
    "bytes": "its size",
    "version": "of its layout",
    "parameters": "hash of the settings that it was made with",
    "damaged": "it cannot be read, and the detector will not start with it",
    "logged_trades": "trades since then, which lie in the log; what follows is of before",
    "readable": "false: this program does not know its version",
    "trades": "trades judged so far",
    "history_values": "prices, as distances from their window's mean, that the forest was given "
    "to learn from",
    "fine_prices": "1: some price was no multiple of 0.0001 dollars",
    "forest_breakpoints": "distances from the mean at which the isolation forest's verdict turns",
    "publishers": "publishers whose newest trade is remembered",
    "last_size": "shares of the newest trade",
    "local_prices": "prices of the newest trades that a price is compared with",
    "venues": "venues whose prices are followed",
    "last_price_usd": "price of the newest trade, dollars",
    "trades_seen": "its trades in its partition so far, duplicates too",
    "last_record": "number of its newest trade among the records of its partition",
    "episode": "its open episode cannot be read",
    "open_episode_flags": "flagged trades of the episode that is open; 0: none is",
    "open_episode_since": "time of its first flagged trade, UTC",
}
"""What each field of `tape state show` says, in plain words."""

OWN: Final = Layout(
    columns={"trades": ACCEPTED, "publishers": KNOWN_PUBLISHERS},
    count=COUNTERS,
    version=VERSION,
    before=False,
)
"""Of a detector that is not of this program: what is remembered for the duplicates."""


def fields_of(blob: bytes) -> dict[str, object]:
    """Return what a kept state holds; of another version or a damaged one, that it is so."""
    header = header_of(blob)
    if header is None:
        return {"damaged": True}
    if header.profile in TAKEN:
        return {"readable": False}
    layout = _layout(header.profile)
    if not 0 <= layout.version - header.version <= layout.before:
        return {"readable": False}
    body = blob[header.detector_at + DETECTOR.size :]
    if zlib.crc32(body) != DETECTOR.unpack_from(blob, header.detector_at)[5]:
        return {"damaged": True}
    if layout is OWN:
        body = body[LENGTH.size :]
    try:
        last_record, trades_seen, rest = decode_seen(unmarked(blob)[1])
        piece = first_piece(body, packed=header.version == layout.version)
        counters = counters_of(piece, layout.count)
    except (StateError, struct.error):
        return {"damaged": True}
    found: dict[str, object] = {name: int(counters[at]) for name, at in layout.columns.items()}
    if layout.last_price is not None:
        found["last_price_usd"] = int(counters[layout.last_price]) / NANOS
    return found | {"trades_seen": trades_seen, "last_record": last_record} | _episode(rest)


def _layout(profile: str) -> Layout:
    """Return how the state of a profile is read; nothing but this program's is imported."""
    if profile not in BUILT_IN:
        return OWN
    layout = lineup(profile).kinds[0].layout
    assert layout is not None  # noqa: S101 - each of this program's kinds has one
    return layout


def _episode(blob: bytes) -> dict[str, object]:
    try:
        row, *_ = decode_kept(blob)
    except StateError:
        return {"episode": "not readable"}
    if row is None or not row[FLAGS]:
        return {"open_episode_flags": 0}
    return {
        "open_episode_flags": int(row[FLAGS]),
        "open_episode_since": iso_time(int(row[FIRST_TIME])),
    }
