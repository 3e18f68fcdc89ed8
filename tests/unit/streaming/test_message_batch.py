"""Errors among messages are found and told, whatever the client makes of a comparison."""

from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import KafkaError

from tape.errors import StateError
from tape.streaming import message_batch
from tape.streaming.message_batch import good_messages


@dataclass
class Received:
    """The client lets nobody make a message: its parts, with a real error of the client."""

    failed: KafkaError | None

    def error(self) -> KafkaError | None:
        return self.failed

    def topic(self) -> str:
        return "stocks"

    def partition(self) -> int:
        return 1


def test_records_that_were_deleted_are_told_at_the_first_error_of_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Compared with None, an error of the client ended the detector with a traceback."""
    monkeypatch.setattr(message_batch, "Message", Received)
    gone = KafkaError(KafkaError._AUTO_OFFSET_RESET, "offset out of range")
    received: list[Any] = [Received(None), Received(gone)]
    with pytest.raises(StateError, match=r"^records of stocks\[1\] were deleted before they"):
        good_messages(received)
    fine: list[Any] = [Received(None)] * 3
    assert good_messages(fine) == fine
