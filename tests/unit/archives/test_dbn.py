"""DBN: the same trades as CSV give the same bytes; damage is said. The encoder is the vendor's."""

import csv
import json
from pathlib import Path

import pytest
import zstandard
from databento_dbn import (
    Action,
    Compression,
    Encoding,
    MBOMsg,
    MBP10Msg,
    Side,
    Transcoder,
)

from tape.archives import RowBatch, find_archives, read_archive
from tape.errors import ArchiveError
from tape.model.fields import TIME_MAX_NS
from tape.model.trade import Trade, decode
from tape.synthetic import make_day, write_day
from tests.vendor import as_dbn

SAMPLES = Path(__file__).parents[4] / "shared/data/dbn"
REAL_DAY = SAMPLES.parent / "databento/xnas-itch-20250505.trades.csv.zst"
NO_TRADES = ("XNAS.ITCH.mbo", "XNAS.ITCH.mbp-1")
"""Samples of books in which nothing is traded: the answer is that there is no message."""

NEEDS_SAMPLES = pytest.mark.skipif(not SAMPLES.exists(), reason="no vendor samples on this machine")
WHOLE = (
    *("ts_recv", "ts_event", "price", "ts_in_delta"),
    *("rtype", "publisher_id", "instrument_id", "depth", "size", "flags", "sequence"),
)


def read(path: Path, **kwargs: int) -> list[RowBatch]:
    (archive,) = find_archives(path).archives
    return list(read_archive(archive, latest_ns=TIME_MAX_NS, **kwargs))


def values(path: Path, **kwargs: int) -> list[bytes]:
    return [value for batch in read(path, **kwargs) for value in batch.values]


def reasons(path: Path) -> list[str]:
    return [r.rejected.reason for batch in read(path) for r in batch.rejected]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    path = write_day(make_day(trades=20_000), tmp_path_factory.mktemp("day"))
    return values(path)


@pytest.fixture(scope="module")
def stream(day: list[bytes]) -> bytes:
    return as_dbn(day)


