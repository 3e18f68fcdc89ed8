"""What feeds the live view: threads that read the topics and look at the group."""

import queue
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from tape.errors import BrokerError
from tape.kafka.follower import Follower
from tape.kafka.group import GroupWatcher, Look
from tape.kafka.growing import Record
from tape.model.rejected import Rejected
from tape.process.terminal_text import printable
from tape.settings.detector import DetectorSettings
from tape.view.alert import Seen, seen
from tape.view.event import State, state_of

LOOK_EVERY_S: Final = 1.0
WAITING_MAX: Final = 50
"""Batches that wait for the screen; then reading waits too, and memory stays small."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A batch of what came, oldest first; `is_new` is False for what was there before."""

    anomalies: list[Seen] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    unreadable: int = 0
    rejected: int = 0
    rejected_reason: str = ""
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing comes at the moment; empty when it is over."""

    text: str


News = Arrived | Look | Trouble


class Live:
    """Two daemon threads that put news into a queue until `end()`."""

    def __init__(self, settings: DetectorSettings, follower: Follower) -> None:
        self.news: queue.Queue[News] = queue.Queue(WAITING_MAX)
        self._settings, self._follower = settings, follower
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._follow, self._look)
        ]

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop reading; waits a moment for the threads, which are daemons."""
        self._over.set()
        for thread in self._threads:
            thread.join(1.0)

    def _follow(self) -> None:
        with self._follower as follower:
            self._put(self._arrived(follower.before(), is_new=False))
            trouble = ""
            while not self._over.is_set():
                records = follower.records()
                if records:  # of several partitions, each in its own order
                    records.sort(key=lambda record: record.at_ms)
                    self._put(self._arrived(records, is_new=True))
                if follower.trouble != trouble:
                    trouble = follower.trouble
                    self._put(Trouble(printable(trouble)))

    def _look(self) -> None:
        settings, failed = self._settings, False
        client = settings.client_config()
        with closing(GroupWatcher(client, settings.consumer_group, settings.input)) as watcher:
            while not self._over.wait(LOOK_EVERY_S):
                try:
                    look = watcher.look()
                except BrokerError as error:
                    failed = True
                    self._put(Trouble(printable(error.cause)))
                    continue
                if failed:
                    failed = False
                    self._put(Trouble(""))
                self._put(look)

    def _arrived(self, records: Iterable[Record], *, is_new: bool) -> Arrived:
        found: list[Seen] = []
        states: list[State] = []
        unreadable = 0
        reasons: Counter[str] = Counter()
        last = ""
        for record in records:
            if record.topic == self._settings.rejected:
                last = printable(record.reason or "unknown")
                reasons[last] += 1
                continue
            is_state = record.topic == self._settings.episodes
            one = state_of(record.value) if is_state else seen(record.value, record.source)
            if isinstance(one, Rejected):
                unreadable += 1
            elif isinstance(one, State):
                states.append(one)
            else:
                found.append(one)
        if not is_new:  # in whichever order partitions were read
            found.sort(key=lambda one: one.time)
            states.sort(key=lambda one: one.time)
        return Arrived(found, states, unreadable, reasons.total(), last, is_new)

    def _put(self, news: News) -> None:
        while not self._over.is_set():
            try:
                return self.news.put(news, timeout=0.2)
            except queue.Full:  # the screen is slower: reading waits for it
                continue
