"""The schemas of the topics are the code's, and a real validator takes what the code writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError

from docs import schemas
from tape.alerting.kept import Digested, Held, Mute, Record, Sent, Told, Trial, encode_record
from tape.kafka.headers import rejection_headers
from tape.model.bar import Bar, encode_bar
from tape.model.rejected import KEY_MAX, Rejected
from tape.model.trade import Trade, decode
from tape.synthetic import inject, make_day
from tape.synthetic.files import write_day
from tests.commands import tape
from tests.rankings import ranking, ranking_file
from tests.topic_schemas import assert_valid, validator

AT = "2025-05-05T14:30:00.000000000Z"
SMALLEST = {
    "ts_event": AT,
    "publisher_id": 2,
    "side": "B",
    "price": 1.5,
    "size": 7,
    "symbol": "NVDA",
}


@pytest.mark.parametrize("path", schemas.files(), ids=lambda path: path.name)
def test_schemas_and_tables_are_current(path: Path) -> None:
    assert path.read_text("utf-8") == schemas.files()[path], "run: python -m docs.schemas"


def test_what_replay_writes_is_valid_and_shows_every_field(tmp_path: Path) -> None:
    write_day(inject(make_day(trades=8_000), seed=1, anomalies=21), tmp_path / "day")
    outputs = ["-o", tmp_path / "a.jsonl", "--episodes", tmp_path / "e.jsonl"]
    ranked = ranking_file(ranking(suppress_below=14.0), tmp_path / "ranking.json")
    settings = {"PROFILE": "classic,calibrated", "RANKING_FILE": str(ranked)}
    ended = tape("replay", tmp_path / "day", *outputs, **settings)
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, set[str]] = {}
    for topic, name in (("anomalies", "a.jsonl"), ("episodes", "e.jsonl")):
        values = (tmp_path / name).read_bytes().splitlines()
        assert len(values) > 20
        for value in values:
            assert_valid(topic, value)
            seen.setdefault(topic, set()).update(json.loads(value))
    written = {name for topic in ("stocks", "anomalies") for name in schemas.SAID[topic]}
    assert written - seen["anomalies"] == {"ordinal"}
    assert set(schemas.SAID["episodes"]) == seen["episodes"]


EDGES: list[tuple[str, Any]] = [
    *((name, 0) for name in ("publisher_id", "size", "price", "sequence", "rtype", "ordinal")),
    *((name, -1) for name in ("publisher_id", "size", "price", "sequence", "ts_in_delta")),
    *((name, 2**8 - plus) for name in ("rtype", "depth", "flags") for plus in (0, 1)),
    *(("publisher_id", 2**16 - plus) for plus in (0, 1)),
    *((name, 2**32 - plus) for name in ("instrument_id", "size", "sequence") for plus in (0, 1)),
    *((name, 2**31 - plus) for name in ("ordinal", "ts_in_delta") for plus in (0, 1)),
    *(("price", one) for one in (10_000_000, 10_000_001, -10_000_000, -10_000_001, "1.5")),
    *(("side", one) for one in ("A", "N", "X", "", None)),
    *(("action", one) for one in ("T", "C")),
    *(("symbol", one) for one in ("A", "UD:1V: GN 2391", "A" * 71, "A" * 72, " A", "A ", "", "ß")),
    *(("symbol", one) for one in ("A'B", 'A"B', "A\\B", "ACM-A#", "[A]")),
    *(("ts_event", one) for one in (AT[:-1], AT[:19] + "Z", "2025-05-05", 5)),
    *((name, None) for name in ("ts_event", "publisher_id", "side", "price", "size", "symbol")),
]


@pytest.mark.parametrize(("name", "value"), EDGES)
def test_the_schema_of_trades_takes_what_the_reader_takes(name: str, value: object) -> None:
    message = SMALLEST | {name: value}
    if value is None:
        del message[name]
    taken = isinstance(decode(json.dumps(message).encode()), Trade)
    assert validator("stocks").is_valid(message) == taken


def test_the_records_of_alerts_are_valid() -> None:
    told, held = Told("new", "default", 2, 7.5, None, AT, (AT,), "17.3"), Held("muted", "m-1")
    sent = Sent(
        "id", "slack", "NVDA", "default", 4, "extended", AT, AT, 7.5, None, None, "text", told, held
    )
    records: list[Record] = [
        sent,
        Digested("slack", AT, 12, "17.4"),
        Mute("m-1", ("NVDA",), AT, AT, "split"),
        Trial("mail", AT),
    ]
    seen: set[str] = set()
    for record in records:
        assert_valid("alerts", encode_record(record))
        seen.update(json.loads(encode_record(record)))
    assert seen == set(schemas.SAID["alerts"])
    with pytest.raises(ValidationError):
        assert_valid("alerts", b'{"record": "mute"}')


def test_the_headers_of_rejected_records_are_valid() -> None:
    trade = json.dumps(SMALLEST).encode()
    seen: set[str] = set()
    for raw, key in ((trade, b"N" * (KEY_MAX + 1)), (b"{", b"NVDA")):
        why = Rejected("message_shape", "the key is not the trade's symbol")
        headers = rejection_headers(raw, why, "stocks[3]@17", app="anomaly_detector", key=key)
        told = {name: value.decode() for name, value in headers}
        assert_valid("rejected", told)
        seen.update(told)
    assert seen == set(schemas.SAID["rejected"])


def test_bars_are_valid_with_and_without_a_band() -> None:
    prices = (142.5, 142.75, 142.25, 142.5)
    for band in ((142.0, 143.0), (None, None)):
        assert_valid("bars", encode_bar(Bar("NVDA", AT, *prices, 300, 3, 1, *band)))
