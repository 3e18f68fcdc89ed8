"""What a producer writes and when it becomes visible: trades, positions, the breaker's count.

All of it goes through one open transaction, so that no start finds a part of it.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tape.feeds.feed import FeedBatch
from tape.model.counts import Counts
from tape.process.clock import Clock
from tape.process.metrics import Metrics
from tape.settings.producer import ProducerSettings
from tape.streaming.breaker import Breaker
from tape.streaming.feed_breaker import counted_by
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
from tape.streaming.transactions import Transactions

log = logging.getLogger(__name__)

TAKEN_S: Final = 1.0
"""By then a run that has taken the name has said so."""


@dataclass(slots=True)
class ProducerBooks:
    """The open transaction of a producer, and the books that are kept in it.

    Attributes:
        ledger: how far each file is.
        breaker: what was rejected of the last records.
        committed_s: when something was last committed, by the clock.
    """

    settings: ProducerSettings
    counts: Counts
    metrics: Metrics
    outcome: Outcome
    clock: Clock
    ledger: Ledger = field(init=False)
    breaker: Breaker = field(init=False)
    transactions: Transactions = field(init=False)
    committed_s: float = field(init=False)
    _run: Run = field(default_factory=lambda: Run(at=now_text()))
    _counted: bool = False

    def __post_init__(self) -> None:
        self.committed_s = self.clock.now_s()

    def rows(self, sha256: str) -> int:
        """Return how many rows of a file lie behind."""
        position = self.ledger.files.get(sha256)
        return 0 if position is None else position.rows

    def count(self, batch: FeedBatch) -> None:
        """Count a batch that was sent."""
        self.breaker, self._counted = counted_by(self.breaker, batch, self.rows).breaker, True

    def open(self, *, fenced: bool, first: bool) -> None:
        """Take the name, and begin where the last committed transaction ends."""
        client, topic = self.settings.client_config(), positions_topic(self.settings.input)
        if fenced:  # by another run, or by the broker because the transaction was too old
            self.clock.sleep(TAKEN_S)
            end_if_replaced(self.settings, read_positions(client, topic), self._run)
        self.transactions = Transactions(client, transactional_id(self.settings), self.clock)
        self._write(INSTANCE + self.settings.instance, msgspec.json.encode(self._run))
        self.transactions.commit()
        book = read_positions(client, topic)
        mark = look_at_topic(self.settings, wait_s=STARTING_S)
        refuse_if_made_anew(self.settings, book, mark)
        if book.mark is None and not book.files:  # this version was never here
            book.files = old_positions(client, self.settings.input)
            self._take_over(book.files)
        self.ledger = Ledger(book, instance=self.settings.instance)
        limits = self.settings.rejected_share_max, self.settings.rejected_run_max
        self.breaker = Breaker(*limits, book.breakers.get(self.settings.instance))
        self._counted = False
        if first:
            self.outcome.begin(book.files)
        self._write(TOPIC, msgspec.json.encode(mark))
        self.commit()

    def _take_over(self, old: dict[str, Position]) -> None:
        """Write the positions that an earlier version kept."""
        for sha256, position in old.items():
            self._write(FILE + sha256, msgspec.json.encode(position))
        if old:
            log.info("positions of an earlier version taken over", extra={"files": len(old)})

    def commit_in_the_middle(self, sent: int, rows: dict[str, int], symbols: list[str]) -> None:
        """Commit with the first `sent` messages of a batch; `rows` lay behind before it."""
        if sent:
            self.ledger.set_ahead(Ahead(sent, rows, symbols))
        self.commit()

    def commit(self) -> None:
        """Make visible what was written, with the positions and the breaker's count."""
        start_s = time.perf_counter()
        for key, value in self.ledger.records():
            self._write(key, value)
        if self._counted:
            self._write(BREAKER + self.settings.instance, self.breaker.kept())
        if not self.transactions.age_s:
            return
        self.transactions.commit()
        self.ledger.committed()
        self._counted = False
        self.committed_s = self.clock.now_s()
        self.metrics.committed(time.perf_counter() - start_s)
        self.outcome.count(self.ledger.files)
        self.counts.trades = self.outcome.trades
        self.counts.records = self.outcome.trades + self.outcome.rejected.total()
        for reason, count in self.outcome.rejected.items():
            self.counts.rejected[reason] = count

    def _write(self, key: str | bytes, value: bytes | None) -> None:
        raw = key.encode() if isinstance(key, str) else key
        self.transactions.send_one(positions_topic(self.settings.input), raw, value)

    def finish(self) -> None:
        """Commit what is left, and how far the topic goes then."""
        self.commit()
        self._write(TOPIC, msgspec.json.encode(look_at_topic(self.settings, wait_s=STARTING_S)))
        self.commit()

    def abort(self) -> None:
        """Drop what was not committed."""
        transactions = getattr(self, "transactions", None)  # none yet: it could not be opened
        if transactions is not None:
            transactions.abort()
