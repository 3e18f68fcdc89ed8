"""How long the data service is waited for, and when it is asked again."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of waiting, in seconds.

    Attributes:
        connect_s: until a connection stands.
        read_s: between two pieces of an answer; a server that is silent for longer is given up.
        tries: failures in a row after which it ends; a file that grew in between begins again.
        first_pause_s: before the second try; it doubles from try to try.
        longest_pause_s: no pause is longer, whatever the service asks for.
        poll_s: between the first two looks at a job that is not ready; grows to thirty times that.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    tries: int = 6
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    poll_s: float = 1.0

    def pause_s(self, failures: int, asked_s: float | None = None) -> float:
        """Return the pause after this many failures in a row: random, so that clients spread out.

        `asked_s` is what the service asked for (Retry-After), if it did.
        """
        if asked_s is not None:
            spread_s = _random.uniform(0, 0.1 * self.first_pause_s)
            return min(asked_s + spread_s, self.longest_pause_s)
        ceiling_s = min(self.longest_pause_s, self.first_pause_s * 2.0 ** (failures - 1))
        return _random.uniform(ceiling_s / 2, ceiling_s)


def retry_after_s(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, or None if it says nothing.

    It is a number of seconds or a date; a date counts from `date`, the answer's own Date header,
    because the clock here may be wrong.

    >>> retry_after_s("7")
    7.0
    >>> retry_after_s("Sat, 21 Nov 2026 08:00:05 GMT", "Sat, 21 Nov 2026 08:00:00 GMT")
    5.0
    >>> retry_after_s("soon") is None
    True
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (_zoned(until) - _now(date)).total_seconds())


def _now(date: str | None) -> datetime:
    try:
        return _zoned(parsedate_to_datetime(date or ""))
    except ValueError:
        return datetime.now(UTC)


def _zoned(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
