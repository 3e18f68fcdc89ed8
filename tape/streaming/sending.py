"""Sending a folder of archives: trades, rejected records and positions in one transaction.

The transaction is committed about once a second, at the speed of the tape five times as often.
A producer that is killed leaves one open; its next start, by the same INSTANCE, ends it unseen
and goes on behind the last that was committed.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tape.archives import Archive, Discovery, count_rows_hint
from tape.errors import BreakerError, BrokerLostError
from tape.feeds.feed import FeedBatch
from tape.feeds.pace import Pace
from tape.feeds.progress import Progress
from tape.feeds.registry import feed_kind
from tape.kafka.headers import rejection_headers
from tape.model.counts import Counts
from tape.process.clock import CLOCK, Clock
from tape.process.logs import RejectedLog
from tape.process.metrics import Metrics
from tape.settings.producer import ProducerSettings
from tape.streaming.breaker import Breaker
from tape.streaming.feed_breaker import counted_by
from tape.streaming.files_left import files_left
from tape.streaming.ledger import Ledger
from tape.streaming.marks import STARTING_S, look_at_topic, refuse_if_made_anew
from tape.streaming.old_positions import old_positions
from tape.streaming.outcome import Outcome
from tape.streaming.own_name import end_if_replaced, transactional_id
from tape.streaming.positions import (
    BREAKER,
    FILE,
    INSTANCE,
    TOPIC,
    Ahead,
    Position,
    Run,
    now_text,
    positions_topic,
    read_positions,
)
from tape.streaming.transactions import TransactionLostError, Transactions

log = logging.getLogger(__name__)

COMMIT_S: Final = 1.0
"""How old a transaction is when it is committed: by so much `stocks` is behind the files."""

PACED_COMMIT_S: Final = 0.2
"""The same at the speed of the tape, where readers of `stocks` wait for each trade."""

TAKEN_S: Final = 1.0
"""By then a run that has taken the name has said so."""

PROGRESS_S: Final = 120.0
"""Longest without a commit, with transactions lost one after another, before the producer ends."""


@dataclass(slots=True)
class Sender:
    """Sends what was not sent before.

    Attributes:
        running: whether to go on; looked at between the slices of a batch.
        clock: the time that trades are paced by, and transactions committed.
    """

    settings: ProducerSettings
    found: Discovery
    counts: Counts
    metrics: Metrics
    running: Callable[[], bool]
    clock: Clock = CLOCK
    _log_rejected: RejectedLog = field(default_factory=RejectedLog)
    _run: Run = field(default_factory=lambda: Run(at=now_text()))
    _outcome: Outcome = field(default_factory=Outcome)
    _progress: Progress = field(init=False)
    _breaker: Breaker = field(init=False)
    _counted: bool = False
    _ledger: Ledger = field(init=False)
    _transactions: Transactions = field(init=False)
    _pace: Pace = field(init=False)
    _committed_s: float = field(init=False)

    def __post_init__(self) -> None:
        archives = self.found.archives
        self._progress = Progress(archives, [count_rows_hint(one) for one in archives], self.clock)
        self._committed_s = self.clock.now_s()

    def send(self) -> Outcome:
        """Send everything; returns what came of it, also when it was stopped in the middle."""
        fenced, first = False, True
        try:
            while True:
                try:
                    self._open(fenced=fenced, first=first)
                    first = False
                    self._send_files()
                    self._finish()
                    break
                except TransactionLostError as lost:
                    if self.clock.now_s() - self._committed_s > PROGRESS_S:
                        raise BrokerLostError(
                            f"the broker at {self.settings.broker_address} has lost every "
                            f"transaction for {PROGRESS_S:.0f} s ({lost}); start the producer "
                            "again when it is well, it goes on behind the last transaction"
                        ) from lost
                    log.warning("transaction lost, going on", extra={"reason": str(lost)})
                    fenced = lost.fenced
                finally:
                    self._abort()
        finally:
            self._progress.close()
        self._outcome.add_files(self.found, self._ledger.files)
        self._progress.summary(self._outcome.facts(), trades=self._outcome.trades)
        return self._outcome

    def _open(self, *, fenced: bool, first: bool) -> None:
        """Take the name, and begin where the last committed transaction ends."""
        client, topic = self.settings.client_config(), positions_topic(self.settings.input)
        if fenced:  # by another run, or by the broker because the transaction was too old
            self.clock.sleep(TAKEN_S)
            end_if_replaced(self.settings, read_positions(client, topic), self._run)
        self._transactions = Transactions(client, transactional_id(self.settings), self.clock)
        self._write(INSTANCE + self.settings.instance, msgspec.json.encode(self._run))
        self._transactions.commit()
        book = read_positions(client, topic)
        mark = look_at_topic(self.settings, wait_s=STARTING_S)
        refuse_if_made_anew(self.settings, book, mark)
        if book.mark is None and not book.files:  # this version was never here
            book.files = old_positions(client, self.settings.input)
            self._take_over(book.files)
        self._ledger = Ledger(book, instance=self.settings.instance)
        limits = self.settings.rejected_share_max, self.settings.rejected_run_max
        self._breaker = Breaker(*limits, book.breakers.get(self.settings.instance))
        self._counted = False
        if first:
            self._outcome.begin(book.files)
        self._write(TOPIC, msgspec.json.encode(mark))
        self._commit()

    def _take_over(self, old: dict[str, Position]) -> None:
        """Write the positions that an earlier version kept."""
        for sha256, position in old.items():
            self._write(FILE + sha256, msgspec.json.encode(position))
        if old:
            log.info("positions of an earlier version taken over", extra={"files": len(old)})

    def _send_files(self) -> None:
        wanted, files = self.settings.symbols, self._ledger.files
        left = files_left(self.found.archives, files, wanted, self._outcome, self._progress)
        known = {archive.sha256: archive for archive in self.found.archives}
        for ahead in list(self._ledger.ahead.values()):
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
                self._pace = Pace(
                    self.settings.replay_speed, self.clock
                )  # a night is not waited through
            for sha256, part in step.parts.items():
                if sha256 not in reading and not part.ended and step.refused is None:
                    self._progress.start(known[sha256], self._rows(sha256))
                    reading.add(sha256)
                if part.ended or step.refused is not None:
                    reading.discard(sha256)
            try:
                self._refuse_if_too_many(step)
            except BreakerError:
                self._commit()  # what lies before it: each start ends at this record then
                raise
            if not self._send(step, sorted(self.settings.symbols)):
                return

    def _batches(self, archives: list[Archive], symbols: frozenset[str]) -> Iterator[FeedBatch]:
        feed = feed_kind("archives")(archives, symbols)
        with closing(feed):
            yield from feed.batches({a.sha256: self._rows(a.sha256) for a in archives})

    def _is_done(self, archive: Archive) -> bool:
        position = self._ledger.files.get(archive.sha256)
        return position is not None and position.is_done

    def _rows(self, sha256: str) -> int:
        position = self._ledger.files.get(sha256)
        return 0 if position is None else position.rows

    def _name(self, sha256: str) -> str:
        position = self._ledger.files.get(sha256)
        return sha256[:12] if position is None else f"{position.file} ({sha256[:12]})"

    def _catch_up(self, ahead: Ahead, known: dict[str, Archive]) -> bool:
        """Send the rest of a batch of which the first messages were sent; returns as `_send`."""
        self._pace = Pace(self.settings.replay_speed, self.clock)
        archives = [archive for archive in known.values() if archive.sha256 in ahead.rows]
        sent = ahead.messages
        names = ", ".join(archive.path.name for archive in archives)
        log.info("going on in a batch", extra={"files": names, "messages": sent})
        self._ledger.end_ahead(ahead.key)  # in the transaction that brings the rest
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
        """Send a step when it is due, but for the messages `before`; returns whether to go on.

        `beyond` says what lies behind the step already.
        """
        self.metrics.alive()
        sent, commit_s = before, PACED_COMMIT_S if self.settings.replay_speed else COMMIT_S
        rows = {sha256: self._rows(sha256) for sha256 in step.parts}

        def pause() -> bool:
            self.metrics.alive()
            if self._transactions.age_s >= commit_s:
                self._commit_in_the_middle(sent, rows, symbols)
            return not self.running()

        for start, stop in self._pace.slices(step.ts_event_ns[before:], until=pause):
            self._transactions.send(
                self.settings.input,
                step.keys[before + start : before + stop],
                step.values[before + start : before + stop],
            )
            sent = before + stop
        if sent < len(step.values):  # stopped in the middle
            self._commit_in_the_middle(sent, rows, symbols)
            return False
        self._send_rejected(step)
        self._breaker, self._counted = counted_by(self._breaker, step, self._rows).breaker, True
        for sha256, part in step.parts.items():
            if step.refused is None:
                self._ledger.take(sha256, self._file_name(sha256), part, symbols)
            else:
                log.error("file not sent: %s", step.refused)
                self._outcome.not_sent(self._file_name(sha256), str(step.refused))
        if rows:
            self._ledger.end_ahead(Ahead(0, rows).key)
        if beyond is not None:
            caught_up = {sha256: self._rows(sha256) for sha256 in beyond.rows}
            self._ledger.set_ahead(msgspec.structs.replace(beyond, rows=caught_up))
        self._progress.advance(step.parts)
        if self._transactions.age_s >= commit_s or not self.running():
            self._commit()
        return self.running()

    def _file_name(self, sha256: str) -> str:
        return next(a.path.name for a in self.found.archives if a.sha256 == sha256)

    def _refuse_if_too_many(self, step: FeedBatch) -> None:
        counted = counted_by(self._breaker, step, self._rows)
        if counted.trip is not None:
            of = f"the files up to {self._file_name(counted.sha256)}"
            cure = "fix the files or take them away"
            raise counted.breaker.error(counted.trip, of=of, cure=cure)

    def _send_rejected(self, step: FeedBatch) -> None:
        for part in step.parts.values():
            for row in part.rejected:
                self._log_rejected.note(row.rejected, row.source)
                headers = rejection_headers(row.raw, row.rejected, row.source, app="producer")
                self._transactions.send_one(self.settings.rejected, None, row.raw, headers)

    def _commit_in_the_middle(self, sent: int, rows: dict[str, int], symbols: list[str]) -> None:
        if sent:
            self._ledger.set_ahead(Ahead(sent, rows, symbols))
        self._commit()

    def _commit(self) -> None:
        start_s = time.perf_counter()
        for key, value in self._ledger.records():
            self._write(key, value)
        if self._counted:
            self._write(BREAKER + self.settings.instance, self._breaker.kept())
        if not self._transactions.age_s:
            return
        self._transactions.commit()
        self._ledger.committed()
        self._counted = False
        self._committed_s = self.clock.now_s()
        self.metrics.committed(time.perf_counter() - start_s)
        self._outcome.count(self._ledger.files)
        self.counts.trades = self._outcome.trades
        self.counts.records = self._outcome.trades + self._outcome.rejected.total()
        for reason, count in self._outcome.rejected.items():
            self.counts.rejected[reason] = count

    def _write(self, key: str | bytes, value: bytes | None) -> None:
        raw = key.encode() if isinstance(key, str) else key
        self._transactions.send_one(positions_topic(self.settings.input), raw, value)

    def _finish(self) -> None:
        """Commit what is left, and how far the topic goes then."""
        self._commit()
        self._write(TOPIC, msgspec.json.encode(look_at_topic(self.settings, wait_s=STARTING_S)))
        self._commit()

    def _abort(self) -> None:
        transactions = getattr(self, "_transactions", None)
        if transactions is not None:
            transactions.abort()
