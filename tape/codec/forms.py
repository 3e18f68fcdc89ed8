"""The form of a file: what its numbers and times mean, the same for every row of a column.

It is decided once, from the first rows (`deciding`); a row of another form is rejected.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tape.codec.values import iso_ns, local_ns, no_number, scaled, whole
from tape.model.fields import (
    NANOS,
    PRICE_MAX_NANOS,
    Unreadable,
    checked_price,
    checked_size,
    checked_time,
)

DOLLARS: Final = 9
FIXED: Final = 0
"""Powers of ten by which a price becomes 1e-9 dollars: decimal dollars, and DataBento's own."""

WHOLE_BELOW: Final = 1_000_000
"""Whole numbers in a column of dollars are dollars below this: above it they may be 1e-9."""

FIXED_FROM_NANOS: Final = 100_000
"""0.0001 dollars: in a column of 1e-9 dollars, what is far below all others may be dollars."""

MARK: Final = "9223372036854775807"
"""No price, in DataBento's encodings."""

NUMBER: Final = re.compile(r"-?\d+([.,]\d*)?", re.ASCII)
ISO: Final = 0
"""In place of the nanoseconds of a unit: times are text."""


@dataclass(frozen=True, slots=True)
class PriceForm:
    """What the price column's numbers mean.

    Attributes:
        power: the power of ten by which they become 1e-9 dollars.
        bound: of dollars, whole numbers from here on are of another form; of 1e-9 dollars, those
            nearer to zero, but for zero. 0 if the unit was given and not seen.
        comma: the decimal mark is a comma, in all numbers of the file.
    """

    power: int
    bound: int = 0
    comma: bool = False

    def nanos(self, text: str) -> int:
        """Return a price in 1e-9 dollars; raises `Unreadable`."""
        if not text:
            raise Unreadable("price_undefined", "`price` is empty")
        if text == MARK:
            return checked_price(int(text))
        fixed = self.power == FIXED
        value = scaled(text, "price", self.power)
        if fixed and not text.lstrip("-").removesuffix(".0").isdigit():
            raise Unreadable("row_form", "`price` is no whole number; the file's are 1e-9 dollars")
        if fixed and 0 < abs(value) < self.bound:
            raise Unreadable("row_form", "`price` is far too small; the file's are 1e-9 dollars")
        if not fixed and self.bound and "." not in text and self._unlikely(value):
            raise Unreadable("row_form", "`price` has no decimals and is too large for dollars")
        return checked_price(value)

    def _unlikely(self, nanos: int) -> bool:
        return self.bound * NANOS <= abs(nanos) <= PRICE_MAX_NANOS


@dataclass(frozen=True, slots=True)
class TimeForm:
    """What the numbers or texts of a column of times mean.

    Attributes:
        unit_ns: nanoseconds of a unit, or `ISO`.
        zone: the zone of times that name none.
        order: in which order days are written.
        midnight_s: numbers count from this midnight, on the zone's clocks; None from 1970, UTC.
        decided: times were seen among the first rows.
    """

    unit_ns: int
    zone: str | None = None
    order: str = "YMD"
    midnight_s: int | None = None
    decided: bool = True

    def ns(self, text: str, name: str, latest_ns: int) -> int:
        """Return nanoseconds since 1970; raises `Unreadable`."""
        if not self.decided and NUMBER.fullmatch(text):
            raise Unreadable(
                "time_range",
                f"`{name}` is a number, and none of the first is s, ms, µs or ns since 1970",
            )
        if self.unit_ns == ISO:
            return checked_time(iso_ns(text, name, self.zone, self.order), name, latest_ns)
        return checked_time(self._counted(text, name), name, latest_ns)

    def _counted(self, text: str, name: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 20:
            ns = int(text) * self.unit_ns
        elif "e" in text or "E" in text:
            raise Unreadable("time_syntax", f"`{name}` was cut to a float: its digits are lost")
        else:
            if text[4:5] == "-" or ":" in text:
                raise Unreadable("row_form", f"`{name}` is a text; the file's are numbers")
            try:
                ns = scaled(text, name, len(str(self.unit_ns)) - 1)
            except Unreadable:
                raise Unreadable("time_syntax", f"`{name}` is in no form that is known") from None
        if self.midnight_s is None:
            return ns
        second, nanos = divmod(ns, NANOS)
        if not 0 <= second < 86_400:
            raise Unreadable("time_range", f"`{name}` is not within the day")
        return local_ns(self.midnight_s + second, name, self.zone) + nanos


@dataclass(frozen=True, slots=True)
class Form:
    """What all columns of a file mean.

    Attributes:
        price: of the column of prices.
        times: of `ts_event` and `ts_recv`.
        kinds: values of the column `kind` that mean a trade; None if there is no such column.
        sides: A, B or N by the file's codes; empty if these are its codes.
        defaults: of numbers that are not there.
    """

    price: PriceForm
    times: Mapping[str, TimeForm]
    kinds: frozenset[str] | None = None
    sides: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, int] = field(default_factory=dict)

    def size(self, text: str) -> int:
        """Return a size in shares; raises `Unreadable`."""
        return checked_size(self.count(text, "size").encode())

    def count(self, text: str, name: str) -> str:
        """Return the digits of a count; raises `Unreadable`."""
        if text.isdigit() or not text:
            return text
        if "." in text or "e" in text or "E" in text:
            return whole(text, name)
        if not text.removeprefix("-").isdigit():
            raise no_number(text, name, "a whole number")
        return text


def vendor(power: int = FIXED, unit_ns: int = 1) -> Form:
    """Return a form of DataBento's own."""
    time = TimeForm(unit_ns)
    return Form(PriceForm(power), {"ts_recv": time, "ts_event": time})


RECORDS: Final = vendor()
"""The form of the rows that are made of DBN records."""
