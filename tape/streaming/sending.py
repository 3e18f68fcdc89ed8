"""Sending a folder of archives: trades, rejected records and positions in one transaction.

The transaction is committed about once a second, at the speed of the tape five times as often.
A producer that is killed leaves one open; its next start, by the same INSTANCE, ends it unseen
and continues after the last that was committed.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tape.archives import Archive, Discovery, count_rows_hint
from tape.errors import BreakerError, BrokerLostError
from tape.feeds.feed import Feed, FeedBatch
from tape.feeds.pace import Pace
from tape.feeds.progress import Progress
from tape.feeds.registry import feed_kind
from tape.kafka.headers import rejection_headers
from tape.model.counts import Counts
from tape.process.clock import CLOCK, Clock
from tape.process.logs import RejectedLog
from tape.process.metrics import Metrics
from tape.settings.producer import ProducerSettings
from tape.streaming.feed_breaker import counted_by
from tape.streaming.files_left import files_left
from tape.streaming.outcome import Outcome
from tape.streaming.positions import Ahead
from tape.streaming.producer_books import ProducerBooks
from tape.streaming.transactions import TransactionLostError

log = logging.getLogger(__name__)

MakeFeed = Callable[[Sequence[Archive], frozenset[str]], Feed]

COMMIT_S: Final = 1.0
"""How old a transaction is when it is committed: by this much `stocks` is behind the files."""

PACED_COMMIT_S: Final = 0.2
"""The same at the speed of the tape, where readers of `stocks` wait for each trade."""

PROGRESS_S: Final = 120.0
"""Longest without a commit, with transactions lost one after another, before the producer ends."""


@dataclass(slots=True)
class Sender:
    """Sends what was not sent before.

    Attributes:
        running: whether to continue; looked at between the slices of a batch.
        clock: the time that trades are paced by, and transactions committed.
    """

    settings: ProducerSettings
    found: Discovery
    counts: Counts
    metrics: Metrics
    running: Callable[[], bool]
    clock: Clock = CLOCK
    make_feed: MakeFeed = field(default_factory=lambda: feed_kind("archives"))
    rows_hint: Callable[[Archive], int] = count_rows_hint
    _log_rejected: RejectedLog = field(default_factory=RejectedLog)
    _outcome: Outcome = field(default_factory=Outcome)
    _progress: Progress = field(init=False)
    _books: ProducerBooks = field(init=False)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        archives = self.found.archives
        self._progress = Progress(archives, [self.rows_hint(one) for one in archives], self.clock)
        self._books = ProducerBooks(
            self.settings, self.counts, self.metrics, self._outcome, self.clock
        )

    def send(self) -> Outcome:
        """Send everything; returns what came of it, also when it was stopped in the middle."""
        fenced, first, is_done = False, True, False
        try:
            while True:
                try:
                    self._books.open(fenced=fenced, first=first)
                    first = False
                    self._send_files()
                    self._books.finish()
                    is_done = self.running()
                    break
                except TransactionLostError as lost:
                    if self.clock.now_s() - self._books.committed_s > PROGRESS_S:
                        raise BrokerLostError(
                            f"the broker at {self.settings.broker_address} has lost every "
                            f"transaction for {PROGRESS_S:.0f} s ({lost})",
                            "start the producer again when it is well, it continues after the last "
                            "transaction",
                        ) from lost
                    log.warning("transaction lost, continuing", extra={"reason": str(lost)})
                    fenced = lost.fenced
                finally:
                    self._books.abort()
        finally:
            self._progress.close(is_done=is_done)
        self._outcome.add_files(self.found, self._books.ledger.files)
        self._progress.summary(self._outcome.facts(), trades=self._outcome.trades)
        return self._outcome

    def _send_files(self) -> None:
        wanted, files = self.settings.symbols, self._books.ledger.files
        left = files_left(self.found.archives, files, wanted, self._outcome, self._progress)
        known = {archive.sha256: archive for archive in self.found.archives}
        for ahead in list(self._books.ledger.ahead.values()):
            missing = [sha256 for sha256 in ahead.rows if sha256 not in known]
            if not missing:
                if not self._catch_up(ahead, known):
                    return
                continue
            for sha256 in ahead.rows.keys() & left.keys():
                self._outcome.not_sent(
                    left.pop(sha256).path.name,
                    f"it was being sent together with {', '.join(map(self._name, missing))}, which "
                    "is missing: put that back, or `tape producer forget` both",
                )
        self._pace = Pace(self.settings.replay_speed, self.clock)
        reading: set[str] = set()
        archives = [a for a in left.values() if not self._is_done(a)]
        for step in self._batches(archives, self.settings.symbols):
            if not reading:
                # A night is not waited through.
                self._pace = Pace(self.settings.replay_speed, self.clock)
            for sha256, part in step.parts.items():
                if sha256 not in reading and not part.ended and step.refused is None:
                    self._progress.start(known[sha256], self._books.rows(sha256))
                    reading.add(sha256)
                if part.ended or step.refused is not None:
                    reading.discard(sha256)
            try:
                self._refuse_if_too_many(step)
            except BreakerError:
                self._books.commit()  # what lies before it: each start ends at this record then
                raise
            if not self._send(step, sorted(self.settings.symbols)):
                return

    def _batches(self, archives: list[Archive], symbols: frozenset[str]) -> Iterator[FeedBatch]:
        feed = self.make_feed(archives, symbols)
        with closing(feed):
            yield from feed.batches({a.sha256: self._books.rows(a.sha256) for a in archives})

    def _is_done(self, archive: Archive) -> bool:
        position = self._books.ledger.files.get(archive.sha256)
        return position is not None and position.is_done

    def _name(self, sha256: str) -> str:
        position = self._books.ledger.files.get(sha256)
        return sha256[:12] if position is None else f"{position.file} ({sha256[:12]})"

    def _catch_up(self, ahead: Ahead, known: dict[str, Archive]) -> bool:
        """Send the rest of a batch of which the first messages were sent; returns as `_send`."""
        self._pace = Pace(self.settings.replay_speed, self.clock)
        archives = [archive for archive in known.values() if archive.sha256 in ahead.rows]
        sent = ahead.messages
        names = ", ".join(archive.path.name for archive in archives)
        log.info("resuming batch", extra={"files": names, "messages": sent})
        self._books.ledger.end_ahead(ahead.key)  # in the transaction that brings the rest
        for step in self._batches(archives, frozenset(ahead.symbols)):
            if not sent:
                break
            before = min(sent, len(step.values))
            sent -= before
            self._refuse_if_too_many(step)
            beyond = Ahead(sent, ahead.rows, ahead.symbols) if sent else None
            if not self._send(step, ahead.symbols, before=before, beyond=beyond):
                return False
        return True

    def _send(
        self, step: FeedBatch, symbols: list[str], *, before: int = 0, beyond: Ahead | None = None
    ) -> bool:
        """Send a step when it is due, but for the messages `before`; returns whether to continue.

        `beyond` says what lies behind the step already.
        """
        self.metrics.alive()
        sent, commit_s = before, PACED_COMMIT_S if self.settings.replay_speed else COMMIT_S
        rows = {sha256: self._books.rows(sha256) for sha256 in step.parts}

        def pause() -> bool:
            self.metrics.alive()
            if self._books.transactions.age_s >= commit_s:
                self._books.commit_in_the_middle(sent, rows, symbols)
            return not self.running()

        for start, stop in self._pace.slices(step.ts_event_ns[before:], until=pause):
            self._books.transactions.send(
                self.settings.input,
                step.keys[before + start : before + stop],
                step.values[before + start : before + stop],
            )
            sent = before + stop
        if sent < len(step.values):  # stopped in the middle
            self._books.commit_in_the_middle(sent, rows, symbols)
            return False
        self._send_rejected(step)
        self._books.count(step)
        for sha256, part in step.parts.items():
            if step.refused is None:
                self._books.ledger.take(sha256, self._file_name(sha256), part, symbols)
            else:
                log.error("file not sent: %s", step.refused)
                self._outcome.not_sent(self._file_name(sha256), str(step.refused))
        if rows:
            self._books.ledger.end_ahead(Ahead(0, rows).key)
        if beyond is not None:
            caught_up = {sha256: self._books.rows(sha256) for sha256 in beyond.rows}
            self._books.ledger.set_ahead(msgspec.structs.replace(beyond, rows=caught_up))
        self._progress.advance(step.parts)
        if self._books.transactions.age_s >= commit_s or not self.running():
            self._books.commit()
        return self.running()

    def _file_name(self, sha256: str) -> str:
        return next(a.path.name for a in self.found.archives if a.sha256 == sha256)

    def _refuse_if_too_many(self, step: FeedBatch) -> None:
        counted = counted_by(self._books.breaker, step, self._books.rows)
        if counted.trip is not None:
            of = f"the files up to {self._file_name(counted.sha256)}"
            cure = "fix the files or take them away"
            raise counted.breaker.error(counted.trip, of=of, cure=cure)

    def _send_rejected(self, step: FeedBatch) -> None:
        for part in step.parts.values():
            for row in part.rejected:
                self._log_rejected.note(row.rejected, row.source)
                headers = rejection_headers(row.raw, row.rejected, row.source, app="producer")
                self._books.transactions.send_one(self.settings.rejected, None, row.raw, headers)
