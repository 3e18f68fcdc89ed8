"""A producer whose records become visible together: all of a transaction, or none of it."""

from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from tape.errors import BrokerError, BrokerLostError
from tape.kafka import clients
from tape.kafka.errors import LARGE, refuse_if_forbidden
from tape.kafka.specs import BATCH_BYTES, TopicSpec
from tape.kafka.topics import too_small_topics
from tape.process.clock import CLOCK, Clock

TRANSACTION_TIMEOUT_MS: Final = 30_000
"""Longest that a killed producer blocks `read_committed` readers, if it is not started again."""

WAIT_S: Final = 60.0
"""Longest without an acknowledgement before the producer ends, to be started again."""

COMPRESSION_LEVEL: Final = 1
"""Of zstd: by its default, 3, trades take 24.7 bytes each in place of 23.4, and 0.1 to 0.6 µs more
of CPU."""

REPORTED_S: Final = 0.1
"""By then the client has said which record was refused, when it refuses the next ones for it."""

FENCED: Final = frozenset(
    {
        KafkaError._FATAL,  # what any call answers after such an error
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
    }
)
UNKNOWN: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})


class TransactionLostError(Exception):
    """The open transaction cannot be committed; a new producer begins behind the last commit.

    `fenced`: the broker has given its name to another, or has ended it for its age.
    """

    def __init__(self, why: str, *, fenced: bool = False) -> None:
        super().__init__(why)
        self.fenced = fenced

    def plainly(self, address: str) -> BrokerLostError:
        """Return it as the end of what does not try again."""
        return BrokerLostError(
            f"the broker at {address} dropped the transaction ({self}), nothing of it was written",
            "try again",
        )


