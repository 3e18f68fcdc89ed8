"""Reading a columns file: TOML, given with `--columns` or lying beside the files.

Beside them it is `tapewatch.toml`; docs/files.md says what may stand in it.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tape.archives.columns_file import (
    FROM_FILE_NAME,
    LARGEST,
    ORDERS,
    PRICE_UNITS,
    SECTIONS,
    TIME_UNITS,
    Column,
    ColumnsFile,
)
from tape.archives.name_patterns import NamePattern
from tape.errors import SettingsError
from tape.model.fields import SIDES, SYMBOL_WORDS, is_symbol
from tape.process.regular_file import read_file

T = TypeVar("T")


def read_columns_file(path: Path) -> ColumnsFile:
    """Return what a columns file says; raises `SettingsError` naming its key and line."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"cannot read {path} ({error.strerror})",
            "name a columns file, such as `tape inspect FILE --suggest-columns` writes",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8", "save it as UTF-8") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}", "correct that line") from None
    except RecursionError:  # tomllib gives up on deep nesting this way
        raise SettingsError(
            f"{path} is not TOML: nested too deep", "write it as docs/files.md shows"
        ) from None
    except ValueError:  # and this way on a number of more digits than Python takes
        raise SettingsError(f"{path} is not TOML: a number is too long", "shorten it") from None
    return _Checked(path, text, tables).columns_file()


def columns_of(tables: Mapping[str, Any], place: str) -> ColumnsFile:
    """Return what tables like those of a columns file say; raises `SettingsError`.

    The sentence says in which `place` they are given, and names the key.
    """
    return _Checked(Path(place), "", dict(tables)).columns_file()


def zone_named(name: str, where: str) -> str:
    """Return a time zone's name if there is one; raises `SettingsError` saying `where`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"{where}: {name!r} is no time zone",
            "write an IANA name such as America/New_York or UTC",
        ) from None
    return name


class _Checked:
    """The tables of one columns file, taken apart with a sentence for everything wrong."""

    def __init__(self, path: Path, text: str, tables: dict[str, Any]) -> None:
        self._path, self._lines, self._tables = path, text.splitlines(), tables

    def columns_file(self) -> ColumnsFile:
        for name, table in self._tables.items():
            if name not in SECTIONS:
                raise self._fault(name, "", f"is none of {', '.join(SECTIONS)}")
            if not isinstance(table, dict):
                raise self._fault(name, "", f"is no table: write [{name}]")
            known = SECTIONS[name]
            for key in table:
                if known is not None and key not in known:
                    raise self._fault(name, key, f"is none of {', '.join(sorted(known))}")
        header = self._one("file", "header", bool)
        zone = self._one("time", "zone", str)
        unit = self._among("time", "unit", TIME_UNITS)
        power = self._among("price", "unit", PRICE_UNITS)
        day = self._day()
        if unit == "s since midnight" and day is None and not self._joins_a_day():
            raise self._fault("time", "unit", 'needs `day`: YYYY-MM-DD or "file name"')
        columns = {key: self._columns("columns", key) for key in self._table("columns")}
        by_name = [one for names in columns.values() for one in names if isinstance(one, str)]
        if header is False and (by_name or not columns):
            raise self._fault("file", "header", "is false: `columns` gives numbers, 1 the first")
        return ColumnsFile(
            self._path,
            columns,
            header is not False,
            self._among("file", "delimiter", (",", ";", "\t", "|", " ")),
            self._among("file", "decimal", (".", ",")),
            unit,
            None if zone is None else zone_named(zone, self._where("time", "zone")),
            day,
            self._among("time", "order", ORDERS) or "YMD",
            None if power is None else PRICE_UNITS[power],
            self._symbol(),
            self._pattern(),
            self._trades(),
            self._sides(),
            {key: self._number(key) for key in self._table("defaults")},
        )

    def _table(self, name: str) -> dict[str, Any]:
        table: dict[str, Any] = self._tables.get(name, {})
        return table

    def _one(self, table: str, key: str, kind: type[T]) -> T | None:
        value = self._table(table).get(key)
        if value is None or isinstance(value, kind):
            return value
        words = {"str": "text in quotes", "bool": "true or false", "list": "a list in brackets"}
        raise self._fault(table, key, f"is not {words.get(kind.__name__, kind.__name__)}")

    def _among(self, table: str, key: str, known: Any) -> str | None:
        value = self._one(table, key, str)
        if value is not None and value not in known:
            listed = ", ".join(repr(one) for one in known)
            raise self._fault(table, key, f"is {value!r}, and none of {listed}")
        return value

    def _columns(self, table: str, key: str) -> tuple[Column, ...]:
        value = self._table(table)[key]
        several = value if isinstance(value, list) else [value]
        for one in several:
            good = isinstance(one, str) or (type(one) is int and one >= 1)
            if not good or not several:
                raise self._fault(table, key, "is no column: a name, a number from 1, or several")
        if not several:
            raise self._fault(table, key, "is an empty list")
        return tuple(several)

    def _joins_a_day(self) -> bool:
        value = self._table("columns").get("ts_event")
        return isinstance(value, list) and len(value) > 1

    def _day(self) -> str | None:
        value = self._table("time").get("day")
        if isinstance(value, date):
            return value.isoformat()[:10]
        if value is None or value == FROM_FILE_NAME:
            return FROM_FILE_NAME if value else None
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            raise self._fault("time", "day", 'is neither YYYY-MM-DD nor "file name"') from None

    def _symbol(self) -> str | None:
        symbol = self._one("symbol", "value", str)
        if symbol is not None and not is_symbol(symbol):
            raise self._fault("symbol", "value", f"is not {SYMBOL_WORDS}")
        return symbol

    def _pattern(self) -> NamePattern | None:
        text = self._one("symbol", "file_name", str)
        if text is None:
            return None
        try:
            return NamePattern(text)
        except ValueError as error:
            raise self._fault("symbol", "file_name", str(error)) from None

    def _trades(self) -> tuple[Column, frozenset[str]] | None:
        table = self._table("trades")
        if not table:
            return None
        if "column" not in table:
            raise self._fault("trades", "", "needs `column` beside `values`")
        (column,) = self._columns("trades", "column")
        values = self._one("trades", "values", list)
        if not values:
            raise self._fault("trades", "values", "is missing: the values that mean a trade")
        return column, frozenset(str(one) for one in values)

    def _sides(self) -> dict[str, str]:
        for code, side in self._table("side").items():
            if side not in tuple(SIDES):
                raise self._fault("side", code, "is not A (sold), B (bought) or N")
        return self._table("side")

    def _number(self, key: str) -> int:
        value = self._table("defaults")[key]
        if type(value) is not int or not 0 <= value <= LARGEST[key]:
            raise self._fault("defaults", key, f"is no whole number from 0 to {LARGEST[key]}")
        return value

    def _where(self, table: str, key: str) -> str:
        """Return file, line and key, as well as lines can be found."""
        if not self._lines:
            return f"{self._path}: {table}{f'.{key}' if key else ''}"
        inside, last = False, 0
        for number, line in enumerate(self._lines, start=1):
            bare = line.strip()
            if bare.startswith("["):
                inside = bare.strip("[] ").split("#")[0].strip("[] ") == table
                last = number if inside and not last else last
            name = bare.partition("=")[0].strip().strip("\"'")
            if (inside and key and name == key) or (not key and name == table):
                last = number
                break
        return f"{self._path}, line {last or 1}: {table}{f'.{key}' if key else ''}"

    def _fault(self, table: str, key: str, what: str) -> SettingsError:
        return SettingsError(f"{self._where(table, key)} {what}", "see docs/files.md")
