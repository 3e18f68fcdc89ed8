"""What a kept state says of its symbol, as names and values that a person can read."""

import struct
import zlib
from typing import Final

from tape.detection import duplicates
from tape.detection.calibrated import state as calibrated_state
from tape.detection.classic import state as classic_state
from tape.detection.memory import counters_of, first_piece
from tape.errors import StateError
from tape.judging.episode_kernel import COLUMNS, FIRST_TIME, FLAGS
from tape.judging.kept_state import decode_kept
from tape.judging.state_keys import DETECTOR, decode_seen, header_of
from tape.model.fields import NANOS, iso_time

CLASSIC: Final = {
    "trades": duplicates.ACCEPTED,
    "history_values": classic_state.LEARNT,
    "fine_prices": classic_state.FINE,
    "forest_breakpoints": classic_state.BREAKS,
    "publishers": duplicates.KNOWN_PUBLISHERS,
}
CALIBRATED: Final = {
    "trades": duplicates.ACCEPTED,
    "last_size": calibrated_state.LAST_SIZE,
    "local_prices": calibrated_state.HELD,
    "venues": calibrated_state.VENUES_KNOWN,
    "publishers": duplicates.KNOWN_PUBLISHERS,
}
MEANINGS: Final = {
    "topic": "the changelog that holds it",
    "partition": "of the changelog, as of the input topic",
    "kept": "when it was written, UTC",
    "bytes": "its size",
    "version": "of its layout",
    "parameters": "hash of the settings that it was made with",
    "damaged": "it cannot be read, and the detector will not start with it",
    "readable": "false: this program does not know its version",
    "trades": "trades judged so far",
    "history_values": "prices, as distances from their window's mean, that the forest was given "
    "to learn from",
    "fine_prices": "1: some price was no multiple of 0.0001 dollars",
    "forest_breakpoints": "distances from the mean at which the isolation forest's verdict turns",
    "publishers": "publishers whose newest trade is remembered",
    "last_size": "shares of the newest trade",
    "local_prices": "prices of the newest trades that a price is held against",
    "venues": "venues whose prices are followed",
    "last_price_usd": "price of the newest trade, dollars",
    "trades_seen": "its trades in its partition so far, duplicates too",
    "last_record": "number of its newest trade among the records of its partition",
    "episode": "its open episode cannot be read",
    "open_episode_flags": "flagged trades of the episode that is open; 0: none is",
    "open_episode_since": "time of its first flagged trade, UTC",
}
"""What each field of `tape state show` says, in plain words."""

LAYOUTS: Final = {
    "classic": (CLASSIC, classic_state.COUNTERS, classic_state.VERSION),
    "calibrated": (CALIBRATED, calibrated_state.COUNTERS, calibrated_state.VERSION),
}
"""By profile: columns of its counters, how many there are, and the newest version that has them;
the one before has them too."""


def fields_of(blob: bytes) -> dict[str, object]:
    """Return what a kept state holds; of another version or a damaged one, that it is so."""
    header = header_of(blob)
    if header is None:
        return {"damaged": True}
    if header.profile not in LAYOUTS or not (0 <= LAYOUTS[header.profile][2] - header.version <= 1):
        return {"readable": False}
    body = blob[header.detector_at + DETECTOR.size :]
    if zlib.crc32(body) != DETECTOR.unpack_from(blob, header.detector_at)[5]:
        return {"damaged": True}
    columns, count, newest = LAYOUTS[header.profile]
    try:
        last_record, trades_seen, rest = decode_seen(blob)
        counters = counters_of(first_piece(body, packed=header.version == newest), count)
    except (StateError, struct.error):
        return {"damaged": True}
    found: dict[str, object] = {name: int(counters[at]) for name, at in columns.items()}
    price_at = (
        classic_state.LAST_PRICE if header.profile == "classic" else calibrated_state.LAST_PRICE
    )
    found["last_price_usd"] = int(counters[price_at]) / NANOS
    return found | {"trades_seen": trades_seen, "last_record": last_record} | _episode(rest)


def _episode(blob: bytes) -> dict[str, object]:
    try:
        row, _ = decode_kept(blob)
    except StateError:
        return {"episode": "not readable"}
    if row is None or len(row) != COLUMNS or not row[FLAGS]:
        return {"open_episode_flags": 0}
    return {
        "open_episode_flags": int(row[FLAGS]),
        "open_episode_since": iso_time(int(row[FIRST_TIME])),
    }
