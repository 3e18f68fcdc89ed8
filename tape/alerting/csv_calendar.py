"""Calendars as CSV: `start,end,symbols,name`, one event per line."""

import csv
import io
from datetime import date, datetime
from pathlib import Path
from typing import Final

from tape.alerting.calendar_events import ALL, UnusableError, event_of, next_day
from tape.alerting.expected import Event
from tape.errors import SettingsError

COLUMNS: Final = ("start", "end", "symbols", "name")
EXAMPLE: Final = "write start,end,symbols,name in the first line, such as 2025-05-28,,NVDA,earnings"


def read_csv(path: Path, content: bytes) -> list[Event]:
    """Return the events of a file; raises `SettingsError` with the line at fault.

    An empty end is that of the start's day; a day as end is included. Symbols are separated by
    blanks, and `*` means all.
    """
    where = f"ALERT_CALENDARS: {path}"
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip().casefold() for name in rows.fieldnames or ()]
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise SettingsError(f"{where}: line 1 has no column {missing[0]}", EXAMPLE)
        rows.fieldnames = names
        return [_event(where, rows.line_num, row, path.name) for row in rows]
    except UnicodeDecodeError:
        raise SettingsError(f"{where} is not UTF-8", "save it as UTF-8") from None
    except csv.Error as error:
        raise SettingsError(f"{where} is no CSV ({error})", EXAMPLE) from None


def _event(where: str, line: int, row: dict[str | None, str | None], source: str) -> Event:
    start_text, end_text, symbols, name = ((row.get(one) or "").strip() for one in COLUMNS)
    try:
        if None in row:
            raise UnusableError("has more cells than columns")
        start = _moment(start_text)
        end = _moment(end_text) if end_text else _day(start)
        if not isinstance(end, datetime):
            end = next_day(end)
        return event_of(start, end, name, symbols.split(), source)
    except UnusableError as error:
        what = str(error).replace('(title "NVDA: …", or "*: …" for all)', f"(all is {ALL})")
        raise SettingsError(f"{where}: line {line} {what}", "correct that line") from None


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at


def _moment(text: str) -> date:
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise UnusableError(
            f"has {text[:40]!r}, which is neither a day as 2025-05-28 nor a time as "
            "2025-05-28T16:00"
        ) from None
