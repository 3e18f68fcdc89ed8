"""Archives: what is read, what is refused with its reason, and that good rows come through."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import zstandard

from tape.archives import RowBatch, find_archives, read_archive, read_columns
from tape.archives.zstd import pieces
from tape.codec.row_fields import NAMES as FIELDS
from tape.codec.row_fields import PRICE
from tape.errors import ArchiveError
from tape.model.fields import TIME_MAX_NS, iso_time
from tape.model.trade import Trade, decode
from tape.synthetic import make_day, write_day
from tests.ordinals import numbered

HEADER = ",".join(FIELDS)
ROW = {
    "ts_recv": "2025-05-05T08:00:00.675221836Z",
    "ts_event": "2025-05-05T08:00:00.675053891Z",
    "rtype": "0",
    "publisher_id": "2",
    "instrument_id": "11667",
    "action": "T",
    "side": "N",
    "depth": "0",
    "price": "113.860000000",
    "size": "4",
    "flags": "130",
    "ts_in_delta": "167945",
    "sequence": "293508",
    "symbol": "NVDA",
}
MESSAGE = (
    b'{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
    b'"rtype":0,"publisher_id":2,"instrument_id":11667,"action":"T","side":"N","depth":0,'
    b'"price":113.86,"size":4,"flags":130,"ts_in_delta":167945,"sequence":293508,"symbol":"NVDA"}'
)
REAL = Path(__file__).parents[4] / "shared/data"


def row(**changed: str) -> str:
    return ",".join({**ROW, **changed}.values())


def csv(folder: Path, *lines: str | bytes, name: str = "a.trades.csv") -> Path:
    path = folder / name
    parts = [line if isinstance(line, bytes) else line.encode() for line in lines]
    path.write_bytes(b"\n".join(parts) + b"\n")
    return path


def read(path: Path, **kwargs: object) -> list[RowBatch]:
    archives = find_archives(path).archives
    return [b for a in archives for b in read_archive(a, latest_ns=TIME_MAX_NS, **kwargs)]  # type: ignore[arg-type]


def values(path: Path, **kwargs: object) -> list[bytes]:
    return [value for batch in read(path, **kwargs) for value in batch.values]


def reasons(path: Path) -> list[str]:
    return [r.rejected.reason for batch in read(path) for r in batch.rejected]


def sequences(path: Path) -> list[int]:
    return [json.loads(value)["sequence"] for value in values(path)]


def test_a_pretty_row_is_its_message_but_for_punctuation(tmp_path: Path) -> None:
    assert values(csv(tmp_path, HEADER, row())) == [MESSAGE]


TS = {"ts_recv": "1746432000675221836", "ts_event": "1746432000675053891"}
PANDAS = {
    "ts_recv": "2025-05-05 08:00:00.675221836+00:00",
    "ts_event": "2025-05-05 08:00:00.675053891+00:00",
    "price": "113.86",
}


@pytest.mark.parametrize("times", [{}, TS], ids=["pretty_ts", "plain_ts"])
@pytest.mark.parametrize("price", [{}, {"price": "113860000000"}], ids=["pretty_px", "plain_px"])
@pytest.mark.parametrize("mapped", [True, False], ids=["symbols", "by_symbology"])
def test_all_option_combinations_give_the_same_bytes(
    tmp_path: Path, times: dict[str, str], price: dict[str, str], mapped: bool
) -> None:
    header, line = HEADER, row(**times, **price)
    if not mapped:
        header, line = header.removesuffix(",symbol"), line.removesuffix(",NVDA")
        spans = [{"d0": "2025-05-01", "d1": "2025-05-06", "s": "11667"}]
        (tmp_path / "symbology.json").write_text(json.dumps({"result": {"NVDA": spans}}))
    assert values(csv(tmp_path, header, line, line)) == numbered([MESSAGE] * 2)


def test_symbology_csv_serves_where_there_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "symbology.csv").write_text(
        "raw_symbol,instrument_id,date\nNVDA,11667,2025-05-05\nOLD,11667,2025-05-04\n"
    )
    path = csv(tmp_path, HEADER.removesuffix(",symbol"), row().removesuffix(",NVDA"))
    assert values(path) == [MESSAGE]


def test_an_instrument_without_a_symbol_on_its_day_is_rejected(tmp_path: Path) -> None:
    spans = [{"d0": "2025-05-01", "d1": "2025-05-05", "s": "11667"}]
    (tmp_path / "symbology.json").write_text(json.dumps({"result": {"NVDA": spans}}))
    path = csv(tmp_path, HEADER.removesuffix(",symbol"), row().removesuffix(",NVDA"))
    assert reasons(path) == ["symbol_unknown"]


def test_the_pandas_dialect_gives_the_same_bytes(tmp_path: Path) -> None:
    assert values(csv(tmp_path, HEADER, row(**PANDAS))) == [MESSAGE]


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("0", "0.0"),
        ("-0", "0.0"),
        ("0.000000000", "0.0"),
        ("-0.0", "0.0"),
        ("-37.630000000", "-37.63"),
        ("-37630000000", "-37.63"),
        ("-0.000000001", "-0.000000001"),
        ("-100000", "-0.0001"),
        ("-10000000.000000000", "-10000000.0"),
        ("10000000000000000", "10000000.0"),
    ],
)
def test_prices_of_zero_and_below_are_prices(tmp_path: Path, written: str, price: str) -> None:
    usual = row() if "." in written or written.endswith("-0") else row(price="113860000000")
    path = csv(tmp_path, HEADER, usual, row(price=written), usual)
    between = MESSAGE.replace(b"113.86", price.encode())
    assert values(path) == numbered([MESSAGE, between, MESSAGE])
    (archive,) = find_archives(path).archives
    (columns,) = read_columns(archive, latest_ns=TIME_MAX_NS)
    trade = decode(between)
    assert isinstance(trade, Trade)
    around = 113_860_000_000
    assert columns.values[:, PRICE].tolist() == [around, trade.price_nanos, around]


def test_a_price_that_is_none_is_told_from_one_that_is_too_high(tmp_path: Path) -> None:
    marks = [row(price=price) for price in ("9223372036854775807", "", "10000001.0", "-1e7")]
    found = [r.rejected for b in read(csv(tmp_path, HEADER, row(), *marks)) for r in b.rejected]
    assert [(r.reason, r.detail) for r in found[:3]] == [
        ("price_undefined", "`price` is the mark for no price"),
        ("price_undefined", "`price` is empty"),
        ("number_range", "`price` is above 10,000,000 dollars"),
    ]


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    names = sorted(FIELDS)
    line = ",".join(ROW[name] for name in names) + ",extra"
    assert values(csv(tmp_path, ",".join(names) + ",ts_out", line)) == [MESSAGE]


def identity_of(price: str) -> str:
    """The row of BAD_INPUTS.md that a bad price belongs to."""
    if price.startswith("-"):
        return "B24"
    if price in ("9223372036854775807", "10000000.01", ""):
        return "B25"
    if len(price) > 20:
        return "B27"
    return "B28" if not price.isascii() or any(c in "_x " for c in price) else "B23"


def bad_rows() -> list[tuple[str, str | bytes, str]]:
    """BAD_INPUTS.md: the row's ID, a bad row, its reason."""
    price = [("nan", "number_syntax"), ("inf", "number_syntax"), ("1e400", "number_syntax")]
    price += [("-10000000.01", "number_range"), ("-10000000000000001", "number_range")]
    price += [("--1.5", "number_syntax"), ("9223372036854775807", "price_undefined")]
    price += [("9223372036.854775807", "price_undefined"), ("-9223372036854775808", "number_range")]
    price += [("10000000.01", "number_range"), ("", "price_undefined"), ("-", "number_syntax")]
    price += [("1_000.0", "number_syntax")]
    price += [
        ("٣.0", "number_syntax"),
        ("\uff11\uff12", "number_syntax"),
        (" 12.0 ", "number_syntax"),
    ]
    price += [("0x10", "number_syntax"), ("1" * 400, "number_range"), ("Infinity", "number_syntax")]
    size = [("0", "size_not_positive"), ("-4", "size_not_positive"), ("1.5", "size_fraction")]
    size += [("1e3", "number_syntax"), ("1000000000000", "number_range"), ("1_0", "number_syntax")]
    size += [("9" * 20, "number_range"), ("9" * 5000, "number_range")]
    bad = [
        "",
        " NVDA",
        "A" * 72,
        "A" * 300,
        "O'NEIL",
        "A\\B",
        "A\tB",
        "A\x7fB",
        "A\u202eB",
        "\xa0A",
    ]
    symbol = [(name, "symbol_syntax") for name in bad]
    time = [("", "time_syntax"), ("today", "time_syntax"), ("1746432000", "time_range")]
    time += [("1746432000675", "time_range"), ("-1", "time_range")]
    time += [
        ("1970-01-01T00:00:00.000000000Z", "time_range"),
        ("18446744073709551615", "time_range"),
    ]
    time += [("2200-01-01T00:00:00.000000000Z", "time_range")]
    time += [("2025-02-30T00:00:00.000000000Z", "time_syntax")]
    cases: list[tuple[str, str | bytes, str]] = [
        ("B15", HEADER, "number_syntax"),
        ("B16", row().rsplit(",", 1)[0], "row_columns"),
        ("B17", row() + ",1", "row_columns"),
        ("B18", row(symbol='"NVDA'), "row_quote"),
        ("B19", row(symbol="A\0APL"), "symbol_syntax"),
        ("B20", row().encode().replace(b"NVDA", b"\xff\xfe"), "encoding"),
        ("B21", "x" * 10_000_000, "row_too_long"),
        ("B21", "," * 5_000_000, "row_too_long"),
        ("B22", row() + "\r" + row(), "row_columns"),
        ("side", row(side="X"), "side_unknown"),
        ("action", row(action="t"), "action_unknown"),
        ("action", row(action="B"), "action_unknown"),
        ("action", row(action="TRADE"), "action_unknown"),
        ("action", row(action="AC"), "action_unknown"),
        ("action", row(action=""), "action_unknown"),
    ]
    cases += [(identity_of(text), row(price=text), reason) for text, reason in price]
    cases += [("B26", row(size=text), reason) for text, reason in size]
    cases += [("B29", row(symbol=text), reason) for text, reason in symbol]
    cases += [("B30", row(ts_event=text), reason) for text, reason in time]
    return cases


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(line, why, id=f"{n}-{name}-{why}")
        for n, (name, line, why) in enumerate(bad_rows())
    ],
)
def test_a_bad_row_is_rejected_between_good_ones(
    tmp_path: Path, line: str | bytes, reason: str
) -> None:
    path = csv(tmp_path, HEADER, row(sequence="1"), line, row(sequence="2"))
    assert sequences(path) == [1, 2]
    rejected = [r for batch in read(path) for r in batch.rejected]
    raw = line if isinstance(line, bytes) else line.encode()
    assert [r.rejected.reason for r in rejected] == [reason]
    assert rejected[0].source == "a.trades.csv:3"
    assert rejected[0].raw == raw[: 64 * 1024]
    assert (rejected[0].size, rejected[0].sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    assert len(rejected[0].rejected.detail) <= 200


def test_line_ends_and_blank_lines_are_taken_as_they_come_b22(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [HEADER, row(sequence="1") + "\r", "", row(sequence="2") + "  ", row(sequence="3")]
    path.write_text("\n".join(lines), newline="")
    assert sequences(path) == [1, 2, 3]
    assert reasons(path) == []


def test_a_byte_order_mark_is_no_part_of_a_name_b14(tmp_path: Path) -> None:
    assert values(csv(tmp_path, b"\xef\xbb\xbf" + HEADER.encode(), row())) == [MESSAGE]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        pytest.param(row(), "header_missing", id="B12"),
        pytest.param(HEADER.replace("price", "px"), "header_unexpected", id="B13-missing"),
        pytest.param(HEADER.replace("flags", "price"), "header_unexpected", id="B13-twice"),
        pytest.param(HEADER.encode("utf-16"), "header_unexpected", id="B20-utf16"),
        pytest.param(HEADER.removesuffix(",symbol"), "header_unexpected", id="no-symbology"),
    ],
)
def test_a_file_with_a_wrong_header_is_skipped_whole(
    tmp_path: Path, header: str | bytes, reason: str
) -> None:
    path = csv(tmp_path, header, row())
    assert values(path) == []
    assert reasons(path) == [reason]
    assert read(path)[-1].damaged