class Transactions:
    """Sends records in transactions by one name, which ends what an earlier run left open."""

    def __init__(self, client_config: dict[str, str], name: str, clock: Clock = CLOCK) -> None:
        """Take the name; raises `BrokerError` if the broker refuses it."""
        self._client_config, self._clock = client_config, clock
        self._address = client_config["bootstrap.servers"]
        self._refused: list[tuple[KafkaError, str]] = []
        self._began_s: float | None = None
        own = {
            "transactional.id": name,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "linger.ms": 20,
            "batch.size": BATCH_BYTES,
            "compression.type": "zstd",
            "compression.level": COMPRESSION_LEVEL,
            "queue.buffering.max.messages": 200_000,
            "delivery.report.only.error": True,
        }
        self._producer = clients.producer(
            client_config,
            own,
            on_error=lambda error: None,  # what is fatal comes with the next call
            on_delivery=self._not_delivered,
        )
        self._try(self._producer.init_transactions)

    @property
    def age_s(self) -> float:
        """Return for how long a transaction has been open; 0 if none is."""
        return 0.0 if self._began_s is None else self._clock.now_s() - self._began_s

    def send(self, topic: str, keys: list[bytes], values: list[bytes]) -> None:
        """Send messages in the open transaction, or begin one."""
        self.begin()
        produce = self._producer.produce
        try:
            for key, value in zip(keys, values, strict=True):
                try:
                    produce(topic, value, key)
                except BufferError:  # back-pressure: the broker takes it more slowly than we read
                    self._wait_for_room()
                    produce(topic, value, key)
            self._poll(0)
        except KafkaException as error:
            raise self._why(error) from error
        self._raise_refused()

    def send_one(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, Any]] | None = None,
    ) -> None:
        """Send one record in the open transaction, or begin one."""
        self.begin()
        try:
            try:
                self._producer.produce(topic, value, key, headers=headers or [])
            except BufferError:
                self._wait_for_room()
                self._producer.produce(topic, value, key, headers=headers or [])
        except KafkaException as error:
            if error.args[0].code() == LARGE:  # of positions: they name files and SYMBOLS
                raise BrokerError(
                    f"a record of {len(value or b''):,} bytes for {topic} is larger than "
                    f"{BATCH_BYTES:,}, the most that is sent",
                    "send fewer files at a time, or with fewer SYMBOLS",
                ) from error
            raise self._why(error) from error

    def begin(self) -> None:
        """Begin a transaction if none is open."""
        if self._began_s is None:
            self._try(lambda _: self._producer.begin_transaction())
            self._began_s = self._clock.now_s()

    def flush(self) -> None:
        """Return when everything sent was acknowledged."""
        deadline_s = self._clock.now_s() + WAIT_S
        while self._left_after(0.5):
            self._raise_refused()
            if self._clock.now_s() > deadline_s:
                raise self._gone()
        self._raise_refused()

    def commit(self) -> None:
        """Make visible what was sent since the transaction began.

        Raises `TransactionLostError` if nothing of it will ever be visible.
        """
        if self._began_s is None:
            return
        self.flush()
        self._try(self._producer.commit_transaction)
        self._began_s = None

    def abort(self) -> None:
        """Drop what was sent since the transaction began, if the broker still answers."""
        if self._began_s is None:
            return
        self._began_s = None
        try:
            self._producer.purge()
            self._producer.abort_transaction(5.0)
        except KafkaException:  # the next run by this name ends it, or the broker, by its age
            return

    def _try(self, call: Any) -> None:
        """Call what may be called again while the broker does not answer."""
        deadline_s = self._clock.now_s() + WAIT_S
        while True:
            try:
                call(min(10.0, WAIT_S))
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise self._meaning(error) from error
                if self._clock.now_s() > deadline_s:
                    raise self._gone() from error
            else:
                return
            self._poll(0.2)

    def _poll(self, timeout_s: float) -> None:
        """Serve the client's answers; it raises here what has ended it."""
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:
            raise self._meaning(error) from error

    def _left_after(self, timeout_s: float) -> int:
        """Return how many messages are not acknowledged after a while."""
        try:
            return int(self._producer.flush(timeout_s))
        except KafkaException as error:
            raise self._meaning(error) from error

    def _wait_for_room(self) -> None:
        full = len(self._producer)
        deadline_s = self._clock.now_s() + WAIT_S
        while len(self._producer) > full // 2:
            self._poll(0.05)
            self._raise_refused()
            if self._clock.now_s() > deadline_s:
                raise self._gone()

    def _not_delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append((error, message.topic()))

    def _raise_refused(self) -> None:
        if not self._refused:
            return
        refused, self._refused = self._refused, []
        for error, topic in refused:  # the first that says more than "the transaction failed"
            refuse_if_forbidden(KafkaException(error), self._address)
            if error.code() == LARGE:
                spec = TopicSpec(topic, 0, any_number=True, largest_bytes=BATCH_BYTES)
                raise too_small_topics(self._client_config, [spec])
            if error.code() in UNKNOWN:
                raise BrokerError(
                    f"the topic {topic} has been deleted on the broker",
                    "make it again with `tape topics create`, or correct the settings input and "
                    "rejected",
                )
        raise self._meaning(KafkaException(refused[0][0]))

    def _why(self, error: KafkaException) -> Exception:
        """Return what an error means that may only follow from what the broker refused before."""
        with suppress(KafkaException):  # it is said already
            self._producer.poll(REPORTED_S)
        self._raise_refused()
        return self._meaning(error)

    def _meaning(self, error: KafkaException) -> Exception:
        """Return what an error of the client means to the run."""
        kafka = error.args[0]
        refuse_if_forbidden(error, self._address)
        fenced = kafka.code() in FENCED or kafka.fatal()
        if fenced or kafka.txn_requires_abort() or kafka.code() in _ENDED:
            self._began_s = None if fenced else self._began_s
            return TransactionLostError(kafka.str(), fenced=fenced)
        return BrokerLostError(
            f"the broker at {self._address} failed the producer ({kafka.str()})",
            "start it again, it continues after the last transaction",
        )

    def _gone(self) -> BrokerLostError:
        return BrokerLostError(
            f"the broker at {self._address} took no message for {WAIT_S:.0f} s",
            "start the producer again when it is back, it continues after the last transaction",
        )


_ENDED: Final = frozenset(
    {
        KafkaError._MSG_TIMED_OUT,
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._STATE,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.UNKNOWN_PRODUCER_ID,
        KafkaError.INVALID_TXN_STATE,
    }
)
"""Errors after which a transaction is lost, and the next one may well be none."""
