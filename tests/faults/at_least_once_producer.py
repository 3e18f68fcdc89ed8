"""The producer without transactions: the control that must repeat rows when it is killed."""

import sys

import confluent_kafka

from tape.process.clock import CLOCK, Clock
from tape.process.exit import run_main
from tape.streaming import producer_books
from tape.streaming.transactions import WAIT_S, Transactions


class Untied(Transactions):
    """The same records in the same order by an idempotent producer, visible at once."""

    def __init__(self, client_config: dict[str, str], name: str, clock: Clock = CLOCK) -> None:
        self._address, self._clock = client_config["bootstrap.servers"], clock
        self._refused = []
        self._began_s = None
        self._producer = confluent_kafka.Producer(
            {**client_config, "enable.idempotence": True, "partitioner": "murmur2", "linger.ms": 20}
        )

    def begin(self) -> None:
        if self._began_s is None:
            self._began_s = self._clock.now_s()

    def commit(self) -> None:
        assert self._producer.flush(WAIT_S) == 0
        self._began_s = None

    def abort(self) -> None:
        self._began_s = None


producer_books.Transactions = Untied  # type: ignore

from producer.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(run_main(main))
