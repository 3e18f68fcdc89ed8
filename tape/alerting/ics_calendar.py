"""Calendars as iCalendar (RFC 5545), with events that recur; needs the package `icalendar`."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from tape.alerting.calendar_events import (
    MOST_EVENTS,
    NAME_MAX,
    Calendars,
    UnusableError,
    event_of,
    moment_ns,
    next_day,
    symbols_in,
)
from tape.errors import SettingsError
from tape.market.new_york import NEW_YORK
from tape.model.fields import NANOS

INSTALL: Final = "pip install 'tapewatch[alerts]'"
OFTEN: Final = ("SECONDLY", "MINUTELY", "HOURLY")
FAULTS: Final = (ValueError, LookupError, AttributeError, TypeError, OverflowError)
"""What the library raises for damaged values, some of them when they are first looked at."""
MOST_TOLD: Final = 100
"""Sentences kept of one file's events that cannot be used."""


def read_ics(path: Path, content: bytes, until_ns: int, found: Calendars) -> None:
    """Add the events of a file, and a sentence for each that cannot be used.

    Raises `SettingsError` for what is no calendar, and where the package is not installed.
    """
    try:
        import icalendar
    except ImportError:
        raise SettingsError(
            f"ALERT_CALENDARS: {path} needs the package icalendar", f"run {INSTALL}"
        ) from None
    try:
        calendar = icalendar.Calendar.from_ical(content)
        if calendar.name != "VCALENDAR":
            raise ValueError(f"it is a {calendar.name}")
        events = list(calendar.walk("VEVENT"))
    except FAULTS as error:
        why = " ".join(str(error).split())[:100]
        raise SettingsError(
            f"ALERT_CALENDARS: {path} is no iCalendar ({why})", "export it again"
        ) from None
    zone = _zone_of(calendar)
    moved: set[tuple[str, int]] = set()
    for event in events:
        with suppress(*FAULTS):  # said below, where the event itself is read
            moved.update(filter(None, [_moved(event, zone)]))
    for number, event in enumerate(events, start=1):
        title = _text(event, "SUMMARY")
        try:
            for start, end in _spans(event, zone, until_ns, moved):
                symbols = _symbols(event, title)
                found.events.append(event_of(start, end, title, symbols, path.name))
                if len(found.events) > MOST_EVENTS:
                    return  # the caller refuses them
        except UnusableError as error:
            if len(found.unusable) < MOST_TOLD:
                shown = title[:NAME_MAX] or f"event {number}"
                found.unusable.append(f"{path}: {shown!r} {error}")
        except FAULTS as error:
            if len(found.unusable) < MOST_TOLD:
                why = " ".join(str(error).split())[:100]
                found.unusable.append(f"{path}: event {number} cannot be read ({why})")


def _zone_of(calendar: Any) -> tzinfo:
    """Return the zone of times without one: the calendar's, if it says so, else New York's."""
    try:
        return ZoneInfo(_text(calendar, "X-WR-TIMEZONE"))
    except (ValueError, OSError, KeyError):
        return NEW_YORK


def _text(event: Any, name: str) -> str:
    value = event.get(name)
    return "" if value is None else str(value[0] if isinstance(value, list) else value)


def _symbols(event: Any, title: str) -> list[str]:
    own = _text(event, "X-SYMBOLS").replace("\\,", ",").replace(",", " ").split()
    return own or symbols_in(title)


def _moved(event: Any, zone: tzinfo) -> tuple[str, int] | None:
    """Return which repetition of an event this one stands for, if it does."""
    at = event.get("RECURRENCE-ID")
    if at is None or not isinstance(getattr(at, "dt", None), date):
        return None
    return _text(event, "UID"), moment_ns(at.dt, _zone_for(at.dt, zone))


def _zone_for(at: date, zone: tzinfo) -> tzinfo:
    """Return the zone of what has none: a day is New York's, whatever the calendar's is."""
    return zone if isinstance(at, datetime) else NEW_YORK


