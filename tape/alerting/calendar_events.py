"""An event of a calendar: its times, its name, and the symbols that its title names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from tape.alerting.expected import LONGEST_NS, Event
from tape.market.new_york import NEW_YORK
from tape.model.fields import NANOS, TIME_MAX_NS, TIME_MIN_NS, is_symbol

MOST_EVENTS: Final = 200_000
NAME_MAX: Final = 60
ALL: Final = "*"
"""Stands for all symbols: who means all says so, as an event of a symbol that nobody recognised
would otherwise silence the market."""
LEADING: Final = re.compile(r"\s*(\*|[A-Z0-9.\-/#$+=^]+(?:[ ,;]+[A-Z0-9.\-/#$+=^]+)*)\s*:")
NAMED: Final = re.compile(r"\((?:[A-Z]+:\s*)?([A-Z][A-Z0-9.\-]{0,9})\)|\$([A-Z][A-Z0-9.\-]{0,9})")
"""Symbols in an event's title: "NVDA, AAPL: earnings", "NVIDIA (NVDA) earnings", "$NVDA"."""


class UnusableError(Exception):
    """Why an event is not used; never leaves the readers of calendars."""


@dataclass(slots=True)
class Calendars:
    """What files hold.

    Attributes:
        events: those that can be used, in any order.
        unusable: of the others a sentence each, which names the file and the event.
    """

    events: list[Event] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)


def moment_ns(at: date, zone: tzinfo = NEW_YORK) -> int:
    """Return ns since 1970 of a time, which is the zone's if it has none; of a day its midnight."""
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    return int(at.timestamp()) * NANOS + at.microsecond * 1_000


def event_of(start: date, end: date, name: str, symbols: Sequence[str], source: str) -> Event:
    """Return an event.

    Args:
        start: a day of New York, or a time.
        end: the first moment after it; the last day, if that is the first one too, is the caller's
            to add to.
        name: its title.
        symbols: `ALL` alone for all.
        source: the file.

    Raises:
        UnusableError: with the reason.
    """
    start_ns, end_ns = moment_ns(start), moment_ns(end)
    if end_ns <= start_ns:
        raise UnusableError("ends when it begins, or before")
    if end_ns - start_ns > LONGEST_NS:
        raise UnusableError("lasts longer than 32 days")
    if not TIME_MIN_NS <= start_ns < TIME_MAX_NS:
        raise UnusableError("is not of this century")
    if not symbols:
        raise UnusableError('names no symbol (title "NVDA: …", or "*: …" for all)')
    for symbol in symbols:
        if symbol != ALL and not is_symbol(symbol):
            raise UnusableError(f"names {symbol[:80]!r}, which is no symbol")
    chosen = () if ALL in symbols else tuple(sorted(set(symbols)))
    shown = " ".join(name.split())[:NAME_MAX] or "event"
    return Event(start_ns, end_ns, shown, chosen, source)


def symbols_in(title: str) -> list[str]:
    """Return the symbols that the title of an event names.

    >>> symbols_in("NVDA, BRK.B: earnings"), symbols_in("NVIDIA (NASDAQ: NVDA) Q1")
    (['NVDA', 'BRK.B'], ['NVDA'])
    >>> symbols_in("*: expiry"), symbols_in("FOMC meeting")
    (['*'], [])
    """
    leading = LEADING.match(title)
    if leading is not None:
        return re.split(r"[ ,;]+", leading[1].strip())
    return [first or second for first, second in NAMED.findall(title)]


def next_day(day: date) -> date:
    """Return the day after."""
    return day + timedelta(days=1)
