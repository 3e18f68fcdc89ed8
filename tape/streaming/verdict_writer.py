"""Writes what a judged batch has to say: each flagged trade, and how its episodes stand."""

from collections.abc import Iterator

from tape.judging.episodes import last_of_each
from tape.judging.judge import Judged
from tape.kafka.headers import provenance
from tape.streaming.adapter import OpenTransaction, Record
from tape.streaming.message_batch import MessageBatch


class VerdictWriter:
    """Writes to `anomalies` and `episodes` in the open transaction.

    Of the states that an episode had in a batch the last one is written: a reader sees the
    transaction at once, the topic is compacted, and they are nine in ten of all records.
    """

    def __init__(self, transaction: OpenTransaction, anomalies: str, episodes: str) -> None:
        self._transaction, self._anomalies, self._episodes = transaction, anomalies, episodes

    def write(self, batch: MessageBatch, judged: Judged) -> None:
        """Write what came of a batch."""
        if judged.flagged or judged.episodes:
            self._transaction.write(self._records(batch, judged))

    def _records(self, batch: MessageBatch, judged: Judged) -> Iterator[Record]:
        messages, partition = batch.messages, batch.partition
        # With a Kafka timestamp of now: by its sender's, the broker might delete it at once.
        for one in judged.flagged:
            headers = provenance(partition, messages[one.position].offset(), one.ts_event_ns)
            yield self._anomalies, one.symbol.encode(), one.value, headers
        for step in last_of_each(judged.episodes):
            headers = provenance(partition, messages[step.position].offset(), step.ts_event_ns)
            yield self._episodes, step.episode_id.encode(), step.value, headers
