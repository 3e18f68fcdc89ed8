"""The same trades in every encoding DataBento sells, by its own encoder: the same messages."""

import itertools
import json
from datetime import date
from pathlib import Path

import pytest
import zstandard
from databento_dbn import (
    Action,
    Encoding,
    MBOMsg,
    MBP1Msg,
    MBP10Msg,
    Schema,
    Side,
    TradeMsg,
)

from tape.archives import find_archives, read_archive, read_columns
from tape.codec.row_fields import NAMES
from tape.errors import ArchiveError
from tape.model.fields import TIME_MAX_NS
from tape.model.trade import Trade, decode
from tape.synthetic import make_day, write_day
from tests.ordinals import numbered
from tests.vendor import as_dbn, head, transcoded

OPTIONS = list(itertools.product([True, False], repeat=3))
BOOK = {"trades": TradeMsg, "tbbo": MBP1Msg, "mbp-1": MBP1Msg, "mbp-10": MBP10Msg, "mbo": MBOMsg}
REAL = Path(__file__).parents[4] / "shared/data"


def values(path: Path, **kwargs: int) -> list[bytes]:
    (archive,) = find_archives(path).archives
    batches = read_archive(archive, latest_ns=TIME_MAX_NS, **kwargs)
    return [value for batch in batches for value in batch.values]


def rejected(path: Path) -> list[tuple[str, str]]:
    (archive,) = find_archives(path).archives
    batches = read_archive(archive, latest_ns=TIME_MAX_NS)
    return [(r.source, r.rejected.reason) for batch in batches for r in batch.rejected]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return values(write_day(make_day(trades=6_000), tmp_path_factory.mktemp("day")))


@pytest.fixture(scope="module")
def stream(day: list[bytes]) -> bytes:
    return as_dbn(day)


def symbology(folder: Path, day: list[bytes]) -> None:
    trades = [json.loads(value) for value in day]
    spans = {
        trade["symbol"]: [
            {"d0": "2025-01-01", "d1": "2026-01-01", "s": str(trade["instrument_id"])}
        ]
        for trade in trades
    }
    (folder / "symbology.json").write_text(json.dumps({"result": spans}))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "zst"])
@pytest.mark.parametrize(("px", "ts", "mapped"), OPTIONS)
@pytest.mark.parametrize("encoding", [Encoding.CSV, Encoding.JSON], ids=str)
def test_every_option_gives_the_bytes_of_the_portals_csv(
    tmp_path: Path,
    day: list[bytes],
    stream: bytes,
    encoding: Encoding,
    px: bool,
    ts: bool,
    mapped: bool,
    packed: bool,
) -> None:
    text = transcoded(stream, encoding, pretty_px=px, pretty_ts=ts, map_symbols=mapped)
    path = tmp_path / f"a.trades.{str(encoding).lower()}{'.zst' if packed else ''}"
    path.write_bytes(zstandard.compress(text) if packed else text)
    if not mapped:
        symbology(tmp_path, day)
    assert values(path) == day
    assert values(path, skip_rows=4_321) == day[4_321:]


def book(schema: str) -> tuple[bytes, list[dict[str, object]]]:
    """Return a DBN stream with orders, trades and fills, and what its trades are."""
    kind = BOOK[schema]
    records, trades = [], []
    for number in range(900):
        action = (Action.ADD, Action.TRADE, Action.FILL, Action.CANCEL)[number % 4]
        if schema in ("trades", "tbbo"):
            action = Action.TRADE
        more = {"order_id": 2**64 - 1 - number, "channel_id": 3} if kind is MBOMsg else {}
        if kind is not MBOMsg:
            more = {"depth": number % 10}
        fields = {
            "publisher_id": 2,
            "instrument_id": 77,
            "ts_event": 1_746_450_000_000_000_000 + number * 1_000_003,
            "ts_recv": 1_746_450_000_000_100_000 + number * 1_000_003,
            "price": (number - 400) * 1_212_345,  # through zero
            "size": 1 + number,
            "side": (Side.BID, Side.ASK, Side.NONE)[number % 3],
            "flags": 128,
            "ts_in_delta": 7 - number,
            "sequence": 5 * number,
        }
        records.append(bytes(kind(action=action, **fields, **more)))
        if action == Action.TRADE:
            rtype = {"trades": 0, "mbp-10": 10, "mbo": 160}.get(schema, 1)
            side = "BAN"[number % 3]
            trades.append({**fields, "rtype": rtype, "side": side, "depth": more.get("depth", 0)})
    day = date(2025, 5, 5)
    names = {77: "ABC"}
    top = head(3, names, day, date(2025, 5, 6), Schema.from_str(schema))
    return top + b"".join(records), trades


