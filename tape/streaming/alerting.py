"""The alerter's work on Quix Streams: decides on what comes, and keeps what channels answer."""

import logging
import queue
from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import Message

from tape.alerting.decider import Decider
from tape.alerting.decision import Announcement, Withheld
from tape.alerting.kept import Record, Sent, decode_record, encode_record, key_of
from tape.alerting.message import Channel, ChannelError
from tape.alerting.outbox import Outbox
from tape.alerting.parcel import Parcel, Result, told
from tape.alerting.pictures import Pictures, Source
from tape.alerting.rendering import rendered
from tape.alerting.underway import Place, Underway
from tape.kafka.headers import headers_of, source_of
from tape.kafka.kept_topic import KeptTopic
from tape.model.episode import decode_episode
from tape.model.rejected import Rejected
from tape.process.alert_metrics import AlertMetrics
from tape.process.clock import CLOCK, Clock, wall_ns
from tape.process.logs import RejectedLog
from tape.settings.alerter import AlerterSettings
from tape.streaming.message_batch import MessageBatch

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
"""How often it is looked for digests, and for what can be committed by now."""

LEAVE_S: Final = 12.0
"""How long what is being sent may take when partitions go, or the app ends."""

FIRST: Final = 0
"""Who has this partition sends the digests: all instances know of all that waits for one."""


