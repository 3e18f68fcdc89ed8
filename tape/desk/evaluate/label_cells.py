"""Cells of label files: times and numbers as pandas, spreadsheets and databases write them."""

import re
from typing import Final

from tape.model.fields import NANOS, TIME_MAX_NS, Unreadable, integer, time_ns

NOTHING: Final = frozenset({"", "null", "none", "nan", "nat", "na", "n/a", "<na>"})
"""What stands where there is no number, in small letters."""

TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|([+-])(\d\d):?(\d\d))?", re.ASCII
)
WHOLE: Final = re.compile(r"(\d+)\.0*", re.ASCII)
"""A whole number as pandas writes it in a column that has gaps."""


def read_time_ns(text: str, name: str) -> int:
    """Return a time in ns since 1970: such a number, or a time of ISO 8601 with its zone.

    Raises:
        Unreadable: it is neither; `name` is that of the column.

    >>> read_time_ns("2025-03-03 10:00:00.5-05:00", "ts_event")
    1741014000500000000
    """
    if text.isascii() and text.isdigit():
        return integer(text.encode(), name, TIME_MAX_NS)
    match = TIME.fullmatch(text)
    if match is None:
        return time_ns(text, name)  # which says what is wrong
    if match[4] is None:
        raise Unreadable("time_syntax", f"`{name}` {text} has no zone: write Z behind it for UTC")
    ns = time_ns(f"{match[1]}T{match[2]}.{(match[3] or '').ljust(9, '0')}Z", name)
    if match[5] is None:
        return ns
    ahead_s = 3_600 * int(match[6]) + 60 * int(match[7])
    return ns - int(f"{match[5]}1") * ahead_s * NANOS


def read_number(text: str, name: str, largest: int) -> int | None:
    """Return a whole number, None where there is none; raises `Unreadable`.

    >>> read_number("7.0", "sequence", 9), read_number("NaN", "sequence", 9)
    (7, None)
    """
    if text.lower() in NOTHING:
        return None
    whole = WHOLE.fullmatch(text)
    return integer((text if whole is None else whole[1]).encode(), name, largest)


def is_price(text: str) -> bool:
    """Return whether a bid or an ask is given; DataBento's largest number stands for none."""
    if text.lower() in NOTHING or not text.strip("0.-"):
        return False
    return not text.replace(".", "").startswith(str(2**63 - 1))
