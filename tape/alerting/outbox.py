"""One channel's queue and thread: sends, waits and tries again, without holding up the others.

An announcement that still waits is replaced by a newer one of the same episode. One that was
acknowledged is written to the topic `alerts` by this thread, before anybody else hears of it.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tape.alerting.illustrating import Fate, Illustrating
from tape.alerting.kept import Sent
from tape.alerting.message import AwayError, Channel, ChannelError, Message, RefusedError
from tape.alerting.parcel import Outcome, Parcel, Record, Result, instead, key_of, told
from tape.alerting.pictures import Pictures
from tape.errors import TapeError
from tape.process.bounded import NoAnswerError, in_time
from tape.process.clock import CLOCK, Clock

log = logging.getLogger(__name__)

BACK_OFF_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Waits after failures in a row; the last one for all further."""

HUNG: Final = 6
"""A send that takes this many times the timeout is given up: a server may send a byte at a time."""

WAITING_MAX: Final = 1_000
"""What waits at most; beyond, the oldest is given up."""


class Outbox:
    """Takes parcels for one channel, in a thread of its own.

    Attributes:
        channel: where they go.
        failing: why the last attempt failed; empty if it did not.
        broken: what ended the thread: the topic could not be written.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        write: Callable[[Record], None],
        done: Callable[[Result], None],
        failed: Callable[[str, ChannelError], None],
        timeout_s: float,
        give_up_s: float,
        pictures: Pictures | None = None,
        shown: Callable[[str, Fate], None] = lambda channel, fate: None,
        clock: Clock = CLOCK,
    ) -> None:
        """Take the parts; `start` begins the work.

        Args:
            channel: where parcels go.
            write: puts a record on the topic `alerts`, and returns when the broker has it.
            done: gets what became of a parcel, in the outbox's thread.
            failed: gets the channel's name and error of each failed attempt.
            timeout_s: the channel's own timeout.
            give_up_s: how long a parcel is tried.
            pictures: draws; None for messages without.
            shown: gets the channel's name and what became of a picture.
            clock: to be set in tests.
        """
        self.channel, self.failing = channel, ""
        self.broken: TapeError | None = None
        self._write, self._done, self._failed = write, done, failed
        self._illustrating = Illustrating(channel, pictures, shown)
        self._hung_s, self._give_up_s, self._clock = HUNG * timeout_s, give_up_s, clock
        self._waiting: OrderedDict[str, Parcel] = OrderedDict()
        self._changed = threading.Condition()
        self._busy = self._stopped = False
        self._epoch, self._asked_s = 0, 0.0
        self._sending: str | None = None
        self._later: dict[str, Sent] = {}
        self._thread = threading.Thread(
            target=self._run, name=f"channel {channel.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def give(self, parcel: Parcel) -> list[Parcel]:
        """Queue a parcel; returns what is dropped for it because too many wait."""
        key, dropped = key_of(parcel.announcement), []
        with self._changed:
            before = self._waiting.pop(key, None)
            self._later.pop(key, None)
            self._waiting[key] = parcel if before is None else instead(parcel, before)
            if before is not None:
                self._waiting.move_to_end(key, last=False)
            while len(self._waiting) > WAITING_MAX:
                dropped.append(self._waiting.popitem(last=False)[1])
            self._changed.notify_all()
        return dropped

    def later(self, record: Sent) -> bool:
        """Write a record when the channel has answered on its episode; False: nothing is asked.

        Before, it would say that people were told what may never be sent.
        """
        key = record.episode_id
        with self._changed:
            if key not in self._waiting and key != self._sending:
                return False
            self._later[key] = record
            return True

    def take_back(self, wait_s: float) -> list[Parcel]:
        """Return what waits, which is then not sent, once what is being sent is done or hangs."""
        until_s = self._clock.now_s() + wait_s
        with self._changed:
            self._epoch += 1
            back = list(self._waiting.values())
            self._waiting.clear()
            self._later.clear()
            while self._busy and (left_s := until_s - self._clock.now_s()) > 0:
                self._changed.wait(min(left_s, 0.1))
        return back

    def stop(self) -> None:
        """End the thread after what is being sent; what waits is not sent."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._waiting) + self._busy

    def _run(self) -> None:
        failures = 0
        while (parcel := self._next()) is not None:
            try:
                result = self._sent(*parcel)
                if result is None:
                    failures += 1
                    self._pause(failures)
                else:
                    failures = 0
                    self._done(result)
            except TapeError as broken:  # said by the main loop, which looks
                self.broken = broken
                return
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
            if result is not None and result.outcome == "sent":
                announcement, source = result.parcel.announcement, result.parcel.source
                self._illustrating.after(announcement, source, has_time=not len(self))

    def _next(self) -> tuple[Parcel, int] | None:
        with self._changed:
            while not self._waiting and not self._stopped:
                self._changed.wait(1.0)
            if self._stopped:
                return None
            self._busy = True
            self._sending, parcel = self._waiting.popitem(last=False)
            return parcel, self._epoch

    def _sent(self, parcel: Parcel, epoch: int) -> Result | None:
        """Send a parcel; None if it is to be tried again, and waits behind the others."""
        name = self.channel.name
        try:
            message_id = self._given(parcel)
        except RefusedError as refused:
            self._failed(name, refused)
            return self._ended(parcel, "refused", str(refused))
        except AwayError as away:
            self._failed(name, away)
            self._note_failing(str(away), away)
            if self._clock.now_s() - parcel.since_s >= self._give_up_s:
                return self._ended(parcel, "given up", f"given up: {away}")
            self._asked_s = away.retry_after_s or 0.0
            if not self._put_back(replace(parcel, source=None), epoch):
                return Result(parcel, "dropped", parcel.announcement.record)
            return None
        self._asked_s = 0.0
        if self.failing:
            log.info("channel is back", extra={"channel": name})
            self.failing = ""
        record = self._kept(parcel, message_id=message_id)
        return Result(parcel, "sent", record)

    def _given(self, parcel: Parcel) -> str | None:
        """Give a message to the channel; without its picture where it is refused with it."""
        announcement = parcel.announcement
        message = self._illustrating.before(parcel.message, announcement, parcel.source)
        try:
            message_id = self._send(message, announcement.once)
        except ChannelError as error:
            if message.picture_png is None:
                raise
            self._illustrating.note("failed")
            if not isinstance(error, RefusedError):
                raise
            return self._send(parcel.message, announcement.once)
        if message.picture_png is not None:
            self._illustrating.note("sent")
        return message_id

    def _send(self, message: Message, once: str) -> str | None:
        return bounded(self._hung_s, lambda: self.channel.send(message, once))

    def _ended(self, parcel: Parcel, outcome: Outcome, why: str) -> Result:
        return Result(parcel, outcome, self._kept(parcel, failed=why), why)

    def _kept(
        self, parcel: Parcel, *, message_id: str | None = None, failed: str | None = None
    ) -> Record:
        """Write what became of a parcel, in the newest record of its episode."""
        key = key_of(parcel.announcement)
        with self._changed:
            self._sending = None
            record: Record = self._later.pop(key, None) or parcel.announcement.record
        record = told(record, message_id=message_id, failed=failed)
        self._write(record)
        return record

    def _note_failing(self, why: str, away: AwayError) -> None:
        if not self.failing:
            facts = {"channel": self.channel.name, "reason": why}
            if away.needs_person:
                log.warning("channel refuses us", extra=facts)
            else:
                log.warning("channel away", extra=facts)
        self.failing = why

    def _put_back(self, parcel: Parcel, epoch: int) -> bool:
        """Let a parcel wait again; False if all that waited was taken back meanwhile."""
        key = key_of(parcel.announcement)
        with self._changed:
            if epoch != self._epoch:
                return False
            self._sending = None
            newer = self._waiting.get(key)
            self._waiting[key] = parcel if newer is None else instead(newer, parcel)
            return True

    def _pause(self, failures: int) -> None:
        """Wait after a failure, for as long as the channel asks or failures in a row teach."""
        wait_s = BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1]
        until_s = self._clock.now_s() + max(wait_s, self._asked_s)
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            while not self._stopped and (left_s := until_s - self._clock.now_s()) > 0:
                self._changed.wait(min(left_s, 1.0))


def bounded(timeout_s: float, call: Callable[[], str | None]) -> str | None:
    """Return what a call returns or raise what it raises; `AwayError` if it takes too long.

    Its thread is left behind then: a client's own timeout is one of silence, and a server may
    answer a byte at a time for ever.
    """
    try:
        return in_time(timeout_s, call)
    except NoAnswerError as late:
        raise AwayError(str(late)) from None
