"""Which withheld episodes wait for a digest on which channel."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from tape.alerting.decision import Announcement
from tape.alerting.kept import LATER, Digested, Held, Sent

CARRIED = LATER | {"cool-down"}
"""Withheld for these, an episode stays in the digest that it was to come in."""


@dataclass(slots=True)
class Digests:
    """Times are texts of one form, so they compare as they stand."""

    _sent: dict[str, str] = field(default_factory=dict)
    """When the newest digest of each channel was."""
    _before: dict[str, str] = field(default_factory=dict)
    """When the one before it was."""
    _waiting: dict[str, dict[str, str]] = field(default_factory=dict)
    """By channel and episode, when the digest is due."""

    def keep(self, record: Sent) -> None:
        """Take up what became of an episode."""
        waiting = self._waiting.setdefault(record.channel, {})
        waiting.pop(record.episode_id, None)
        if self.waits(record) and record.held is not None and record.held.digest_at is not None:
            waiting[record.episode_id] = record.held.digest_at

    def forget(self, record: Sent) -> None:
        """Forget an episode, whatever it waits for."""
        self._waiting.get(record.channel, {}).pop(record.episode_id, None)

    def waits(self, record: Sent) -> bool:
        """Return whether an episode is still to come in a digest."""
        due = None if record.held is None else record.held.digest_at
        return due is not None and due > self._sent.get(record.channel, "")

    def also(self, held: Held, old: Sent | None) -> Held:
        """Return why a state is withheld, with the digest that its episode waits for already."""
        if old is None or old.held is None or held.reason not in CARRIED or not self.waits(old):
            return held
        known = old.held.digest_at
        first = min(filter(None, (known, held.digest_at)), default=None)
        return msgspec.structs.replace(held, digest_at=first)

    def due(self, channel: str, now: str) -> list[str]:
        """Return the episodes whose digest is due, in any order."""
        return [name for name, at in self._waiting.get(channel, {}).items() if at <= now]

    def sent(self, record: Digested) -> None:
        """Take up that a digest was decided: all that were due by then are in it."""
        if record.at <= self._sent.get(record.channel, ""):
            return
        self._before[record.channel] = self._sent.get(record.channel, "")
        self._sent[record.channel] = record.at
        waiting = self._waiting.get(record.channel, {})
        for name in self.due(record.channel, record.at):
            del waiting[name]

    def dropped(self, record: Digested) -> None:
        """Forget the newest digest of a channel if it is this one: it was not sent."""
        if self._sent.get(record.channel) == record.at:
            self._sent[record.channel] = self._before[record.channel]

    def next_at(self, channels: Iterable[str]) -> str | None:
        """Return when the next digest is due; None if none waits."""
        times = (at for one in channels for at in self._waiting.get(one, {}).values())
        return min(times, default=None)


def digest_of(record: Digested, listed: list[Sent]) -> Announcement:
    """Return the digest of what was withheld on a channel, the highest priority first."""
    listed.sort(key=lambda one: (-1.0 if one.priority is None else -one.priority, one.episode_id))
    reasons = Counter(one.held.reason for one in listed if one.held is not None)
    words = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    are = "1 episode" if len(listed) == 1 else f"{len(listed):,} episodes"
    because = f"{are} withheld: {words}"
    return Announcement("digest", record.channel, "", because, record, digest=tuple(listed))
