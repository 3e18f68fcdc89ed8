"""What the times of a file seem to be: their unit, day and zone, guessed from the first rows."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tape.archives.deciding import DAY_IN_NAME, class_of
from tape.archives.sample_rows import number_in
from tape.archives.suggestion import Suggestion, bare_name
from tape.codec.values import iso_ns
from tape.model.fields import Unreadable

TIME_OF_DAY: Final = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
YEAR_FIRST: Final = re.compile(r"\d{4}[-./]?\d\d[-./]?\d\d\D", re.ASCII)
HALF_DAY: Final = re.compile(r"\d ?[AP]\.?M\.?$", re.IGNORECASE)
SERIAL_2000, SERIAL_2100, FEW_DAYS = 36_526, 73_051, 2
"""Days since 1899-12-30, in which spreadsheets count; more than this many are no day's trades."""
NEW_YORK: Final = "America/New_York"
KOLKATA: Final = "Asia/Kolkata"


def guess_time(
    made: Suggestion, by_column: dict[str | int, list[str]], path: Path, given: str | None
) -> None:
    """Say in what form and zone times are; `given` is the zone that somebody said."""
    column = made.tables.get("columns", {}).get("ts_event")
    if column is None:
        return
    parts = column if isinstance(column, list) else [column]
    texts = [" ".join(one) for one in zip(*(by_column[part] for part in parts), strict=False)]
    kinds = {class_of(text) for text in texts[:100]}
    zone = NEW_YORK if "TIME_M" in parts or "SYM_ROOT" in by_column else None
    if any(bare_name(str(one)) in ("series", "scrip", "tradequantity") for one in by_column):
        zone = KOLKATA
    zone = given or zone
    if kinds & {"zoned", "s", "ms", "us", "ns"} and None not in kinds:
        return
    if None in kinds and not all(_is_day_and_time(text) for text in texts[:100]):
        seconds = [number_in(text) for text in texts[:100]]
        if any(HALF_DAY.search(text) for text in texts):
            made.open.append("times of a 12-hour clock are not read: write them with 24 hours")
        elif _are_serial_days(seconds):
            made.open.append("times look like a spreadsheet's days since 1900: write them as text")
        elif all(one is not None and 0 <= one < 86_400 for one in seconds):
            made.put("time", "unit", "s since midnight")
            made.put("time", "day", "file name")
            made.guesses.append("times are seconds since midnight of the day in the file's name")
            if DAY_IN_NAME.search(path.name) is None:
                made.open.append("[time] day: the file's name has none")
        elif any(YEAR_FIRST.match(text) for text in texts):
            made.open.append(
                f"times such as {texts[0]} are in no form that is read: write them as "
                "2025-03-05T14:30:00.5"
            )
        else:
            made.open.append('[time] order: "DMY" or "MDY"? Days are read as year, month, day')
    else:
        made.put("time", "unit", "iso")
    if zone is None:
        made.open.append(f'[time] zone = "{NEW_YORK}", or whichever: the times name none')
        return
    made.put("time", "zone", zone)
    if given is None:
        made.guesses.append(f"times are of {zone}")


def _are_serial_days(numbers: Sequence[float | None]) -> bool:
    """Return whether numbers are days of this century as spreadsheets count, all near one day.

    Seconds since midnight of so few seconds would be a tape of a second or two.
    """
    known = [one for one in numbers if one is not None]
    within = len(known) == len(numbers) and all(SERIAL_2000 <= one < SERIAL_2100 for one in known)
    return within and bool(known) and max(known) - min(known) < FEW_DAYS


def _is_day_and_time(text: str) -> bool:
    try:
        iso_ns(text, "ts_event", "UTC")
    except Unreadable:
        return False
    return True
