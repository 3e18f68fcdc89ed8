"""States of episodes for tests: written by hand, one call per state."""

from typing import Any

from tape.alerting.decider import Decider
from tape.alerting.decision import Announcement, Decision
from tape.model.anomaly import DetectorIdentity
from tape.model.episode import Episode
from tape.model.fields import NANOS, iso_time, time_ns

MINUTE_NS = 60 * NANOS
HOUR_NS = 60 * MINUTE_NS
TEN = 1_746_453_600 * NANOS
"""Monday 2025-05-05, 10:00 in New York, 14:00 UTC: the regular session."""


def state(
    name: str = "A-1",
    at_ns: int = TEN,
    *,
    flags: int = 1,
    closed: bool = False,
    priority: float | None = 8.0,
    **other: Any,
) -> Episode:
    """Return a state; what stands before the last hyphen of its name is its symbol."""
    given: dict[str, Any] = {
        "episode_id": name,
        "symbol": name.rpartition("-")[0],
        "state": "closed" if closed else "opened" if flags == 1 else "extended",
        "flags": flags,
        "rules": {"Calibrated": flags},
        "first_ts_event": iso_time(at_ns),
        "last_ts_event": iso_time(at_ns),
        "text": f"{flags} flagged trades at 1.00.",
        "detector": DetectorIdentity("1", "x"),
        "priority": priority,
        "family": "price",
    }
    return Episode(**given | other)


def kind_of(decision: Decision) -> str:
    """Return what was announced, or why nothing was."""
    return decision.kind if isinstance(decision, Announcement) else decision.reason


def taken(decider: Decider, *states: Episode, now_ns: int | None = None) -> list[str]:
    """Return what the only channel is told of each state, at the states' times or at one time."""
    found = []
    for one in states:
        at_ns = _ns(one) if now_ns is None else now_ns
        (decision,) = decider.take(one, at_ns)
        found.append(kind_of(decision))
    return found


def _ns(one: Episode) -> int:
    return time_ns(one.last_ts_event, "last_ts_event")