@pytest.mark.parametrize("schema", BOOK)
def test_the_trades_of_every_schema_are_the_same_in_every_encoding(
    tmp_path: Path, schema: str
) -> None:
    raw, expected = book(schema)
    found = {}
    for suffix, content in (
        ("dbn", raw),
        ("csv", transcoded(raw, Encoding.CSV)),
        ("json", transcoded(raw, Encoding.JSON)),
        ("plain.csv", transcoded(raw, Encoding.CSV, pretty_px=False, pretty_ts=False)),
        ("plain.json", transcoded(raw, Encoding.JSON, pretty_px=False, pretty_ts=False)),
    ):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(content)
        found[suffix] = values(path)
        assert rejected(path) == []
    assert len(expected) == (900 if schema in ("trades", "tbbo") else 225)
    trades = [one for one in map(decode, found["dbn"]) if isinstance(one, Trade)]
    assert [
        {
            "publisher_id": t.publisher_id,
            "instrument_id": t.instrument_id,
            "ts_event": t.ts_event_ns,
            "ts_recv": t.ts_recv_ns,
            "price": t.price_nanos,
            "size": t.size,
            "side": t.side,
            "flags": t.flags,
            "ts_in_delta": t.ts_in_delta_ns,
            "sequence": t.sequence,
            "rtype": t.rtype,
            "depth": t.depth,
        }
        for t in trades
    ] == expected
    assert {t.symbol for t in trades} == {"ABC"}
    assert all(one == found["dbn"] for one in found.values())


@pytest.mark.full
@pytest.mark.skipif(not REAL.exists(), reason="no real trades beside the checkout")
def test_a_real_day_is_the_same_in_every_encoding(tmp_path: Path) -> None:
    expected = values(REAL / "databento/xnas-itch-20250703.trades.csv.zst")
    assert len(expected) == 270_530
    raw = as_dbn(expected)
    for encoding in (Encoding.CSV, Encoding.JSON):
        path = tmp_path / f"a.trades.{str(encoding).lower()}"
        path.write_bytes(transcoded(raw, encoding))
        assert values(path) == expected


@pytest.mark.parametrize("suffix", ["csv", "json", "dbn"])
def test_columns_hold_what_the_messages_say(
    tmp_path: Path, day: list[bytes], stream: bytes, suffix: str
) -> None:
    encoding = {"csv": Encoding.CSV, "json": Encoding.JSON}.get(suffix)
    path = tmp_path / f"a.trades.{suffix}"
    path.write_bytes(stream if encoding is None else transcoded(stream, encoding))
    (archive,) = find_archives(path).archives
    rows = [
        dict(zip(NAMES, row, strict=True)) | {"symbol": batch.names[row[-1]].decode()}
        for batch in read_columns(archive, latest_ns=TIME_MAX_NS)
        for row in batch.values.tolist()
    ]
    trades = [decode(value) for value in day]
    for name, field in (
        *(("ts_recv", "ts_recv_ns"), ("ts_event", "ts_event_ns"), ("price", "price_nanos")),
        *(("ts_in_delta", "ts_in_delta_ns"), ("symbol", "symbol"), ("sequence", "sequence")),
        *(("size", "size"), ("flags", "flags"), ("depth", "depth"), ("rtype", "rtype")),
        *(("publisher_id", "publisher_id"), ("instrument_id", "instrument_id")),
    ):
        assert [row[name] for row in rows] == [getattr(trade, field) for trade in trades]
    assert [chr(row["side"]) for row in rows] == [t.side for t in trades]  # type: ignore[union-attr]