class Alerting:
    """Takes states of episodes, gives channels what is to be told, and notes what they took.

    Attributes:
        metrics: of the app.
        given_up: how many messages a channel never took.
    """

    def __init__(
        self,
        settings: AlerterSettings,
        channels: list[Channel],
        decider: Decider,
        topic: KeptTopic,
        *,
        pictures: Pictures | None = None,
        clock: Clock = CLOCK,
        now_ns: Callable[[], int] = wall_ns,
    ) -> None:
        self._pictures = pictures
        self._settings, self._decider, self._topic = settings, decider, topic
        self._clock, self._now_ns = clock, now_ns
        self.metrics = AlertMetrics([one.name for one in channels], clock)
        self.given_up = 0
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._underway = Underway()
        self._outboxes = {one.name: self._outbox(one) for one in channels}
        self._rejected_log = RejectedLog(clock)
        self._mine: set[int] = set()
        self._behind = True
        self._tick_s = self._busy_s = clock.now_s()
        self.commit: Callable[[Mapping[int, int]], None] = lambda ends: None
        self.stop: Callable[[], None] = lambda: None

    def _outbox(self, channel: Channel) -> Outbox:
        box = Outbox(
            channel,
            write=self._write,
            done=self._results.put,
            failed=self._note_failure,
            timeout_s=self._settings.alert_timeout_s,
            give_up_s=self._settings.alert_give_up_s,
            pictures=self._pictures,
            shown=self.metrics.picture,
            clock=self._clock,
        )
        self.metrics.watch(channel.name, lambda: len(box))
        return box

    def start(self) -> None:
        """Take up what topic `alerts` has, and begin to send."""
        self._catch_up()
        for box in self._outboxes.values():
            box.start()

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Note that a partition came: what its last owner sent is heard before it is read."""
        del topic, offset
        self._mine.add(partition)
        self._behind = True
        self._busy_s = self._clock.now_s()

    def take(self, batch: MessageBatch) -> None:
        """Decide on the states of a batch, each for each channel."""
        if self._behind:
            self._catch_up()
        for message in batch.messages:
            self._decide((batch.partition, message.offset()), message)
        self._underway.took(batch.partition, batch.end)
        if batch.messages:
            self._busy_s = self._clock.now_s()

    def _decide(self, place: Place, message: Message) -> None:
        value, written = message.value(), message.timestamp()
        if value is None:
            return  # a tombstone: somebody deleted the episode
        episode = decode_episode(value)
        if isinstance(episode, Rejected):
            self.metrics.unreadable()
            self._rejected_log.note(episode, f"{self._settings.episodes}[{place[0]}]@{place[1]}")
            return
        written_ns = written[1] * 1_000_000 if written[1] > 0 else None
        source = None if self._pictures is None else source_of(dict(headers_of(message)))
        for decision in self._decider.take(episode, self._now_ns(), written_ns):
            if isinstance(decision, Withheld):
                self.metrics.withheld(decision.reason)
                if decision.record is not None:
                    self._keep(decision.record)
            else:
                self._give(decision, (place,), source)

    def _give(
        self, announcement: Announcement, places: tuple[Place, ...], source: Source | None = None
    ) -> None:
        message = rendered(announcement, self._settings.page_url)
        for place in places:
            self._underway.began(place)
        parcel = Parcel(announcement, message, places, self._clock.now_s(), source=source)
        for dropped in self._outboxes[announcement.channel].give(parcel):
            why = "given up: too many waited"
            record = told(dropped.announcement.record, failed=why)
            self._write(record)
            self._results.put(Result(dropped, "given up", record, why))

    def _keep(self, record: Sent) -> None:
        """Put a record of something withheld on the topic, after what is asked of its channel."""
        if not self._outboxes[record.channel].later(record):
            self._topic.put(key_of(record), encode_record(record))

    def _drop(self, parcel: Parcel) -> None:
        """Let what is not sent be decided on again."""
        for one in (parcel.announcement, *parcel.replaced):
            self._decider.dropped(one)

    def polled(self) -> None:
        """Hear what channels and other instances did; called whenever the loop comes round."""
        self.metrics.alive()
        self._hear_results()
        for box in self._outboxes.values():
            if box.broken is not None:
                raise box.broken
        if self._clock.now_s() < self._tick_s:
            return
        self._tick_s = self._clock.now_s() + TICK_S
        self._hear(self._topic.news())
        if FIRST in self._mine and not self._behind:
            for digest in self._decider.due(self._now_ns()):
                self._give(digest, ())
        self.commit(self._underway.ends())
        self.metrics.committed()
        self._stop_if_idle()

    def safe(self, partition: int, offset: int) -> int:
        """Return up to where may be committed."""
        return self._underway.safe(partition, offset)

    def settle(self) -> None:
        """Return when topic `alerts` has all that was put there: before each commit."""
        self._topic.settle()

    def leave(self) -> None:
        """End what is being sent, and let go of what waits: partitions go to others."""
        for box in self._outboxes.values():
            for parcel in box.take_back(LEAVE_S):
                self._drop(parcel)
        self._hear_results()

    def gone(self) -> None:
        """Forget the partitions: they have gone."""
        self._underway.forget()
        self._mine.clear()

    def close(self) -> None:
        """End the channels' threads, and leave the topic."""
        for box in self._outboxes.values():
            box.stop()
        self._topic.close()

    def _catch_up(self) -> None:
        self._hear(self._topic.catch_up())
        self._behind = False

    def _hear(self, records: list[tuple[bytes | None, bytes | None]]) -> None:
        for _, value in records:
            if value is None:
                continue
            record = decode_record(value)
            if isinstance(record, Rejected):
                self._rejected_log.note(record, self._settings.alerts)
            else:
                self._decider.heard(record)

    def _hear_results(self) -> None:
        while True:
            try:
                result = self._results.get_nowait()
            except queue.Empty:
                return
            self._note(result)

    def _note(self, result: Result) -> None:
        announcement = result.parcel.announcement
        if result.outcome == "dropped":
            self._drop(result.parcel)
            return
        self._decider.heard(result.record)
        for place in result.parcel.places:
            self._underway.ended(place)
        if result.outcome == "sent":
            self.metrics.sent(announcement.channel, announcement.kind)
            return
        self.given_up += 1
        self.metrics.given_up(announcement.channel)
        facts = {"channel": announcement.channel, "kind": announcement.kind, "reason": result.why}
        log.error("alert given up", extra={**facts, "alert": announcement.once})

    def _note_failure(self, channel: str, error: ChannelError) -> None:
        del error  # said by the outbox, once per outage
        self.metrics.failed(channel)

    def _write(self, record: Record) -> None:
        self._topic.write(key_of(record), encode_record(record))

    def _stop_if_idle(self) -> None:
        limit_s = self._settings.stop_when_idle_s
        busy = len(self._underway) or any(map(len, self._outboxes.values()))
        if busy:
            self._busy_s = self._clock.now_s()
        elif limit_s and self._mine and self._clock.now_s() - self._busy_s >= limit_s:
            self.stop()
