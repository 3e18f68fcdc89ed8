"""What the status of an HTTP answer means for a message that was sent."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from tape.alerting.message import AwayError, RefusedError

NOT_THIS_MESSAGE: Final = frozenset((400, 406, 411, 413, 414, 415, 422, 431))
"""What the service says of a message that it will never take. Others of its kind it may."""

LATER: Final = frozenset((408, 409, 423, 425, 429))
"""The request was right, and may work at another time."""

RETRY_AFTER_MAX_S: Final = 3_600.0
"""Whoever asks for more is asked again after this time."""


def refuse_status(status: int, retry_after: str | None = None) -> None:
    """Return if a status says that the message was taken; else raise what it means.

    Raises:
        RefusedError: the service will never take this message.
        AwayError: it may take it later; with `needs_person` where that needs other settings.
    """
    if 200 <= status < 300:
        return
    if status in NOT_THIS_MESSAGE:
        raise RefusedError(f"refused: HTTP {status}")
    if 300 <= status < 400:
        raise AwayError(f"HTTP {status}, it leads elsewhere, not followed", needs_person=True)
    if status in LATER or status >= 500 or status < 200:
        raise AwayError(f"HTTP {status}", retry_after_s=wait_of(retry_after))
    raise AwayError(f"HTTP {status}", needs_person=True)


def wait_of(retry_after: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most `RETRY_AFTER_MAX_S`.

    >>> wait_of("120"), wait_of("soon"), wait_of("1e9"), wait_of(None)
    (120.0, None, 3600.0, None)
    >>> wait_of("Fri, 31 Dec 1999 23:59:59 GMT", datetime(1999, 12, 31, 23, 59, tzinfo=UTC))
    59.0
    """
    if retry_after is None:
        return None
    try:
        wait_s = float(retry_after)
    except ValueError:
        try:
            at = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return None
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        wait_s = (at - (now or datetime.now(UTC))).total_seconds()
    if math.isnan(wait_s):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)