@pytest.mark.parametrize("suffix", [".dbn", ".dbn.zst"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_dbn_gives_the_bytes_of_csv(
    tmp_path: Path, day: list[bytes], version: int, suffix: str
) -> None:
    raw = as_dbn(day, version)
    assert raw[3] == version
    path = tmp_path / f"a.trades{suffix}"
    path.write_bytes(zstandard.compress(raw) if suffix == ".dbn.zst" else raw)
    assert values(path) == day


@pytest.mark.full
@pytest.mark.skipif(not REAL_DAY.exists(), reason="no real day on this machine")
def test_a_real_day_as_dbn_gives_the_bytes_of_its_csv(tmp_path: Path) -> None:
    expected = values(REAL_DAY)
    path = tmp_path / "a.trades.dbn.zst"
    path.write_bytes(zstandard.compress(as_dbn(expected)))
    assert len(expected) == 183_301
    assert values(path) == expected


@NEEDS_SAMPLES
@pytest.mark.parametrize(
    "name",
    [
        "EQUS.MINI.trades.dbn.zst",
        "XNAS.ITCH.trades.dbn.zst",
        "XNAS.ITCH.tbbo.dbn.zst",
        "XNAS.ITCH.mbp-1.dbn.zst",
        "XNAS.ITCH.mbp-10.dbn.zst",
        "XNAS.ITCH.mbo.dbn.zst",
        "dbn-repo.test_data.trades.dbn",
        "dbn-repo.test_data.trades.v1.dbn.zst",
        "dbn-repo.test_data.trades.v2.dbn.zst",
        "dbn-repo.test_data.trades.v3.dbn.zst",
    ],
)
def test_a_sample_holds_the_trades_that_the_vendors_csv_has(tmp_path: Path, name: str) -> None:
    raw = (SAMPLES / name).read_bytes()
    if name.endswith(".zst"):
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    text = tmp_path / "vendor.txt"
    with text.open("wb") as file:
        coder = Transcoder(
            file,
            Encoding.CSV,
            Compression.NONE,
            pretty_px=False,
            pretty_ts=False,
            map_symbols=True,
        )
        coder.write(raw)
        coder.flush()
    with text.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["action"] == "T"]
    expected = [
        {**{n: int(r.get(n, 0)) for n in WHOLE}, "side": r["side"], "symbol": r["symbol"]}
        for r in rows
    ]
    found = [decode(value) for value in values(SAMPLES / name)]
    assert bool(expected) == (not name.startswith(NO_TRADES))
    assert [
        {
            "ts_recv": t.ts_recv_ns,
            "ts_event": t.ts_event_ns,
            "price": t.price_nanos,
            "ts_in_delta": t.ts_in_delta_ns,
            **{n: getattr(t, n) for n in (*WHOLE[4:], "side", "symbol")},
        }
        for t in found
        if isinstance(t, Trade)
    ] == expected


def test_only_action_t_of_a_book_is_a_trade(tmp_path: Path, day: list[bytes]) -> None:
    first = decode(day[0])
    times = {"ts_event": first.ts_event_ns, "ts_recv": first.ts_recv_ns}  # type: ignore[union-attr]
    parts = [as_dbn(day[:1])]
    for sequence, action in enumerate((Action.ADD, Action.TRADE, Action.FILL, Action.CANCEL)):
        shared = {
            "publisher_id": 2,
            "instrument_id": first.instrument_id,  # type: ignore[union-attr]
            "price": 10**9,
            "size": 7,
            "action": action,
            "side": Side.BID,
            "ts_in_delta": -5,
            "sequence": sequence,
            **times,
        }
        parts.append(bytes(MBOMsg(order_id=2**64 - 1, channel_id=0, **shared)))
        parts.append(bytes(MBP10Msg(depth=3, **shared)))
    path = tmp_path / "a.dbn"
    path.write_bytes(b"".join(parts))
    found = [json.loads(value) for value in values(path)]
    assert [(m["sequence"], m["rtype"], m["depth"]) for m in found[1:]] == [(1, 160, 0), (1, 10, 3)]
    assert {(m["price"], m["size"], m["ts_in_delta"], m["side"]) for m in found[1:]} == {
        (1.0, 7, -5, "B")
    }


def test_reading_goes_on_behind_any_row(tmp_path: Path, day: list[bytes], stream: bytes) -> None:
    path = tmp_path / "a.dbn"
    path.write_bytes(stream)
    for skip in (0, 1, 5_461, 19_999, 20_000):
        assert values(path, skip_rows=skip) == day[skip:]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_stream_gives_its_whole_trades_and_the_reason_b01(
    tmp_path: Path, day: list[bytes], stream: bytes, share: float
) -> None:
    start = 8 + int.from_bytes(stream[4:8], "little")
    kept = int(len(day) * share)
    path = tmp_path / "a.dbn"
    path.write_bytes(stream[: start + 48 * kept + 17])
    assert values(path) == day[:kept]
    assert reasons(path) == ["archive_truncated"]
    assert read(path)[-1].damaged


def test_a_cut_frame_gives_only_whole_trades_and_the_reason_b01(
    tmp_path: Path, day: list[bytes], stream: bytes
) -> None:
    path = tmp_path / "a.dbn.zst"
    packed = zstandard.compress(stream)
    path.write_bytes(packed[: len(packed) // 2])
    found = values(path)
    assert 0 < len(found) < len(day)
    assert found == day[: len(found)]
    assert reasons(path) == ["archive_truncated"]


def test_a_record_of_no_length_ends_the_file_b02(
    tmp_path: Path, day: list[bytes], stream: bytes
) -> None:
    start = 8 + int.from_bytes(stream[4:8], "little")
    damaged = bytearray(stream)
    damaged[start + 48 * 9_000] = 0
    path = tmp_path / "a.dbn"
    path.write_bytes(damaged)
    assert values(path) == day[:9_000]
    (fault,) = [r.rejected for batch in read(path) for r in batch.rejected]
    assert fault.reason == "archive_corrupt"
    assert str(start + 48 * 9_000) in fault.detail


def test_an_undefined_price_is_rejected_and_its_neighbours_stay_b25(
    tmp_path: Path, day: list[bytes], stream: bytes
) -> None:
    start = 8 + int.from_bytes(stream[4:8], "little") + 48
    damaged = bytearray(stream[: start + 96])
    damaged[start + 16 : start + 24] = (2**63 - 1).to_bytes(8, "little")
    path = tmp_path / "a.dbn"
    path.write_bytes(damaged)
    assert values(path) == [day[0], day[2]]
    assert reasons(path) == ["price_undefined"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "archive_truncated"),
        (b"DBN", "archive_truncated"),
        (b"<html>no such file</html>", "header_missing"),
        (b"DBN\x09" + bytes(200), "header_unexpected"),
        (b"DBN\x03\x08\x00\x00\x00" + bytes(200), "header_unexpected"),
        (b"DBN\x03\xff\xff\xff\xff" + bytes(200), "header_unexpected"),
    ],
)
def test_what_is_no_dbn_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.dbn"
    path.write_bytes(content)
    assert values(path) == []
    assert reasons(path) == [reason]


def test_a_legacy_dbz_is_told_how_to_be_converted(tmp_path: Path) -> None:
    (tmp_path / "a.dbz").write_bytes(b"P*M\x18")
    with pytest.raises(ArchiveError, match=r"dbn FILE\.dbz -o FILE\.dbn"):
        find_archives(tmp_path)
