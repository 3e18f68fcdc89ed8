"""Which form a file has, decided once from its first rows, or why none can be found.

Nothing is decided by one row: two thirds of those that say something must agree, the others are
then rows of another form. Where they do not agree, or say nothing, the file is refused.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from tape.archives.columns_file import FROM_FILE_NAME, TIME_UNITS, ColumnsFile
from tape.codec.forms import (
    DOLLARS,
    FIXED,
    FIXED_FROM_NANOS,
    ISO,
    WHOLE_BELOW,
    Form,
    PriceForm,
    TimeForm,
)
from tape.codec.values import has_zone, scaled
from tape.model.fields import (
    NANOS,
    TIME_MAX_NS,
    TIME_MIN_NS,
    Unreadable,
    midnight_s,
)
from tape.model.rejected import Rejected

SAMPLE_ROWS: Final = 250
SAMPLE_BYTES: Final = 128 * 1024
"""The first rows decide, this many within this many bytes: any container's first chunk has them."""

AGREED: Final = 2 / 3
"""Share of the rows that must agree before a unit is taken as seen; below it, a person says it."""
VENDORS: Final = frozenset(
    {"ts_recv", "rtype", "publisher_id", "instrument_id", "depth", "flags", "ts_in_delta"}
)
"""Names that only DataBento's files have."""

BARE_FIXED_NANOS: Final = NANOS
"""Without such names, 1e-9 dollars are known from cents or 1e-4 dollars from one dollar on."""

DOLLARS_MAX: Final = 10_000_000
"""Dollars: no stock trades above it, so a larger whole number is in finer units."""
DAY_IN_NAME: Final = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
MARKED_NONE: Final = ("", "9223372036854775807")
SAY: Final = "say it in a columns file (docs/files.md)"

Row = dict[str, str]


def decide(
    rows: Sequence[Row],
    names: Iterable[str],
    given: ColumnsFile | None,
    zone: str | None,
    file: str,
) -> Form | Rejected:
    """Return the form of a file with these first rows, or why it cannot be found.

    `names` are the fields that have columns, `zone` is that of times without one, and `file` the
    file's name.
    """
    present = frozenset(names)
    price = _price_form([row.get("price", "") for row in rows], rows, present, given)
    if isinstance(price, Rejected):
        return price
    times: dict[str, TimeForm] = {}
    for name in ("ts_event", "ts_recv"):
        texts = [row[name] for row in rows if name in row]
        time = _time_form(texts, name, given, zone, file)
        if isinstance(time, Rejected):
            return time
        # where no time of receipt says anything, its form is that of the others
        times[name] = time if time.decided or not times else times["ts_event"]
    if given is None:
        return Form(price, times)
    kinds = None if given.trades is None else given.trades[1]
    return Form(price, times, kinds, given.sides, given.defaults)