def test_a_header_alone_is_no_trade_and_no_fault_b11(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER)
    assert values(path) == []
    assert reasons(path) == []


def test_rows_about_other_things_than_trades_are_passed_over(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER, row(action="A"), row(), row(action="F"))
    assert values(path) == [MESSAGE]
    assert sum(batch.skipped for batch in read(path)) == 2


def test_only_wanted_symbols_are_sent(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER, row(symbol="AAPL"), row(), row(symbol="AAPL"))
    assert values(path, symbols=frozenset({"NVDA"})) == [MESSAGE]


def test_reading_goes_on_behind_any_row(tmp_path: Path) -> None:
    write_day(make_day(trades=6_000), tmp_path)
    whole = values(tmp_path)
    for skip in (1, 2_345, 5_999, 6_000):
        assert values(tmp_path, skip_rows=skip) == whole[skip:]


@pytest.mark.parametrize("columns", [FIELDS, FIELDS[:-1]], ids=["symbols", "by_symbology"])
def test_compiled_rows_equal_the_literal_ones(tmp_path: Path, columns: tuple[str, ...]) -> None:
    write_day(make_day(trades=3_000), tmp_path)
    for value in values(tmp_path):
        trade = decode(value)
        assert isinstance(trade, Trade)
        rebuilt = json.dumps(json.loads(value), separators=(",", ":")).encode()
        assert rebuilt == value
        assert iso_time(trade.ts_event_ns) == json.loads(value)["ts_event"]


