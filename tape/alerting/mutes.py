"""Silences that people asked for: which one counts, and what each withheld."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tape.alerting.kept import Mute, Record, Sent
from tape.model.fields import iso_time


def is_on(mute: Mute, now: str) -> bool:
    """Return whether a mute counts at a time, given as the records have it."""
    until = mute.until if mute.ended is None else min(mute.until, mute.ended)
    return mute.since <= now < until


@dataclass(slots=True)
class Mutes:
    """All mutes that are known."""

    _by_id: dict[str, Mute] = field(default_factory=dict)

    def heard(self, mute: Mute) -> None:
        """Take up a mute, or that it was ended; it never begins again under the same id."""
        old = self._by_id.get(mute.mute_id)
        if old is None or old.ended is None:
            self._by_id[mute.mute_id] = mute

    def on(self, symbol: str, now_ns: int) -> Mute | None:
        """Return the mute that silences a symbol; of several, the first."""
        now = iso_time(now_ns)
        found = [
            mute
            for mute in self._by_id.values()
            if (not mute.symbols or symbol in mute.symbols) and is_on(mute, now)
        ]
        return min(found, key=lambda mute: (mute.since, mute.mute_id), default=None)


def hits(records: Iterable[Record]) -> Counter[str]:
    """Return how many states each reason and what it names withheld, such as "muted m-1f2e"."""
    found: Counter[str] = Counter()
    for record in records:
        if isinstance(record, Sent):
            found.update(record.withheld)
    return found