def _price_form(
    texts: list[str], rows: Sequence[Row], present: frozenset[str], given: ColumnsFile | None
) -> PriceForm | Rejected:
    comma = _comma(texts, None if given is None else given.decimal)
    if isinstance(comma, Rejected):
        return comma
    if given is not None and given.price_power is not None:
        return PriceForm(given.price_power, comma=comma)
    if comma:
        texts = [text.replace(",", ".") for text in texts]
    seen = _Prices(texts)
    raw_times = _are_raw_times(rows)
    if seen.fixed(bare=not present & VENDORS):
        return PriceForm(FIXED, min(FIXED_FROM_NANOS, seen.smallest // 1_000_000), comma)
    if seen.dollars(raw_times=raw_times):
        bound = WHOLE_BELOW
        if seen.points and seen.largest_nanos:
            bound = min(bound, max(1, seen.largest_nanos * 1_000_000 // NANOS))
        return PriceForm(DOLLARS, bound, comma)
    if not seen.total:  # nothing is known of prices that are not there
        return PriceForm(FIXED if raw_times else DOLLARS, WHOLE_BELOW * (not raw_times), comma)
    whole_vendor = len(present & VENDORS) == len(VENDORS) - ("depth" not in present)
    if whole_vendor and raw_times and seen.in_ticks and not seen.points:
        return PriceForm(FIXED, 0, comma)
    if seen.points and seen.large:
        text = f"`price` is in two forms, {seen.points} decimal and {seen.large} 1e-9 dollars"
        return Rejected("form_unclear", f"{text} of the first {seen.total}; write one")
    text = "`price` has whole numbers only: dollars, cents or 1e-9 dollars?"
    return Rejected("form_unclear", f"{text} {SAY}: [price] unit")


class _Prices:
    """What the first prices are: counts of what they say about their unit."""

    def __init__(self, texts: list[str]) -> None:
        self.points = self.large = self.small = self.between = 0
        self.bare_large = 0
        self.in_ticks = True
        whole: list[int] = []
        decimals: list[int] = []
        for text in texts:
            if text in MARKED_NONE:
                continue
            try:
                nanos = abs(scaled(text, "price", DOLLARS))
            except Unreadable:
                continue
            if nanos == 0:
                continue
            value, fraction = divmod(nanos, NANOS)
            as_float = text.endswith(".0") and value >= FIXED_FROM_NANOS
            least = BARE_FIXED_NANOS - 1 if "." in text else DOLLARS_MAX
            if value > least and not fraction:
                self.large += 1
                self.bare_large += value >= BARE_FIXED_NANOS
                whole.append(value)
            elif fraction or ("." in text and not as_float):
                self.points += 1
                decimals.append(nanos)
            elif value < FIXED_FROM_NANOS:
                self.small += 1
                self.in_ticks &= value % 100 == 0
            else:
                self.between += 1
                self.in_ticks &= value % 100 == 0
                whole.append(value)
        self.total = self.points + self.large + self.small + self.between
        self.smallest = min(whole, default=0)
        self.largest_nanos = max(decimals, default=0)

    def fixed(self, *, bare: bool) -> bool:
        """Return whether these are 1e-9 dollars: as dollars they would be above all prices."""
        large = self.bare_large if bare else self.large
        if bare and large < AGREED * self.large:
            return False
        return large > 0 and self.large >= AGREED * (self.large + self.points + self.small)

    def dollars(self, *, raw_times: bool) -> bool:
        """Return whether these are dollars: as 1e-9 dollars they would be below all prices."""
        if self.points:
            return self.points + self.small >= AGREED * (self.points + self.small + self.large)
        return self.small > 0 and not raw_times and self.small >= AGREED * self.total


def _comma(texts: list[str], given: str | None) -> bool | Rejected:
    """Return whether the decimal mark is a comma."""
    if given is not None:
        return given == ","
    commas = [text for text in texts if re.fullmatch(r"-?\d+,\d+", text)]
    points = sum("." in text for text in texts)
    if not commas or len(commas) < (1 - AGREED) * (len(commas) + points):
        return False
    if points and len(commas) < AGREED * (len(commas) + points):
        text = f"`price` has commas in {len(commas)} and points in {points} of the first rows"
        return Rejected("form_unclear", f"{text}: write one of them")
    if all(re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", text) for text in commas):
        return Rejected(
            "form_unclear", f"`price`: is 1,234 a thousand or a fraction? {SAY}: [file] decimal"
        )
    return True


def _are_raw_times(rows: Sequence[Row]) -> bool:
    seen = [row.get("ts_event", "") for row in rows]
    raw = sum(len(text) in (18, 19) and text.isdigit() for text in seen)
    return raw > 0 and raw >= AGREED * len([text for text in seen if text])


def _time_form(
    texts: list[str], name: str, given: ColumnsFile | None, zone: str | None, file: str
) -> TimeForm | Rejected:
    order, unit = ("YMD", None) if given is None else (given.order, given.time_unit)
    if given is not None:
        zone = given.zone or zone
    if unit is not None:
        if unit == "iso":
            return TimeForm(ISO, zone, order)
        if unit != "s since midnight":
            return TimeForm(TIME_UNITS[unit], zone)
        return _since_midnight(given, zone, file)
    classes = Counter(filter(None, map(class_of, texts)))
    agreed, most = classes.most_common(1)[0] if classes else ("zoned", 0)
    total = classes.total()
    texts_of_days = classes["zoned"] + classes["local"]
    if texts_of_days >= AGREED * total:
        # a file that is local but for some rows, is local: those others are read as they say
        if zone is None and order == "YMD" and classes["local"] > classes["zoned"]:
            return Rejected(
                "time_zone",
                f"`{name}` names no time zone: give --time-zone NAME, such as America/New_York "
                f"or UTC",
            )
        return TimeForm(ISO, zone, order, decided=total > 0)
    if most < AGREED * total:
        listed = ", ".join(f"{count} {kind}" for kind, count in classes.most_common())
        return Rejected("form_unclear", f"`{name}` is in several forms ({listed}); {SAY}")
    return TimeForm(TIME_UNITS[agreed], zone)


def _since_midnight(given: ColumnsFile | None, zone: str | None, file: str) -> TimeForm | Rejected:
    assert given is not None  # noqa: S101 - only a columns file has this unit
    if zone is None:
        return Rejected(
            "time_zone", "times since midnight need a zone: give --time-zone NAME, or [time] zone"
        )
    day = given.day
    if day == FROM_FILE_NAME:
        found = DAY_IN_NAME.search(file)
        if found is None:
            return Rejected("form_unclear", "[time] day: no day such as 2012-06-21 in its name")
        day = "-".join(found.groups())
    midnight = midnight_s(str(day))
    if midnight is None:
        return Rejected("form_unclear", f"[time] day: there is no day {day}")
    return TimeForm(TIME_UNITS["s since midnight"], zone, midnight_s=midnight)


def class_of(text: str) -> str | None:
    """Return what a time looks like: zoned or local text, or the unit that a number must have."""
    zoned = has_zone(text)
    if zoned is not None:
        return "zoned" if zoned else "local"
    number = text.replace(",", ".", 1).partition(".")[0]
    if not (number.isascii() and number.isdigit()) or len(number) > 20:
        return None
    for unit in ("s", "ms", "us", "ns"):
        if TIME_MIN_NS <= int(number) * TIME_UNITS[unit] < TIME_MAX_NS:
            return unit
    return None