# --- archives as a whole ---


@pytest.fixture
def zst(tmp_path: Path) -> Path:
    return write_day(make_day(trades=30_000), tmp_path)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9, 1.0])
def test_a_cut_archive_gives_its_whole_rows_and_says_so_b01(zst: Path, share: float) -> None:
    whole = values(zst)
    data = zst.read_bytes()
    zst.write_bytes(data[: int(len(data) * share) - 1])
    found = values(zst)
    assert found == whole[: len(found)]
    assert len(found) < len(whole) or share == 1.0  # there only the checksum is cut
    assert share == 0.25 or len(found) > 0
    assert reasons(zst) == ["archive_truncated"]
    assert read(zst)[-1].damaged


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_is_seen_b02(zst: Path, seed: int) -> None:
    data = bytearray(zst.read_bytes())
    place = 2_000 + seed * (len(data) - 4_000) // 20
    data[place] ^= 1 << (seed % 8)
    zst.write_bytes(bytes(data))
    assert [r for r in reasons(zst) if r.startswith("archive_")] == ["archive_corrupt"]
    assert read(zst)[-1].damaged


def test_a_file_that_is_not_the_manifests_is_skipped_whole_b03(zst: Path) -> None:
    listed = {"filename": zst.name, "hash": "sha256:" + hashlib.sha256(b"other").hexdigest()}
    (zst.parent / "manifest.json").write_text(json.dumps({"files": [listed]}))
    assert values(zst) == []
    assert reasons(zst) == ["archive_corrupt"]
    listed["hash"] = "sha256:" + hashlib.sha256(zst.read_bytes()).hexdigest()
    (zst.parent / "manifest.json").write_text(json.dumps({"files": [listed]}))
    assert len(values(zst)) == 30_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"\x1f\x8b\x08\x00rest", "archive_not_zstd", id="B04-gzip"),
        pytest.param(b"<html>not found</html>", "archive_not_zstd", id="B04-html"),
        pytest.param(b"", "archive_truncated", id="B05"),
        pytest.param(b"\x28\xb5", "archive_truncated", id="B05-half-a-magic"),
    ],
)
def test_what_is_no_archive_is_said_to_be_none(zst: Path, content: bytes, reason: str) -> None:
    zst.write_bytes(content)
    assert values(zst) == []
    assert reasons(zst) == [reason]


