"""What of this program's own a file is, by what is in it, whatever its name says.

Only files of our own are replaced without being asked, and none of them but a day of trades is
taken for an input.
"""

import re
from codecs import BOM_UTF8
from pathlib import Path
from typing import Final

from tape.process.regular_file import open_file

MARK: Final = b"made by Tapewatch"
"""Stands in the metadata or in a comment of every file that has room for one."""

SKIPPABLE: Final = b"\x50\x2a\x4d\x18"
"""Begins a zstd frame that every reader skips (RFC 8878, 3.1.2)."""

MARK_FRAME: Final = SKIPPABLE + len(MARK).to_bytes(4, "little") + MARK
"""The mark as the last frame of a zstd file."""

COMMENT: Final = b"# " + MARK + b": "
"""Begins our text files that have comments."""

STATES: Final = b"\x83\xa5magic" + bytes([0xA0 + len(MARK)]) + MARK
"""Begins our files of states: MessagePack, a map of three whose first value is the mark."""

RANKING_MADE_BY: Final = f"{MARK.decode()}: `tape learn`"
"""Stands first in a ranking, which is JSON and has no comments."""
RANKINGS: Final = b'{\n  "ranking": "' + RANKING_MADE_BY.encode() + b'"'

PICTURES: Final = (b"\x89PNG", b"<?xml", b"%PDF")
LOOKED_AT: Final = 16_384
"""Bytes read at each end of a file; a Parquet file's metadata are at its end."""

HEADS: Final = (
    b"ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    b"ts_in_delta,sequence,symbol,anomaly_id,",
    b"symbol,publisher_id,first_ts_event,first_sequence,last_ts_event,last_sequence,kind,",
    b"symbol,publisher_id,ts_event,sequence,ordinal,side,price,size,flagged,rules,severity,",
    b"symbol,start,open,high,low,close,volume,trades,flagged,open_clean,",
)
"""First lines of our tables that have no room for a mark: anomalies, labels, scores and bars as
CSV."""

FEATURES: Final = "features written by tape features, not trades"
ANOMALIES: Final = "anomalies written by tape replay, not trades"
SCORES: Final = "scores of trades written by tape score, not trades"
BARS: Final = "bars written by tape bars, not trades"
CLEAN: Final = "trades written by tape score as Parquet, which no command reads"
EPISODES: Final = "episodes written by tape replay, not trades"
LABELS: Final = "labels of anomalies, not trades"
PICTURE: Final = "a picture drawn by tape, not trades"
REPORT: Final = "a report of tape, not trades"
RANKING: Final = "a ranking written by tape learn, not trades"
REVIEWS: Final = "reviews of alerts, not trades"
THRESHOLDS: Final = "thresholds written by tape tune, not trades"
COLUMNS: Final = "a columns file suggested by tape inspect, not trades"

BEGINNING: Final = 16_384
"""Bytes of a file, unpacked, by which it is known what it is."""

TABLES: Final = (
    ({"anomaly_id", "episode_id"}, ANOMALIES),
    ({"severity_price", "episode_id", "usable"}, SCORES),
    ({"open_clean", "close_clean", "trades_clean"}, BARS),
    ({"first_ts_event", "first_sequence", "last_ts_event", "last_sequence", "kind"}, LABELS),
)
"""Columns that nobody else has together, also where a spreadsheet has saved the table again."""

PARQUET: Final = (
    (MARK + b": scores", SCORES),
    (MARK + b": bars", BARS),
    (MARK + b": trades", CLEAN),
    (MARK, ANOMALIES),
)
"""What our Parquet files say of themselves."""

KEYS: Final = (
    (rb'^.{0,4}"rows"\s*:.*"rows_skipped"\s*:.*"flagged"\s*:', REPORT),
    (rb'^.{0,4}"files"\s*:.{0,9}"path"\s*:.*"about"\s*:', REPORT),
    (rb'^.{0,4}"ranking"\s*:\s*"made by Tapewatch: ', RANKING),
    (rb'"anomaly_id"\s*:.*"detector"\s*:', ANOMALIES),
    (rb'"episode_id"\s*:.*"detector"\s*:', EPISODES),
    (rb'"bar_start"\s*:.*"flagged"\s*:.*"lower"\s*:', BARS),
    (rb'"(anomaly|episode)_id"\s*:.*"state"\s*:\s*"(confirmed|dismissed)"', REVIEWS),
)
"""Keys of our messages and reports, in their order; messages may have been written again."""

FEATURES_KEY: Final = b"tapewatch.features"
"""Of the metadata of a features file."""

LINES: Final = (b'"anomaly_id":"', b'"episode_id":"')
VERDICT: Final = b'"detector":{"version":"'
"""Stand in every line of our JSON outputs; nobody else writes both."""


def own_output(head: bytes, tail: bytes = b"") -> str | None:
    """Return what of our own outputs a file is by its two ends, None for trades and all else.

    Args:
        head: how it begins, unpacked.
        tail: how it ends; only Parquet is known by that.
    """
    if head.startswith(b"PAR1"):
        if MARK in tail and FEATURES_KEY in tail:
            return FEATURES
        return next((what for mark, what in PARQUET if mark in tail), None)
    if head.startswith(PICTURES):
        return PICTURE if MARK in head or MARK in tail else None
    head = head[:BEGINNING].removeprefix(BOM_UTF8).lstrip()
    if head.startswith(b"#"):
        if b"`tape inspect FILE --suggest-columns`" in head:
            return COLUMNS
        return THRESHOLDS if MARK in head else None
    if head.startswith((b"{", b"[")):
        return next((what for keys, what in KEYS if re.search(keys, head, re.DOTALL)), None)
    names = set(re.split(rb"[,;\t|]", head.partition(b"\n")[0].replace(b'"', b"").rstrip()))
    columns = {name.strip().decode(errors="replace") for name in names}
    return next((what for some, what in TABLES if some <= columns), None)


def is_own_output(path: Path) -> bool:
    """Return whether a file is one of our outputs that are never read as trades."""
    return own_output(*_ends(path)) is not None


def made_here(path: Path) -> bool:
    """Return whether we made the file, or there is nothing in it.

    The mark counts only where we put it: a text that speaks of us is somebody's own. Raises
    `OSError` if the file cannot be read.
    """
    head, tail = _ends(path)
    if not head or tail.endswith(MARK_FRAME):
        return True
    if head.startswith(b"PAR1"):
        return MARK in tail
    if head.startswith(PICTURES):
        return MARK in head or MARK in tail
    if head.startswith((COMMENT, STATES, RANKINGS)):
        return True
    line = head.partition(b"\n")[0]
    if line.startswith(HEADS):
        return True
    if line.startswith(b'{"symbol":"') and b'","bar_start":"' in line and b',"lower":' in line:
        return True
    return line.startswith(b"{") and VERDICT in line and any(key in line for key in LINES)


def _ends(path: Path) -> tuple[bytes, bytes]:
    with open_file(path) as file:
        head = file.read(LOOKED_AT)
        size = file.seek(0, 2)
        file.seek(max(0, size - LOOKED_AT))
        return head, file.read(LOOKED_AT)
