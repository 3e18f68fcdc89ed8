import json

import pytest

from tape.alerting.kept import (
    Digested,
    Held,
    Mute,
    Record,
    Sent,
    Told,
    Trial,
    decode_record,
    encode_record,
    key_of,
)
from tape.model.rejected import Rejected

AT = "2025-05-05T14:30:00.000000000Z"
SENT = Sent(
    episode_id="NVDA-2-1-1",
    channel="slack",
    symbol="NVDA",
    rule="default",
    step=4,
    state="extended",
    at=AT,
    ts_event=AT,
    priority=7.5,
    severity=None,
    mark=None,
    text="2 flagged trades at 1.00.",
    told=Told("new", "default", 2, 7.5, None, AT, (AT,), "17.3"),
    held=Held("muted", "m-1", None),
    withheld={"muted m-1": 3},
)
RECORDS: list[tuple[Record, bytes]] = [
    (SENT, b"NVDA-2-1-1|slack"),
    (Digested("slack", AT, 12, "17.4"), b"digest|slack"),
    (Mute("m-1", ("NVDA",), AT, AT, "split"), b"mute|m-1"),
    (Trial("mail", AT), b"test|mail"),
]


@pytest.mark.parametrize(("record", "key"), RECORDS, ids=lambda one: type(one).__name__)
def test_a_record_survives_the_topic_under_its_key(record: Record, key: bytes) -> None:
    assert decode_record(encode_record(record)) == record
    assert key_of(record) == key


def test_a_record_says_its_kind_and_version() -> None:
    found = json.loads(encode_record(SENT))
    assert (found["record"], found["version"]) == ("episode", 1)


def test_a_record_of_a_later_version_is_read_for_what_is_known() -> None:
    later = json.loads(encode_record(SENT)) | {"version": 2, "colour": "red"}
    found = decode_record(json.dumps(later).encode())
    assert isinstance(found, Sent)
    assert found.told == SENT.told


@pytest.mark.parametrize("raw", [None, b"", b"{", b"[]", b'{"record": "x"}', b'{"record": "mute"}'])
def test_what_is_no_record_is_a_reason(raw: bytes | None) -> None:
    assert isinstance(decode_record(raw), Rejected)
