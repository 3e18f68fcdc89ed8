"""Files as one tape through one judge: what `tape replay` does, without its command line."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from tape.archives import Archive, RowBatch, read_archive
from tape.episodes import EpisodeStep
from tape.errors import SettingsError
from tape.judge import Judge
from tape.trade_fields import NANOS

DAY_NS: Final = 86_400 * NANOS
END_NS: Final = 2**63 - 1
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the tape that is wanted: [from_ns, to_ns), at most `limit` trades of it."""

    symbols: frozenset[str] = frozenset()
    from_ns: int = 0
    to_ns: int = END_NS
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A stretch of the wanted part: its trades, what is flagged of them, how episodes went on."""

    values: list[bytes]
    flagged: list[bytes]
    episodes: list[EpisodeStep]


def time_ns(text: str, *, option: str, day_ends: bool = False) -> int:
    """Return a day or a time in ISO 8601 as ns since 1970; UTC where no zone is given.

    With `day_ends` a bare day stands for its end. Raises `SettingsError` naming the `option`.

    >>> time_ns("2025-05-05T14:30", option="--from")
    1746455400000000000
    >>> time_ns("2025-05-05", option="--to", day_ends=True)
    1746489600000000000
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option}: {text!r} is no time; write 2025-05-05 or 2025-05-05T14:30:00 (UTC)"
        ) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    bare = len(text) <= len("2025-05-05")
    ns = (at - EPOCH) // timedelta(microseconds=1) * 1_000
    return ns + DAY_NS if day_ends and bare else ns


@dataclass(slots=True)
class Replay:
    """One pass of a judge over archives; its counts are right when the pass has ended.

    Attributes:
        trades: trades judged in the wanted part.
        rejected: rows that could not be read, by reason.
        episodes: steps of episodes in the wanted part by state, and of the closed ones by mark.
        damaged: in words, what is wrong with each file that is damaged.
    """

    archives: list[Archive]
    judge: Judge
    part: Part = field(default_factory=Part)
    trades: int = 0
    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    episodes: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def batches(self) -> Iterator[Shown]:
        """Yield the wanted part of the tape, judged, in the files' order.

        What lies before the part is judged too, so that each verdict is the one that the whole
        tape gives.
        """
        latest_ns = time.time_ns() + DAY_NS
        seen: set[str] = set()
        for archive in self.archives:
            if archive.sha256 in seen:  # the same day named twice
                continue
            seen.add(archive.sha256)
            before = self.rows
            for batch in read_archive(archive, latest_ns=latest_ns, symbols=self.part.symbols):
                self.rows = before + batch.rows
                self._note(batch)
                shown = self._judged(batch)
                for step in shown.episodes:
                    self.episodes.update((step.state, *filter(None, [step.mark])))
                yield shown
                if self.part.limit is not None and self.trades >= self.part.limit:
                    return

    def _judged(self, batch: RowBatch) -> Shown:
        part, times = self.part, batch.ts_event_ns
        wanted = (times >= part.from_ns) & (times < part.to_ns)
        if part.limit is not None:
            wanted &= np.cumsum(wanted) <= part.limit - self.trades
        if wanted.all():
            found = self.judge.judge(batch.keys, batch.values)
            self.trades += len(batch.values)
            return Shown(batch.values, [one.value for one in found.flagged], found.episodes)
        judged = np.flatnonzero(wanted | (times < part.from_ns)).tolist()
        values = [batch.values[n] for n in judged]
        found = self.judge.judge([batch.keys[n] for n in judged], values)
        self.trades += int(wanted.sum())
        return Shown(
            [batch.values[n] for n in np.flatnonzero(wanted).tolist()],
            [one.value for one in found.flagged if wanted[judged[one.position]]],
            [step for step in found.episodes if wanted[judged[step.position]]],
        )

    def _note(self, batch: RowBatch) -> None:
        for row in batch.rejected:
            self.rejected[row.rejected.reason] += 1
            if batch.damaged:
                self.damaged.append(f"{row.source}: {row.rejected.reason}: {row.rejected.detail}")
