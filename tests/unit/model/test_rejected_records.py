"""Records on `rejected` as anyone might write them, and sending more than the client holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.errors import BrokerLostError
from tape.kafka.rejected_topic import described, send_back
from tape.model.rejected import DETAIL_MAX, Rejected
from tape.process.terminal_text import printable


@pytest.mark.parametrize("size", [b"many", b"-1", b"", b"9" * 5_000, "٣".encode(), b"\xff", None])
def test_a_size_that_is_no_number_is_replaced_by_that_of_the_value(size: bytes | None) -> None:
    assert described(None, b"four", [("size", size)]).size == 4


def test_headers_without_a_value_and_values_without_headers_are_read() -> None:
    names = ("reason", "detail", "source", "app", "size", "sha256")
    record = described(None, None, [(name, None) for name in names])
    assert (record.value, record.reason, record.size) == (b"", "", 0)
    assert described(None, b"x", []).reason == "unknown"
    assert not described(None, b"x", []).can_be_retried


@pytest.mark.parametrize("name", ["reason", "detail", "source", "app", "sha256"])
def test_headers_cannot_steer_a_terminal(name: str) -> None:
    hostile = "day\x1b]0;owned\x07\x9b2J\r\n\u202e.csv"
    text = getattr(described(None, b"", [(name, hostile.encode())]), name)
    assert text == r"day\x1b]0;owned\x07\x9b2J\r\n\u202e.csv"


def test_plain_text_stays_as_it_is() -> None:
    assert printable("stocks[3]@42 über 🚀") == "stocks[3]@42 über 🚀"


def test_more_records_than_the_client_holds_end_in_a_sentence_if_nobody_takes_them() -> None:
    nobody = {
        "bootstrap.servers": "127.0.0.1:1",
        "queue.buffering.max.messages": "10",
        "message.timeout.ms": "500",
    }
    with pytest.raises(BrokerLostError, match="not all records reached stocks"):
        send_back(nobody, "stocks", [(None, b"x")] * 25)


@given(st.text(max_size=400))
def test_no_detail_is_longer_than_a_header_may_be(text: str) -> None:
    detail = Rejected("row_columns", text).detail
    assert len(detail) <= DETAIL_MAX
    assert detail == text if len(text) <= DETAIL_MAX else text.startswith(detail[:-1])
