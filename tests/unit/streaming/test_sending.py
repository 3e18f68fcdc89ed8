"""The producer's sending without a broker: its topics lie in memory, its clock is set.

What a broker does to it is the subject of `tests/pipeline` and `tests/faults`.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tape.archives import find_archives
from tape.feeds.pace import NAP_S, TICK_S
from tape.model.counts import Counts
from tape.model.trade import Trade, decode
from tape.process.metrics import Metrics
from tape.settings.load import load
from tape.settings.producer import ProducerSettings
from tape.streaming import producer_books
from tape.streaming.outcome import Outcome
from tape.streaming.positions import Book, TopicMark
from tape.streaming.sending import PACED_COMMIT_S, Sender
from tape.streaming.transactions import TransactionLostError
from tape.synthetic import make_day, write_day
from tape.testing import MemoryTopic, SettableClock

TRADES = 1_500
SPEED = 100
Sent = tuple[str, bytes | None, bytes | None]


@dataclass
class Broker:
    """Topics of committed records, and what is done to the transactions that write to them."""

    clock: SettableClock = field(default_factory=SettableClock)
    topics: dict[str, MemoryTopic] = field(default_factory=lambda: defaultdict(MemoryTopic))
    visible_s: list[float] = field(default_factory=list)
    loses: set[int] = field(default_factory=set)
    tried: int = 0

    def stocks(self) -> list[bytes | None]:
        return [record.value for record in self.topics["stocks"].records()]

    def book(self) -> Book:
        book = Book()
        for key, value in self.topics["stocks-positions"].newest().items():
            book.note(key.decode(), value)
        return book


class MemoryTransactions:
    """`Transactions` on such a broker: all of one is visible, or nothing."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.open: list[Sent] = []
        self.began_s: float | None = None

    @property
    def age_s(self) -> float:
        return 0.0 if self.began_s is None else self.broker.clock.now_s() - self.began_s + 1e-9

    def begin(self) -> None:
        if self.began_s is None:
            self.began_s = self.broker.clock.now_s()

    def send(self, topic: str, keys: list[bytes], values: list[bytes]) -> None:
        self.begin()
        self.open += [(topic, key, value) for key, value in zip(keys, values, strict=True)]

    def send_one(
        self, topic: str, key: bytes | None, value: bytes | None, headers: object = None
    ) -> None:
        self.begin()
        self.open.append((topic, key, value))

    def commit(self) -> None:
        if self.began_s is None:
            return
        self.broker.tried += 1
        if self.broker.tried in self.broker.loses:
            raise TransactionLostError("the broker has ended it for its age")
        for topic, key, value in self.open:
            self.broker.topics[topic].send(key, value)
            if topic == "stocks":
                self.broker.visible_s.append(self.broker.clock.now_s())
        self.abort()

    def abort(self) -> None:
        self.open, self.began_s = [], None


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(producer_books, "Transactions", lambda *_: MemoryTransactions(made))
    monkeypatch.setattr(producer_books, "read_positions", lambda *_: made.book())
    monkeypatch.setattr(producer_books, "look_at_topic", lambda *_, **__: TopicMark("id", {}))
    monkeypatch.setattr(producer_books, "old_positions", lambda *_: {})
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("days")
    write_day(make_day(seed=4, trades=TRADES), path)
    return path


def send(
    broker: Broker, folder: Path, *, speed: float = 0, running: Callable[[], bool] = lambda: True
) -> Outcome:
    changes = {"data_dir": folder, "replay_speed": speed, "instance": "unit"}
    settings = load(ProducerSettings).model_copy(update=changes)
    counts = Counts()
    metrics = Metrics("producer", counts, broker.clock)
    return Sender(
        settings, find_archives(folder), counts, metrics, running, clock=broker.clock
    ).send()


def times_ns(broker: Broker) -> list[int]:
    trades = [decode(value) for value in broker.stocks()]
    return [trade.ts_event_ns for trade in trades if isinstance(trade, Trade)]


def test_a_folder_is_sent_once_however_often_it_is_started(broker: Broker, folder: Path) -> None:
    outcome = send(broker, folder)
    assert (outcome.trades, outcome.sentence()) == (TRADES, None)
    first = broker.stocks()
    assert len(first) == len(set(first)) == TRADES
    assert send(broker, folder).trades == 0
    assert broker.stocks() == first


@pytest.mark.parametrize("calls", [3, 10, 60])
def test_a_producer_that_is_stopped_again_and_again_sends_each_trade_once_in_order(
    calls: int, broker: Broker, folder: Path
) -> None:
    asked = 0

    def running() -> bool:
        nonlocal asked
        asked += 1
        return asked % calls != 0

    starts = 0
    while len(broker.stocks()) < TRADES:
        send(broker, folder, speed=20_000, running=running)
        starts += 1
        assert starts < 500, "it comes no further"
    assert starts > 2, "it was stopped in the middle"
    assert len(set(broker.stocks())) == TRADES
    times = times_ns(broker)
    assert times == sorted(times)
    assert send(broker, folder).trades == 0


def test_a_transaction_that_is_lost_is_sent_again_from_the_last_commit(
    broker: Broker, folder: Path
) -> None:
    broker.loses = {4, 5, 9}
    outcome = send(broker, folder, speed=10_000)
    assert broker.tried > 10, "some were lost in the middle"
    assert outcome.trades == TRADES
    assert len(broker.stocks()) == len(set(broker.stocks())) == TRADES


def test_at_the_speed_of_the_tape_a_trade_is_visible_soon_after_it_is_due(
    broker: Broker, folder: Path
) -> None:
    start_s = broker.clock.now_s()
    send(broker, folder, speed=SPEED)
    times = times_ns(broker)
    due_s = [start_s + (time_ns - times[0]) / (1e9 * SPEED) for time_ns in times]
    behind_s = [at_s - due for at_s, due in zip(broker.visible_s, due_s, strict=True)]
    assert min(behind_s) >= -TICK_S
    assert max(behind_s) <= PACED_COMMIT_S + NAP_S + TICK_S