# --- lines of JSON that are not as the vendor writes them ---


def line(**changes: object) -> dict[str, object]:
    head = {
        "ts_event": "2025-05-05T08:00:00.675053891Z",
        "rtype": 0,
        "publisher_id": 2,
        "instrument_id": 11667,
    }
    body = {
        "ts_recv": "2025-05-05T08:00:00.675221836Z",
        "hd": head,
        "action": "T",
        "side": "N",
        "depth": 0,
        "price": "113.860000000",
        "size": 4,
        "flags": 130,
        "ts_in_delta": 167945,
        "sequence": 293508,
        "symbol": "NVDA",
    }
    return {name: value for name, value in {**body, **changes}.items() if value != "left out"}


MESSAGE = (
    b'{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
    b'"rtype":0,"publisher_id":2,"instrument_id":11667,"action":"T","side":"N","depth":0,'
    b'"price":113.86,"size":4,"flags":130,"ts_in_delta":167945,"sequence":293508,"symbol":"NVDA"}'
)


def written(folder: Path, *lines: dict[str, object] | bytes, compact: bool = True) -> Path:
    path = folder / "a.trades.json"
    marks = (",", ":") if compact else (", ", ": ")
    path.write_bytes(
        b"".join(
            (one if isinstance(one, bytes) else json.dumps(one, separators=marks).encode()) + b"\n"
            for one in lines
        )
    )
    return path


def test_a_line_is_read_however_it_is_put(tmp_path: Path) -> None:
    flat = {**line(), **line()["hd"]}  # type: ignore[dict-item]
    del flat["hd"]
    turned = dict(reversed(list(line().items())))
    more = line(note={"a": [1, {"b": None}], "hd": {"price": "1"}}, empty=[], object={})
    escaped = json.dumps(line()).replace("NVDA", "NV\\u0044A").encode()
    numbers = line(price=113.86, sequence="293508")
    lines = (line(), flat, turned, more, escaped, numbers, line(depth="left out"))
    assert values(written(tmp_path, *lines)) == numbered([MESSAGE] * len(lines))
    assert values(written(tmp_path, *lines, compact=False)) == numbered([MESSAGE] * len(lines))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(price=None), "price_undefined"),
        (line(price="9223372036854775807"), "price_undefined"),
        (line(price="-10000000.01"), "number_range"),
        (line(price=[1]), "field_type"),
        (line(size=0), "size_not_positive"),
        (line(size=1.5), "size_fraction"),
        (line(side="X"), "side_unknown"),
        (line(action="TRADE"), "action_unknown"),
        (line(action="S"), "action_unknown"),
        (line(side=1), "side_unknown"),
        (line(symbol="NVDA "), "symbol_syntax"),
        (line(symbol='NV"DA'), "symbol_syntax"),
        (line(symbol="left out"), "field_missing"),
        (line(hd={"rtype": 0}), "field_missing"),
        (line(hd=[1]), "message_shape"),
        (line(ts_recv="today"), "time_syntax"),
        (line(action=None), "action_unknown"),
        (line(action="left out"), "field_missing"),
        (json.dumps(line()).encode().replace(b'"size"', b'"size": 7, "size"'), "message_shape"),
        (json.dumps(line()).encode().replace(b'"hd": {', b'"hd": {"rtype": 1, '), "message_shape"),
        (
            json.dumps(line()).encode().replace(b'"size"', b'"s\\u0069ze": 7, "size"'),
            "message_shape",
        ),
        (
            json.dumps(line()).encode().replace(b'"hd"', b'"hd": {"rtype": 1}, "hd"'),
            "message_shape",
        ),
        (line(publisher_id=3), "message_shape"),
        (json.dumps(line()).encode()[:-1], "message_not_json"),
        (json.dumps(line()).encode() + b"}", "message_not_json"),
        (json.dumps(line()).encode().replace(b"N", b"\xff"), "encoding"),
        (b'{"ts_event":' + b"[" * 30_000, "message_too_deep"),
        (b"x" * 100_000, "row_too_long"),
        (b"[]", "message_shape"),
        (b'{"a":1,}', "message_not_json"),
        (b'{"a":[1,]}', "message_not_json"),
        (b'{"a":[}', "message_not_json"),
        (b'{"a":01}', "message_not_json"),
    ],
)
def test_a_bad_line_is_rejected_between_good_ones_with_its_number(
    tmp_path: Path, bad: dict[str, object] | bytes, reason: str
) -> None:
    path = written(tmp_path, line(), bad, line(), b"", line())
    assert values(path) == numbered([MESSAGE] * 3)
    assert rejected(path) == [("a.trades.json:2", reason)]