def _spans(
    event: Any, zone: tzinfo, until_ns: int, moved: set[tuple[str, int]]
) -> Iterator[tuple[date, date]]:
    """Yield start and end of an event each time that it happens."""
    if _text(event, "STATUS").upper() == "CANCELLED":
        return
    if event.get("DTSTART") is None:
        raise UnusableError("has no start")
    start = _local(event["DTSTART"].dt, zone)
    lasting = _lasting(event, start, zone)
    uid, is_moved = _text(event, "UID"), _moved(event, zone) is not None
    without = {moment_ns(_local(one, zone)) for one in _dates(event, "EXDATE")}
    more = [_local(one, zone) for one in _dates(event, "RDATE")]
    for one in sorted({*_repeated(event, start, until_ns), *more}, key=moment_ns):
        at_ns = moment_ns(one)
        if at_ns in without or (not is_moved and (uid, at_ns) in moved):
            continue
        if not isinstance(one, datetime):
            yield one, one + lasting
        else:  # by the zone's clock a night in which it changes would be an hour longer
            end = datetime.fromtimestamp(one.timestamp(), tz=ZoneInfo("UTC")) + lasting
            yield one, end


def _local(at: Any, zone: tzinfo) -> date:
    """Return a day, or a time with a zone."""
    if not isinstance(at, date):
        raise UnusableError("has a time that is none")
    if isinstance(at, datetime) and at.tzinfo is None:
        return at.replace(tzinfo=zone)
    return at


def _lasting(event: Any, start: date, zone: tzinfo) -> timedelta:
    if event.get("DTEND") is not None:
        end = _local(event["DTEND"].dt, zone)
        if isinstance(end, datetime) != isinstance(start, datetime):
            raise UnusableError("begins with a day and ends with a time, or the other way")
        if isinstance(end, datetime):
            return timedelta(microseconds=(moment_ns(end) - moment_ns(start)) // 1_000)
        return end - start
    if event.get("DURATION") is not None:
        found: timedelta = event["DURATION"].dt
        return found
    if isinstance(start, datetime):
        raise UnusableError("has no end")
    return next_day(start) - start


def _dates(event: Any, name: str) -> list[Any]:
    """Return the times in a property that has several and may be there several times."""
    given = event.get(name)
    if given is None:
        return []
    lists = given if isinstance(given, list) else [given]
    return [getattr(one, "dt", None) for each in lists for one in each.dts]


def _repeated(event: Any, start: date, until_ns: int) -> Iterator[date]:
    """Yield when an event begins: once, or as its rule says, up to `until_ns`."""
    given = event.get("RRULE")
    if given is None:
        yield start
        return
    from dateutil.rrule import rrule, rrulestr  # type: ignore[import-untyped]

    if isinstance(given, list):
        raise UnusableError("has several rules by which it recurs")
    parts = {name.upper(): values for name, values in given.items()}
    if str(parts["FREQ"][0]).upper() in OFTEN:
        raise UnusableError("recurs more than once a day")
    last_ns = until_ns
    for last in parts.pop("UNTIL", []):  # its form need not be that of the start
        after = next_day(last) if not isinstance(last, datetime) else last
        last_ns = min(last_ns, moment_ns(after) + (isinstance(last, datetime) and 1_000))
    text = ";".join(
        f"{name}={','.join(_word(one) for one in values)}" for name, values in parts.items()
    )
    is_time = isinstance(start, datetime)
    first = start if isinstance(start, datetime) else datetime.combine(start, time())
    end = datetime.fromtimestamp(last_ns // NANOS + 1, tz=ZoneInfo("UTC"))
    rule = rrulestr(text, dtstart=first)
    if not isinstance(rule, rrule):
        raise UnusableError("has several rules by which it recurs")
    until = end if is_time else end.astimezone(NEW_YORK).replace(tzinfo=None)
    if "COUNT" not in parts:  # a rule has one of them
        rule = rule.replace(until=until)
    for nth, one in enumerate(rule):
        if nth > MOST_EVENTS or moment_ns(one, NEW_YORK) >= last_ns:
            return
        yield one if is_time else one.date()


def _word(value: Any) -> str:
    return value.to_ical().decode() if hasattr(value, "to_ical") else str(value)
