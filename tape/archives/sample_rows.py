"""The first rows of a file of any origin, taken apart as far as they can be."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tape.archives.deciding import class_of
from tape.archives.layout import DELIMITERS, split
from tape.archives.reference_json import json_reader
from tape.archives.suggestion import Suggestion
from tape.errors import ArchiveError
from tape.model.fields import Unreadable
from tape.model.rejected import Rejected


def csv_rows(lines: Sequence[str], made: Suggestion) -> tuple[list[str], list[list[str]]]:
    """Return the names of the first line, none if it has none, and the rows.

    Args:
        lines: of CSV, with any delimiter.
        made: gets the delimiter if it is no comma.

    Raises:
        ArchiveError: not one row can be taken apart.
    """
    delimiter = max(DELIMITERS, key=lambda one: min(line.count(one) for line in lines[:20]))
    rows: list[list[str]] = []
    for line in lines:
        try:
            rows.append(split(line.rstrip("\r "), delimiter))
        except Unreadable:
            continue
    if not rows:
        raise ArchiveError("no row of it can be taken apart", "save it as CSV with a header")
    first = [one.strip() for one in rows[0]]
    if delimiter != ",":
        made.put("file", "delimiter", delimiter)
    numbers = sum(class_of(one) is not None or number_in(one) is not None for one in first)
    return ([], rows) if numbers else (first, rows[1:])


def json_rows(lines: Sequence[str], path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the keys of the first object, and each object's values of these as texts.

    Raises:
        ArchiveError: the lines are no JSON objects.
    """
    told = json_reader(lines[0].encode(), None, path.name)
    if isinstance(told, Rejected) and told.reason == "header_unexpected":  # no object a line
        cause, _, remedy = told.detail.partition(": ")
        raise ArchiveError(f"{path}: {cause}", remedy or "name a file with a trade per line")
    rows: list[dict[str, Any]] = []
    for line in lines:
        try:
            row = json.loads(line, parse_float=str)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append({**row, **row["hd"]} if isinstance(row.get("hd"), dict) else row)
    if not rows:
        raise ArchiveError(f"{path} has no JSON object in a line", "write one object per line")
    names = list(rows[0])
    return names, [[str(row.get(name, "")) for name in names] for row in rows]


def number_in(text: str) -> float | None:
    """Return the number in a text, with a point or a comma, None if it is none.

    >>> number_in("12,5"), number_in("12.5"), number_in("buy")
    (12.5, 12.5, None)
    """
    try:
        return float(text.replace(",", ".", 1))
    except ValueError:
        return None
