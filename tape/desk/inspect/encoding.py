"""What a file says of itself: encoding, options, schema."""

import re
from typing import Final

import msgspec

from tape.archives import Archive
from tape.archives.dbn_file import DbnFile
from tape.archives.file_names import encoding_of
from tape.archives.formats import format_of
from tape.archives.layout import DELIMITERS
from tape.archives.zstd import CHUNK, compression_of
from tape.codec.forms import DOLLARS, FIXED, ISO, TimeForm
from tape.codec.row_fields import NAMES
from tape.model.fields import NANOS, Unreadable
from tape.model.rejected import Rejected

RTYPES: Final = {"0": "trades", "1": "mbp-1", "10": "mbp-10", "160": "mbo"}
PRICE_WORDS: Final = {
    DOLLARS: "decimal prices",
    FIXED: "prices in 1e-9 dollars",
    7: "prices in cents",
    5: "prices in 1e-4 dollars",
}
UNIT_WORDS: Final = {NANOS: "s", 1_000_000: "ms", 1_000: "us", 1: "ns"}
IN_ROWS: Final = "in each row"
BY_HEADER: Final = "by instrument, from its header"
BY_STREAM: Final = "by instrument, from the stream"
BY_SYMBOLOGY: Final = "by instrument, from symbology"
NAMED: Final = re.compile(r"\.(trades|tbbo|mbp-1|mbp-10|mbo)\.")


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """The encoding of a file.

    Attributes:
        encoding: csv, json or dbn.
        compression: zstd, gzip or none.
        schema: as DataBento calls it; None if nothing says it.
        dataset: of a DBN header.
        dbn_version: of a DBN header.
        prices: decimal (pretty_px), in 1e-9 dollars, or in the unit that a columns file names.
        times: ISO 8601 (pretty_ts), as pandas writes them, or the unit they are counted in.
        symbols: where the rows' symbols come from.
        more_columns: columns that are no part of a trade.
    """

    encoding: str
    compression: str
    schema: str | None = None
    dataset: str | None = None
    dbn_version: int | None = None
    prices: str | None = None
    times: str | None = None
    symbols: str | None = None
    more_columns: int = 0

    @property
    def words(self) -> str:
        """Return all of it in a few words."""
        version = f" {self.dbn_version}" if self.dbn_version else ""
        more = f"{self.more_columns} more columns" if self.more_columns else None
        symbols = "symbols from symbology" if self.symbols == BY_SYMBOLOGY else None
        facts = (self.schema, self.dataset, self.prices, self.times, more, symbols)
        return ", ".join([self.encoding + version, *(fact for fact in facts if fact)])


def about(archive: Archive) -> About:
    """Return what the beginning of a file says; raises `ArchiveError` if it cannot be opened."""
    encoding = encoding_of(archive.path)
    compression = {"zst": "zstd", "gz": "gzip", "": "none"}[compression_of(archive.path)]
    named = NAMED.search(archive.path.name)
    schema = named[1] if named else None
    if encoding == "dbn":
        return _about_dbn(archive, compression)
    reading = format_of(archive)
    first = next(iter(reading.pieces(CHUNK)), None)
    if not isinstance(first, bytes) or isinstance(reading.begin(first), Rejected):
        return About(encoding, compression, schema)
    header, row = [*first.split(b"\n", 2), b"", b""][:2]
    row = header if encoding == "json" else row
    try:
        read = reading.fields(row.strip())
    except Unreadable:
        read = {}
    if schema is None:
        schema = RTYPES.get(read.get("rtype", ""))
        if schema == "mbp-1":
            schema = "mbp-1 or tbbo"
    return About(
        encoding,
        compression,
        schema,
        prices=PRICE_WORDS[reading.form.price.power] if read else None,
        times=_time_form(read["ts_event"], reading.form.times["ts_event"]) if read else None,
        symbols=BY_SYMBOLOGY if reading.by_instrument else IN_ROWS,
        more_columns=_more(header, encoding),
    )


def _more(header: bytes, encoding: str) -> int:
    """Return how many columns have names that are none of the fields'."""
    text = header.decode("utf-8-sig", "replace").strip()
    if encoding == "json":
        return sum(name not in NAMES for name in _json_names(text))
    delimiter = max(DELIMITERS, key=text.count)
    return sum(name.strip() not in NAMES for name in text.replace('"', "").split(delimiter))


def _about_dbn(archive: Archive, compression: str) -> About:
    file = DbnFile(archive.path)
    for piece in file.records():
        if isinstance(piece, Rejected) or file.metadata is not None:
            break
    metadata = file.metadata
    if metadata is None:
        return About("dbn", compression)
    schema = None if metadata.schema is None else str(metadata.schema)
    symbols = BY_STREAM if schema is None else BY_HEADER
    return About("dbn", compression, schema, metadata.dataset, file.version, symbols=symbols)


def _json_names(line: str) -> list[str]:
    try:
        members = msgspec.json.decode(line, type=dict[str, object])
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return []
    head = members.pop("hd", None)
    members |= head if isinstance(head, dict) else {}
    return list(members)


def _time_form(text: str, form: TimeForm) -> str:
    if form.unit_ns == ISO:
        return "ISO times" if "T" in text else "times as pandas writes them"
    if form.midnight_s is not None:
        return "times in seconds since midnight"
    return f"times in {UNIT_WORDS[form.unit_ns]}"