def test_frames_one_behind_another_are_all_read_b06(tmp_path: Path) -> None:
    compress = zstandard.ZstdCompressor().compress
    parts = [HEADER + "\n", row(sequence="1") + "\n", row(sequence="2") + "\n"]
    path = tmp_path / "a.csv.zst"
    path.write_bytes(b"".join(compress(part.encode()) for part in parts))
    assert sequences(path) == [1, 2]


def test_garbage_behind_whole_frames_is_named_with_its_place_b07(zst: Path) -> None:
    size = zst.stat().st_size
    zst.write_bytes(zst.read_bytes() + b"garbage")
    assert len(values(zst)) == 30_000
    (fault,) = [r for batch in read(zst) for r in batch.rejected]
    assert fault.rejected.reason == "archive_corrupt"
    assert str(size) in fault.rejected.detail


def test_a_bomb_is_stopped_early_b08(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(b"\0" * 2**28))
    assert "archive_expands_too_far" in reasons(path)


def test_a_frame_with_a_giant_window_is_refused_b09(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = tmp_path / "a.csv.zst"
    path.write_bytes(compressor.compress(HEADER.encode() + b"\n") + compressor.flush())
    assert reasons(path) == ["archive_corrupt"]


def test_a_file_that_vanished_is_named_with_a_remedy_b10(zst: Path) -> None:
    (archive,) = find_archives(zst).archives
    zst.unlink()
    with pytest.raises(ArchiveError, match=zst.name):
        list(read_archive(archive, latest_ns=TIME_MAX_NS))


# --- folders ---


def test_a_folder_is_read_in_order_of_day_and_each_content_once(tmp_path: Path) -> None:
    for name in ("b/x-20250506.csv", "a/x-20250507.csv", "x-20250505.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        csv(path.parent, HEADER, row(sequence=name[-5]), name=path.name)
    csv(tmp_path, HEADER, row(sequence="7"), name="y-20250507.csv")
    for sidecar in ("manifest.json", "symbology.csv", "notes.txt", "x.labels.csv"):
        (tmp_path / sidecar).write_text("x")
    found = find_archives(tmp_path)
    assert [archive.day for archive in found.archives] == ["20250505", "20250506", "20250507"]
    assert len(found.skipped) == 5


@pytest.mark.parametrize("what", ["missing", "empty", "foreign"])
def test_a_folder_without_trades_is_said_in_a_sentence(tmp_path: Path, what: str) -> None:
    folder = tmp_path / what
    if what != "missing":
        folder.mkdir()
    if what == "foreign":
        (folder / "notes.txt").write_text("x")
    with pytest.raises(ArchiveError, match=str(folder)) as caught:
        find_archives(folder)
    assert caught.value.exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER, row())
    path.chmod(0)
    with pytest.raises(ArchiveError, match=r"a\.trades\.csv"):
        find_archives(tmp_path)


@pytest.mark.skipif(not REAL.exists(), reason="no real trades beside the checkout")
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("databento/xnas-itch-20250505.trades.csv.zst", 183_301),
        ("databento/xnas-itch-20250703.trades.csv.zst", 270_530),
        ("databento/XNAS-20241227-4MMMNFEELC", 344_718),
        ("lean", 654_140),
    ],
)
def test_real_files_are_read_whole(name: str, rows: int) -> None:
    batches = read(REAL / name)
    assert sum(len(batch.values) for batch in batches) == rows
    assert not any(batch.rejected for batch in batches)


def test_frames_that_readers_must_skip_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "day.trades.csv.zst"
    lines = [b"a\n" * 1_000, b"b\n" * 1_000]
    skipped = [(0x184D2A50 + n).to_bytes(4, "little") + b"\3\0\0\0any" for n in (0, 7, 15)]
    frames = [skipped[0], zstandard.compress(lines[0]), skipped[1], zstandard.compress(lines[1])]
    path.write_bytes(b"".join([*frames, skipped[2]]))
    assert list(pieces(path)) == [b"".join(lines)]


@pytest.mark.parametrize("more", [1, 113, 114, 115, 116, 117, 241, 242, 243, 286, 5_000])
def test_a_file_may_have_any_number_of_columns(tmp_path: Path, more: int) -> None:
    """Beyond 128 the compiled reading once wrote behind its table, and the process was gone."""
    rows = [row(sequence=str(number)) for number in range(300)]
    head = f"{HEADER},{','.join(f'x{number}' for number in range(more))}"
    wide = csv(tmp_path, head, *(one + ",7" * more for one in rows), name="wide.csv")
    assert values(wide) == values(csv(tmp_path, HEADER, *rows, name="narrow.csv")) != []
    assert reasons(wide) == []
