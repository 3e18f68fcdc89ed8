"""Days of trades in PostgreSQL as a feed; its parts are the days, by what is in them."""

import logging
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tape.archives import Archive
from tape.errors import ArchiveError, StoreAwayError
from tape.feeds.feed import FeedBatch, FeedPart, Since
from tape.process.clock import CLOCK, Clock
from tape.sinks.sink import SinkBusyError

if TYPE_CHECKING:
    from tape.sinks.postgres.history import Range
    from tape.sinks.postgres.replay import Minute
    from tape.sinks.postgres.session import Place, Session

log = logging.getLogger(__name__)

AWAY_S: Final = 120.0
"""Longest wait for a database that went away in the middle."""


def days_as_archives(place: "Place", asked: "Range") -> list[Archive]:
    """Return the days of a range as if each were a file, by what is in it.

    Args:
        place: the schema.
        asked: from when to when, and of which symbols.

    Raises:
        ArchiveError: there is no trade in it.
        StoreError: the database refuses, or is away.
    """
    from tape.sinks.postgres.history import history
    from tape.sinks.postgres.replay import stored_days

    with history(place) as connection:
        days = stored_days(connection, asked)
    if not days:
        raise ArchiveError(
            f"the schema {place.schema} has no trades from {asked.begin:%Y-%m-%d} on",
            "`tape history list` shows what is there; correct HISTORY_FROM, HISTORY_TO or SYMBOLS",
        )
    return [
        Archive(Path(f"trades-{one.day}"), f"{one.day:%Y%m%d}", one.identity, one.trades)
        for one in days
    ]


class PostgresFeed:
    """Reads days a minute at a time: no question is open while its trades are sent.

    Args:
        archives: days, as `days_as_archives` returns them.
        place: the schema.
        asked: what the days were asked for by.
        clock: by which a database that is away is waited for.
    """

    def __init__(
        self, archives: Sequence[Archive], place: "Place", asked: "Range", *, clock: Clock = CLOCK
    ) -> None:
        self._archives, self._place, self._asked = archives, place, asked
        self._clock = clock
        self._reading: Generator[FeedBatch, None, None] | None = None

    def batches(self, since: Since, /) -> Iterator[FeedBatch]:
        """Yield what is left of the days, of which `since` trades lie behind.

        Raises:
            StoreError: the database refuses, or stays away.
        """
        self.close()
        self._reading = self._batches(since)
        return self._reading

    def close(self) -> None:
        """Let go of the connection."""
        if self._reading is not None:
            self._reading.close()

    def _batches(self, since: Since) -> Generator[FeedBatch, None, None]:
        from tape.sinks.postgres.history import history
        from tape.sinks.postgres.replay import stored_days
        from tape.sinks.postgres.session import Session

        with history(self._place) as connection:
            days = {one.identity: one for one in stored_days(connection, self._asked)}
        session = Session(self._place)
        try:
            for archive in sorted(self._archives, key=lambda one: one.day or ""):
                day = days.get(archive.sha256)
                if day is None:
                    changed = ArchiveError(
                        f"the trades of {archive.path.name} have changed in the database",
                        "start the producer again: the day is sent as it is now",
                    )
                    yield FeedBatch(parts={archive.sha256: FeedPart(0)}, refused=changed)
                    continue
                yield from self._day(session, archive, day.minutes, since.get(archive.sha256, 0))
        finally:
            session.close()

    def _day(
        self, session: "Session", archive: Archive, minutes: Sequence["Minute"], done: int
    ) -> Iterator[FeedBatch]:
        behind = 0
        for minute in minutes:
            if behind + minute.trades > done:
                first = max(0, done - behind)
                rows = self._read(session, minute)[first:]
                keys, values, times = (list(column) for column in zip(*rows, strict=True))
                part = FeedPart(behind + minute.trades, trades=len(rows))
                at = np.array(times, np.int64)
                yield FeedBatch(keys, values, at, {archive.sha256: part})
            behind += minute.trades
        yield FeedBatch(parts={archive.sha256: FeedPart(behind, ended=True)})

    def _read(self, session: "Session", minute: "Minute") -> list[tuple[bytes, bytes, int]]:
        from tape.sinks.postgres.replay import trades_of

        until_s = self._clock.now_s() + AWAY_S
        while True:
            try:
                with session.work() as connection:
                    return list(trades_of(connection, minute, self._asked))
            except SinkBusyError as busy:
                if self._clock.now_s() > until_s:
                    raise StoreAwayError(
                        f"the database has not answered for {AWAY_S:.0f} s ({busy})",
                        "start the producer again when it is well, it continues where it was",
                    ) from None
                log.warning("store away, waiting", extra={"store": "postgres", "reason": str(busy)})
                self._clock.sleep(busy.retry_after_s)
