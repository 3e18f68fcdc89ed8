"""What a file says of itself: encoding, options, schema."""

import re
from typing import Final

import msgspec

from tape.archives import Archive
from tape.archives.dbn_file import DbnFile
from tape.archives.discovery import encoding_of
from tape.archives.frames import compression_of, pieces
from tape.archives.rows import FIELDS
from tape.rejected import Rejected

RTYPES: Final = {"0": "trades", "1": "mbp-1", "10": "mbp-10", "160": "mbo"}
IN_ROWS: Final = "in each row"
BY_SYMBOLOGY: Final = "by instrument, from symbology"
NAMED: Final = re.compile(r"\.(trades|tbbo|mbp-1|mbp-10|mbo)\.")


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """The encoding of a file.

    Attributes:
        encoding: csv, json or dbn.
        compression: zstd, gzip or none.
        schema: as DataBento calls it; None if it cannot be told.
        dataset: of a DBN header.
        dbn_version: of a DBN header.
        prices: decimal (pretty_px) or in 1e-9 dollars.
        times: ISO 8601 (pretty_ts), in nanoseconds or as pandas writes them.
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
    first = next(iter(pieces(archive.path)), b"")
    lines = first.split(b"\n", 2) if isinstance(first, bytes) else []
    text = [line.decode(errors="replace").removeprefix("\ufeff").strip() for line in lines[:2]]
    text += [""] * (2 - len(text))
    read = _json_row(text[0]) if encoding == "json" else _csv_row(*text)
    if "action" not in read:
        return About(encoding, compression, schema)
    more = [name for name in read if name not in FIELDS]
    if schema is None:
        schema = RTYPES.get(read.get("rtype", ""))
        if schema == "mbp-1":
            schema = "mbp-1 or tbbo"
    return About(
        encoding,
        compression,
        schema,
        prices=_price_form(read.get("price", "")),
        times=_time_form(read.get("ts_event", "")),
        symbols=IN_ROWS if "symbol" in read else BY_SYMBOLOGY,
        more_columns=len(more),
    )


def _about_dbn(archive: Archive, compression: str) -> About:
    file = DbnFile(archive.path)
    for piece in file.records():
        if isinstance(piece, Rejected) or file.metadata is not None:
            break
    metadata = file.metadata
    if metadata is None:
        return About("dbn", compression)
    schema = None if metadata.schema is None else str(metadata.schema)
    symbols = "by instrument, from its header"
    return About("dbn", compression, schema, metadata.dataset, file.version, symbols=symbols)


def _csv_row(header: str, line: str) -> dict[str, str]:
    names = header.split(",")
    fields = line.split(",")
    return dict(zip(names, fields + [""] * (len(names) - len(fields)), strict=False))


def _json_row(line: str) -> dict[str, str]:
    try:
        members = msgspec.json.decode(line, type=dict[str, object])
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return {}
    head = members.pop("hd", None)
    members |= head if isinstance(head, dict) else {}
    return {name: str(value) for name, value in members.items()}


def _price_form(price: str) -> str | None:
    if not price or price == "None":
        return None
    return "decimal prices" if "." in price else "prices in 1e-9 dollars"


def _time_form(time: str) -> str | None:
    if not time or time == "None":
        return None
    if time.isdigit():
        return "times in ns"
    return "ISO times" if "T" in time else "times as pandas writes them"
