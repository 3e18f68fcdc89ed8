"""Files that name trades: labels of anomalies, as `tape inject` or a person writes them."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tape.archives.beginnings import GZIP, ZSTD
from tape.archives.file_names import stem_of
from tape.desk.evaluate.families import family_of
from tape.desk.evaluate.label_cells import read_number, read_time_ns
from tape.desk.flag_families import FAMILIES
from tape.errors import ArchiveError
from tape.model.anomaly import IDENTITY, NO_NUMBER
from tape.model.fields import (
    SYMBOL_WORDS,
    TIME_MAX_NS,
    U16_MAX,
    U32_MAX,
    Unreadable,
    is_symbol,
)
from tape.model.rules import Family
from tape.process.regular_file import LARGE, read_file
from tape.process.sheet_text import from_sheet_cell

Row = Mapping[str, str]
T = TypeVar("T")

UNNAMED: Final = "labelled"
"""The kind of a label that says none."""
UNKNOWN: Final[Family] = "price"
"""The family of a kind whose name does not say one."""
KIND_MAX: Final = 100
"""Characters of a kind's name; it is a word or two."""
POINT: Final = "ts_event"
SPAN: Final = ("first_ts_event", "last_ts_event")
ID: Final = "anomaly_id"
OTHERS: Final = {
    ZSTD: "compressed",
    GZIP: "compressed",
    b"PAR1": "Parquet",
    b"{": "JSON",
    b"[": "JSON",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""What else tables come as, by how it begins."""
SEPARATORS: Final = ",;\t|"
FORMS: Final = (
    f"symbol and {POINT} (a trade per line), or symbol, {SPAN[0]} and {SPAN[1]} (as `tape inject` "
    f"writes it), or {ID}"
)


@dataclass(frozen=True, slots=True)
class Label:
    """A line of a label file: the trades of a symbol at a time, or from one time to another.

    What is None is not said and fits each trade. `source` is the file and the line, for the
    sentence that an operator reads; `is_span` says whether all trades between first and last
    belong to it. With `is_one` it names the first trade that fits and no other, as an id does:
    only later trades of its time and sequence have longer ids.
    """

    symbol: str
    publisher_id: int | None
    first_ts_event_ns: int
    first_sequence: int | None
    last_ts_event_ns: int
    last_sequence: int | None
    kind: str
    source: str
    family: Family = UNKNOWN
    is_span: bool = True
    price_nanos: int | None = None
    size: int | None = None
    side: int | None = None
    ordinal: int | None = None
    is_one: bool = False


def read_labels(path: Path) -> list[Label]:
    """Return the lines of a label file.

    Raises `ArchiveError` that names the file and the line at fault.
    """
    labels = read_rows(path, _label, "label file", "--labels")
    if not labels:
        raise ArchiveError(f"{path} holds no label, so there is nothing to be found", "add one")
    return labels


def labels_beside(path: Path) -> Path | None:
    """Return the label file that `tape inject` wrote beside a file of trades, if it has labels."""
    file = path.with_name(f"{stem_of(path)}.labels.csv")
    if not file.is_file():
        return None
    return file if read_rows(file, lambda row, source: source, "label file", "--labels") else None


def read_rows(path: Path, made: Callable[[Row, str], T], what: str, option: str) -> list[T]:
    """Return what `made` makes of each row of a CSV file and its source, the file and the line.

    Raises `ArchiveError` for a file that names no trades.
    """
    try:
        content = read_file(path, LARGE)
        other = next((name for begin, name in OTHERS.items() if content.startswith(begin)), None)
        if other is not None:
            how = "unpack it" if other == "compressed" else "save it as CSV in UTF-8"
            raise ArchiveError(
                f"{path} is {other}; a {what} is plain CSV", f"{how} and name it in {option}"
            )
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        return list(_rows(text, path, made, what))
    except OSError as error:
        raise ArchiveError(
            f"cannot read the {what.split()[0]}s {path} ({error.strerror})", f"correct {option}"
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ArchiveError(
            f"{path}, line {line}: the bytes are no UTF-8", "save it as CSV in UTF-8"
        ) from None
    except csv.Error as error:
        raise ArchiveError(f"{path} is not a {what} in CSV: {error}", "correct that line") from None


def _rows(text: io.StringIO, path: Path, made: Callable[[Row, str], T], what: str) -> Iterator[T]:
    first = text.readline()
    text.seek(0)
    separator = next((one for one in SEPARATORS if one in first), ",")
    reader = csv.DictReader(text, strict=True, delimiter=separator)
    names = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = names
    if ID not in names:
        times = SPAN if SPAN[0] in names else (POINT,)
        missing = [name for name in ("symbol", *times) if name not in names]
        if missing:
            raise ArchiveError(
                f"{path}, line 1: a {what} has the columns {FORMS}", f"{missing[0]} is missing"
            )
    for row in reader:
        cells = {name: (row.get(name) or "").strip() for name in names}
        yield made(cells, f"{path}, line {reader.line_num}")


def _label(row: Row, source: str) -> Label:
    kind = from_sheet_cell(row.get("kind", "")) or UNNAMED
    if len(kind) > KIND_MAX:
        raise ArchiveError(
            f"{source}: `kind` has {len(kind)} characters, at most {KIND_MAX}", "shorten it"
        )
    family = row.get("family", "").lower() or family_of(kind) or UNKNOWN
    if family not in FAMILIES:
        raise ArchiveError(
            f"{source}: {family!r} is not a family", f"choose from {', '.join(FAMILIES)}"
        )
    return named(row, source, kind, family)


def named(row: Row, source: str, kind: str = UNNAMED, family: Family = UNKNOWN) -> Label:
    """Return the trade, or the trades, that a row names; raises `ArchiveError` if it names none."""
    if row.get(ID):
        return _by_id(from_sheet_cell(row[ID]), source, kind, family)
    symbol = from_sheet_cell(row.get("symbol", ""))
    if not is_symbol(symbol):
        raise ArchiveError(f"{source}: {symbol!r} is not a symbol", f"write {SYMBOL_WORDS}")
    is_span = bool(row.get(SPAN[0])) or POINT not in row
    first, last = SPAN if is_span else (POINT, POINT)
    numbers = ("first_sequence", "last_sequence") if is_span else ("sequence", "sequence")
    try:
        return Label(
            symbol=symbol,
            publisher_id=read_number(row.get("publisher_id", ""), "publisher_id", U16_MAX),
            first_ts_event_ns=read_time_ns(row.get(first, ""), first),
            first_sequence=read_number(row.get(numbers[0], ""), numbers[0], U32_MAX),
            last_ts_event_ns=read_time_ns(row.get(last, ""), last),
            last_sequence=read_number(row.get(numbers[1], ""), numbers[1], U32_MAX),
            kind=kind,
            source=source,
            family=family,
            is_span=is_span,
        )
    except Unreadable as error:
        raise ArchiveError(f"{source}: {error.rejected.detail}", "correct that line") from None


def _by_id(text: str, source: str, kind: str, family: Family) -> Label:
    """Return the trade that an id names, as `tape.model.anomaly.anomaly_id` writes it."""
    match = IDENTITY.fullmatch(text)
    if match is None or int(match["ns"]) > TIME_MAX_NS:
        raise ArchiveError(
            f"{source}: {text[:80]!r} is not the id of an anomaly",
            "write one such as NVDA-2-1751961600171836530-7",
        )
    number, ns = match["sequence"], int(match["ns"])
    sequence = None if number == NO_NUMBER else int(number)
    return Label(
        symbol=match["symbol"],
        publisher_id=int(match["publisher"]),
        first_ts_event_ns=ns,
        first_sequence=sequence,
        last_ts_event_ns=ns,
        last_sequence=sequence,
        kind=kind,
        source=source,
        family=family,
        is_span=False,
        price_nanos=None if match["price"] is None else int(match["price"]),
        size=None if match["size"] is None else int(match["size"]),
        side=None if match["side"] is None else ord(match["side"]),
        ordinal=int(match["ordinal"] or 0),
        is_one=True,
    )