def test_a_byte_order_mark_before_json_is_taken_away(tmp_path: Path) -> None:
    path = written(tmp_path, line(), line())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert values(path) == numbered([MESSAGE] * 2)
    assert rejected(path) == []


def test_lines_about_other_things_are_passed_over(tmp_path: Path) -> None:
    mapping = {"hd": {"rtype": 22, "ts_event": "1"}, "stype_in_symbol": "NVDA"}
    path = written(tmp_path, mapping, line(action="A"), line(action="F"), line())
    assert values(path) == [MESSAGE]
    assert rejected(path) == []


@pytest.mark.parametrize("rtype", [192, 193, 195, 196])
def test_quotes_that_have_the_last_trade_beside_them_are_no_trades(
    tmp_path: Path, rtype: int
) -> None:
    """bbo-1s and its like: without an action every second was taken for a trade."""
    head = {**line()["hd"], "rtype": rtype}  # type: ignore[dict-item]
    quote = line(hd=head, action="left out", levels=[{"bid_px": "1", "ask_px": "2"}])
    path = written(tmp_path, quote, quote)
    assert values(path) == []
    assert rejected(path) == [("a.trades.json", "not_trades")]
    path = written(tmp_path, line(), quote, line())
    assert values(path) == numbered([MESSAGE] * 2)
    assert rejected(path) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>\n", "header_missing"),
        (b'{"result":{}}\n', "header_missing"),
        (b"", "archive_truncated"),
    ],
)
def test_what_is_no_json_of_the_vendor_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.trades.json"
    path.write_bytes(content)
    assert values(path) == []
    assert rejected(path) == [("a.trades.json", reason)]


def test_json_without_a_schema_in_its_name_is_left_in_a_folder(tmp_path: Path) -> None:
    path = written(tmp_path, line()).rename(tmp_path / "settings.json")
    with pytest.raises(ArchiveError, match="without a schema in its name"):
        find_archives(tmp_path)
    assert values(path) == [MESSAGE]


SAMPLES = sorted((REAL / "dbn").glob("*.dbn*"))
UNMAPPED = ("XNAS.ITCH.definition", "LIVE")
"""Of another schema, or of several at once: the vendor's encoder makes no CSV of trades of it."""


@pytest.mark.parametrize("encoding", [Encoding.CSV, Encoding.JSON], ids=str)
@pytest.mark.parametrize("pretty", [True, False], ids=["pretty", "plain"])
@pytest.mark.parametrize(
    "sample", SAMPLES or [None], ids=lambda path: path.name if path else "none"
)
def test_a_vendors_sample_is_the_same_in_every_encoding(
    tmp_path: Path, sample: Path | None, pretty: bool, encoding: Encoding
) -> None:
    if sample is None:
        pytest.skip("no vendor samples on this machine")
    if sample.name.startswith(UNMAPPED):
        trades = 2 if sample.name.startswith("LIVE") else 0  # counted with the vendor's DBNStore
        assert len(values(sample)) == trades
        return
    with zstandard.open(sample, "rb") if sample.suffix == ".zst" else sample.open("rb") as file:
        raw = file.read()
    path = tmp_path / f"a.{str(encoding).lower()}"
    path.write_bytes(transcoded(raw, encoding, pretty_px=pretty, pretty_ts=pretty))
    assert values(path) == values(sample)
    assert rejected(path) == rejected(sample) == []
