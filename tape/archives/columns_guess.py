"""A columns file for a file of any origin, guessed from its first rows, with all guesses said."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tape.archives.beginnings import misnamed, without_separator_line
from tape.archives.columns_file import PRICE_UNITS
from tape.archives.deciding import SAMPLE_BYTES, SAMPLE_ROWS, class_of
from tape.archives.file_names import encoding_of
from tape.archives.row_kinds import are_sums, kinds_of
from tape.archives.sample_rows import csv_rows, json_rows, number_in
from tape.archives.suggestion import Suggestion, bare_name, toml_text
from tape.archives.time_guess import NEW_YORK, TIME_OF_DAY, guess_time
from tape.archives.zstd import LongLine, pieces
from tape.errors import ArchiveError
from tape.model.fields import U16_MAX, U32_MAX, is_symbol
from tape.model.rejected import Rejected

SYNONYMS: Final = {
    "ts_event": (
        "tsevent participanttimestamp exchangetimestamp exchangetime timestamp datetime time t "
        "tradetime tradetimestamp trdtime transacttime ts siptimestamp timem"
    ),
    "ts_recv": "tsrecv siptimestamp receivedtime recvtime tsreceived",
    "price": "price p px tradeprice tradepx trdprc trdprice lastprice last rate",
    "size": "size s qty quantity tradequantity tradeqty trdqty volume vol shares lastsize lastqty",
    "symbol": "symbol ticker sym symroot instrument rawsymbol security scrip tradingsymbol stock",
    "sequence": "sequence sequencenumber seq seqnum seqno trseqnum",
    "side": "side takerside tks aggressor aggressorside direction buysell",
    "publisher_id": "publisherid exchange exchangeid venue",
}
"""Names without case, blanks and underscores, the likeliest first."""
DAYS: Final = ("date", "tradedate", "day", "trddate", "tradedt")
VOLUMES: Final = ("volume", "vol")
SUFFIXES: Final = ("symsuffix", "symbolsuffix")
SIDES: Final = {"buy": "B", "b": "B", "bid": "B", "sell": "A", "s": "A", "ask": "A", "a": "A"}
SIDES_AS_READ: Final = frozenset("ABN")
LOBSTER: Final = re.compile(r"^([A-Za-z.]+)_(\d{4}-\d\d-\d\d)_\d+_\d+_message")
SYMBOL_IN_NAME: Final = re.compile(r"^([A-Z][A-Z0-9.]{0,7})[_\-. ]")


def suggest(path: Path, time_zone: str | None = None) -> Suggestion:
    """Return what the columns of a file seem to be; raises `ArchiveError` if it has no rows.

    `time_zone` is that of times that name none, if somebody said it.
    """
    encoding = encoding_of(path)
    if encoding == "dbn":
        raise ArchiveError(
            f"{path} is DBN, which says all of itself and needs no columns file", "read it as it is"
        )
    piece = next(iter(pieces(path)), b"")
    if isinstance(piece, Rejected | LongLine) or not piece:
        raise ArchiveError(f"{path} has no rows that can be read", "name a file with trades")
    other = misnamed(piece)
    if other is not None:
        cause, _, remedy = other.detail.partition(": ")
        raise ArchiveError(f"{path}: {cause}", remedy)
    piece = without_separator_line(piece[:SAMPLE_BYTES])
    lines = piece.decode("utf-8-sig", "replace").splitlines()[:SAMPLE_ROWS]
    made = Suggestion()
    if encoding == "json":
        names, rows = json_rows(lines, path)
    else:
        names, rows = csv_rows(lines, made)
    if LOBSTER.match(path.name) and not names and len(rows[0]) >= 6:
        _lobster(made)
        return made
    columns: list[str | int] = list(names) if names else [*range(1, len(rows[0]) + 1)]
    by_column = {one: [row[n] for row in rows if n < len(row)] for n, one in enumerate(columns)}
    if names:
        _by_name(made, names, by_column)
    else:
        made.put("file", "header", False)
        _by_content(made, by_column)
    _symbol(made, path)
    guess_time(made, by_column, path, time_zone)
    _price(made, by_column)
    for needed in ("ts_event", "price", "size"):
        if needed not in made.tables.get("columns", {}):
            listed = ", ".join(map(str, columns))[:120]
            made.open.append(f"[columns] {needed} = one of {listed}")
    return made


def _by_name(made: Suggestion, names: Sequence[str], by_column: dict[str | int, list[str]]) -> None:
    bare = {bare_name(name): name for name in reversed(names)}
    for key in ("ts_event", "price", "size", "symbol", "ts_recv", "sequence", "publisher_id"):
        taken = {_flat(value) for value in made.tables.get("columns", {}).values()}
        found = [bare[one] for one in SYNONYMS[key].split() if one in bare]
        found = [name for name in found if name not in taken and _fits(key, by_column[name])]
        if not found:
            continue
        made.put("columns", key, found[0])
        if found[0] != key:
            made.guesses.append(f"column {found[0]!r} is {key}")
    _joined(made, bare, by_column)
    _side(made, bare, by_column)
    _kinds(made, bare, by_column)


def _flat(value: object) -> str:
    return str(value[0] if isinstance(value, list) else value)


def _kinds(made: Suggestion, bare: dict[str, str], by_column: dict[str | int, list[str]]) -> None:
    """Say which rows are trades, where a column tells rows apart."""
    kinds = kinds_of(bare, by_column)
    if kinds.column is not None and kinds.trades:
        made.put("trades", "column", kinds.column)
        made.put("trades", "values", kinds.trades)
        others = f", not those with {', '.join(kinds.others)}" if kinds.others else ""
        trades = ", ".join(kinds.trades)
        made.guesses.append(f"rows with {trades} in column {kinds.column!r} are trades{others}")
    elif kinds.column is not None:
        made.open.append(
            f"[trades] column = {toml_text(kinds.column)} and values = those of "
            f"{', '.join(kinds.others)} that mean a trade; leave it out if all do"
        )
    if kinds.corrections is not None:
        made.guesses.append(
            f"column {kinds.corrections!r} marks trades that were cancelled or corrected; they are "
            "read like all others unless [trades] names the values of the good ones"
        )
    size = made.tables.get("columns", {}).get("size")
    if (
        size is not None
        and bare_name(str(size)) in VOLUMES
        and are_sums([number_in(text) for text in by_column[size]])
    ):
        made.open.append(
            f"[columns] size: {size!r} never gets smaller, as the volume of the day so far; name "
            "the column of each trade's own shares"
        )


def _joined(made: Suggestion, bare: dict[str, str], by_column: dict[str | int, list[str]]) -> None:
    """Join a day to a time of day, and a suffix to a symbol."""
    columns = made.tables.setdefault("columns", {})
    days = [bare[one] for one in DAYS if one in bare]
    alone = "ts_event" in columns and (
        bare_name(columns["ts_event"]) != "timestamp"
        or all(TIME_OF_DAY.fullmatch(text) for text in by_column[columns["ts_event"]])
    )
    if days and alone:
        made.guesses.append(f"the day is {days[0]!r}, the time of day {columns['ts_event']!r}")
        columns["ts_event"] = [days[0], columns["ts_event"]]
    suffixes = [bare[one] for one in SUFFIXES if one in bare]
    if suffixes and "symbol" in columns:
        columns["symbol"] = [columns["symbol"], suffixes[0]]


def _fits(key: str, texts: Sequence[str]) -> bool:
    """Return whether a column can be what its name suggests."""
    if key in ("sequence", "publisher_id"):
        largest = U32_MAX if key == "sequence" else U16_MAX
        return bool(texts) and all(
            one.isascii() and one.isdigit() and len(one) <= 10 and int(one) <= largest
            for one in texts
            if one
        )
    if key in ("price", "size"):
        return any(number_in(one) is not None for one in texts)
    return key != "ts_recv" or any(class_of(one) is not None for one in texts)


def _side(made: Suggestion, bare: dict[str, str], by_column: dict[str | int, list[str]]) -> None:
    for name in (bare[one] for one in SYNONYMS["side"].split() if one in bare):
        seen = {one for one in by_column[name] if one}
        if not seen or not all(one.lower() in SIDES or one in SIDES_AS_READ for one in seen):
            continue
        made.put("columns", "side", name)
        if not seen <= SIDES_AS_READ or "S" in seen:
            for one in sorted(seen):
                made.put("side", one, SIDES.get(one.lower(), "N"))
            made.put("side", "*", "N")
            made.guesses.append(f"{name!r} says who took the other's price: B bought, A sold")
        return


def _by_content(made: Suggestion, by_column: dict[str | int, list[str]]) -> None:
    """Guess columns without names by what is in them; only the time can be found that way."""
    for column, texts in by_column.items():
        if texts and all(class_of(one) is not None for one in texts):
            made.put("columns", "ts_event", column)
            made.guesses.append(f"column {column} is ts_event, by its values")
            return


def _symbol(made: Suggestion, path: Path) -> None:
    if "symbol" in made.tables.get("columns", {}):
        return
    found = SYMBOL_IN_NAME.search(path.name)
    if found is not None and is_symbol(found[1]):
        made.put("symbol", "file_name", SYMBOL_IN_NAME.pattern)
        made.guesses.append(f"the symbol is in the file's name: {found[1]}")
    else:
        made.open.append('[symbol] value = "…": no column names the symbol')


def _price(made: Suggestion, by_column: dict[str | int, list[str]]) -> None:
    column = made.tables.get("columns", {}).get("price")
    if column is None:
        return
    texts = [text for text in by_column[column] if text]
    if texts and all(text.isdigit() for text in texts):
        units = ", ".join(PRICE_UNITS)
        made.open.append(f"[price] unit = one of {units}: the prices are whole numbers")
    elif all(re.fullmatch(r"-?\d+(,\d+)?", text) for text in texts) and "," in "".join(texts):
        made.put("file", "decimal", ",")
        made.guesses.append("the comma in prices is the decimal mark")


def _lobster(made: Suggestion) -> None:
    """Name the columns of a LOBSTER message file, which has no header and says so in its name."""
    for key, column in {"ts_event": 1, "size": 4, "price": 5, "side": 6}.items():
        made.put("columns", key, column)
    made.put("file", "header", False)
    made.put("time", "unit", "s since midnight")
    made.put("time", "zone", NEW_YORK)
    made.put("time", "day", "file name")
    made.put("price", "unit", "1e-4")
    made.put("symbol", "file_name", "^([A-Z.]+)_")
    made.put("trades", "column", 2)
    made.put("trades", "values", ["4", "5"])
    made.put("side", "1", "A")
    made.put("side", "-1", "B")
    made.guesses.append("this is a LOBSTER message file: types 4 and 5 are trades")
    made.guesses.append("direction 1 is a resting buy order that was hit: the other side sold")
