"""Ends of mutes as people write them: a time of day, a day, a time, or how long."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from tape.errors import SettingsError
from tape.market.new_york import NEW_YORK
from tape.model.fields import NANOS

CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)
LASTING: Final = re.compile(r"(\d{1,4})([mhd])", re.ASCII)
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST: Final = timedelta(days=366)
WRITE: Final = "write 16:00, 2h, 2025-05-05 (its end) or 2025-05-05T16:00, in New York's time"


def until_ns(text: str, now_ns: int, option: str = "--until") -> int:
    """Return when a mute ends, ns since 1970.

    Args:
        text: a time of New York's day, today's or else tomorrow's; a day, which is included; a
            time, New York's where it names no zone; or minutes, hours or days from now.
        now_ns: ns since 1970.
        option: where it was written.

    Raises:
        SettingsError: it is none of these, is over, or is more than a year away.

    >>> ten = 1_746_453_600 * NANOS  # 2025-05-05 10:00 in New York
    >>> [(until_ns(text, ten) - ten) / 3_600 / NANOS for text in ("16:00", "9:30", "2h")]
    [6.0, 23.5, 2.0]
    >>> (until_ns("2025-05-05", ten) - ten) / 3_600 / NANOS
    14.0
    """
    now = datetime.fromtimestamp(now_ns // NANOS, UTC).astimezone(NEW_YORK)
    try:
        end = _end(text.strip(), now)
    except (ValueError, OverflowError):
        raise SettingsError(f"{option}: {text!r} is no time", WRITE) from None
    if end <= now:
        raise SettingsError(f"{option}: {text} is over", WRITE)
    if end - now > LONGEST:
        raise SettingsError(f"{option}: {text} is more than a year away", "name an earlier end")
    return int(end.timestamp()) * NANOS


def _end(text: str, now: datetime) -> datetime:
    clock, lasting = CLOCK.fullmatch(text), LASTING.fullmatch(text)
    if clock is not None:
        at = time(int(clock[1]), int(clock[2]))
        today = datetime.combine(now.date(), at, NEW_YORK)
        if today > now:
            return today
        return datetime.combine(now.date() + timedelta(days=1), at, NEW_YORK)
    if lasting is not None:
        return now.astimezone(UTC) + timedelta(**{UNITS[lasting[2]]: int(lasting[1])})
    if len(text) == len("2025-05-05"):
        day = date.fromisoformat(text) + timedelta(days=1)
        return datetime.combine(day, time(), NEW_YORK)
    at_time = datetime.fromisoformat(text)
    return at_time if at_time.tzinfo is not None else at_time.replace(tzinfo=NEW_YORK)
