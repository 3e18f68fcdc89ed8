"""`tape score --clean` on files of own columns, held against the lines of those files."""

import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard

from tape.synthetic import inject, make_day, write_day
from tests.commands import Ended, tape

pytest.importorskip("pyarrow")

SETTINGS = {"PROFILE": "calibrated", "ALERTS_PER_10K": "20"}
COLUMNS = """
[columns]
ts_event = "when"
price = "px"
size = "qty"
symbol = "sym"
sequence = "nr"
"""
HEADER = "note,sym,when,px,qty,nr,venue name"


def done(*words: str | Path, code: int = 0) -> Ended:
    ended = tape("score", *words, **SETTINGS)
    assert ended.returncode == code, ended.stderr
    return ended


def unpacked(path: Path) -> bytes:
    raw = io.BytesIO(path.read_bytes())
    with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
        return stream.read()


@pytest.fixture(scope="module")
def trades(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The trades of a synthetic day with misprints, as texts."""
    folder = tmp_path_factory.mktemp("day")
    day = make_day(5, ["AAA", "BBB"], 6_000, date(2025, 3, 3))
    write_day(inject(day, seed=5, anomalies=42), folder)
    (file,) = folder.glob("*.trades.csv.zst")
    names, *lines = unpacked(file).decode().splitlines()
    return [dict(zip(names.split(","), line.split(","), strict=True)) for line in lines]


def as_csv(trades: Sequence[dict[str, str]]) -> list[bytes]:
    """Rows in columns of our own; some have line ends, quotes and other letters in a note."""
    notes = {0: '"two\nlines, ""quoted"""', 1: "  blank ", 2: "zürich", 3: '"an \x0b in it\nand"'}
    return [
        f"{notes.get(n % 997, '')},{one['symbol']},{one['ts_event']},"
        f"{one['price'].rstrip('0')}0,{one['size']},{one['sequence']},X{n % 3}\n".encode()
        for n, one in enumerate(trades)
    ]


def as_json(trades: Sequence[dict[str, str]]) -> list[bytes]:
    return [
        b'{"sym": "%s",  "when":"%s", "px":%s, "qty":%s, "nr":%s, "list":[1, {"a": null}]}\n'
        % tuple(one[key].encode() for key in ("symbol", "ts_event", "price", "size", "sequence"))
        for one in trades
    ]


def usable_of(*words: str | Path, folder: Path) -> list[bool]:
    """What `tape score` itself says of each trade, in the order of the tape."""
    done(*words, "-o", folder / "scores.parquet")
    usable: list[bool] = pd.read_parquet(folder / "scores.parquet")["usable"].tolist()
    assert usable.count(False) > 5
    return usable


def kept(rows: Sequence[bytes], usable: Sequence[bool]) -> bytes:
    return b"".join(row for row, is_usable in zip(rows, usable, strict=True) if is_usable)


def given(folder: Path, text: bytes, name: str, columns: str = COLUMNS) -> list[str | Path]:
    """Write a file and the columns file for it, and return the words that name them."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text)
    (folder / "own.toml").write_text(columns)
    return [folder / name, "--columns", folder / "own.toml"]


BOM = b"\xef\xbb\xbf"
WINDOWS: Callable[[bytes], bytes] = lambda row: row[:-1] + b"\r\n"  # noqa: E731


@pytest.mark.parametrize(
    ("head", "change", "pack"),
    [
        (HEADER.encode() + b"\n", bytes, bytes),
        (HEADER.encode() + b"\n", bytes, gzip.compress),
        (BOM + b"sep=,\r\n" + HEADER.encode() + b"\r\n", WINDOWS, bytes),
    ],
    ids=["as it is", "packed", "of a spreadsheet"],
)
def test_a_csv_of_own_columns_keeps_its_text_but_for_unusable_rows(
    head: bytes,
    change: Callable[[bytes], bytes],
    pack: Callable[[bytes], bytes],
    trades: list[dict[str, str]],
    tmp_path: Path,
) -> None:
    rows = [change(row) for row in as_csv(trades)]
    suffix = ".csv.gz" if pack is gzip.compress else ".csv"
    words = given(tmp_path / "in", pack(head + b"".join(rows)), f"own{suffix}")
    usable = usable_of(*words, folder=tmp_path)
    ended = done(*words, "--clean", "-o", tmp_path / "clean.csv.zst")
    assert unpacked(tmp_path / "clean.csv.zst") == head + kept(rows, usable)
    assert json.loads(ended.stdout)["written"] == usable.count(True)
    again = tape(
        *("score", tmp_path / "clean.csv.zst", "--columns", tmp_path / "in/own.toml"),
        *("--clean", "-o", tmp_path / "again.csv.zst"),
        **SETTINGS,
    )
    assert json.loads(again.stdout)["rows"] == usable.count(True)


def test_rejected_rows_duplicates_and_what_is_not_asked_for_are_left_out(
    trades: list[dict[str, str]], tmp_path: Path
) -> None:
    rows = as_csv(trades)
    bad = [*rows[:100], b"x,y,z\n", b"\n", *rows[100:3_000], b"a" * 70_000 + b"\n", *rows[3_000:]]
    words = given(tmp_path / "in", HEADER.encode() + b"\n" + b"".join(bad), "own.csv")
    part = ["--symbols", "BBB", "--from", "2025-03-03T15:00"]
    done(*words, *part, "-o", tmp_path / "scores.csv", code=2)
    done(*words, *part, "--clean", "-o", tmp_path / "clean.csv.zst", code=2)
    usable = pd.read_csv(tmp_path / "scores.csv")["usable"].tolist()
    wanted = [
        row
        for row, one in zip(rows, trades, strict=True)
        if one["symbol"] == "BBB" and one["ts_event"] >= "2025-03-03T15:00"
    ]
    assert 0 < len(wanted) < len(rows)
    text = HEADER.encode() + b"\n" + kept(wanted, usable)
    assert unpacked(tmp_path / "clean.csv.zst") == text


def test_files_that_overlap_come_in_the_order_of_the_tape(
    trades: list[dict[str, str]], tmp_path: Path
) -> None:
    rows = as_csv(trades)
    for n in range(3):
        mine = [row for row, one in zip(rows, trades, strict=True) if int(one["sequence"]) % 3 == n]
        given(tmp_path / "in", HEADER.encode() + b"\n" + b"".join(mine), f"{n}.csv")
    words: list[str | Path] = [tmp_path / "in", "--columns", tmp_path / "in/own.toml"]
    done(*words, "-o", tmp_path / "scores.parquet")
    done(*words, "--clean", "-o", tmp_path / "clean.csv.zst")
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    by_number = {
        (one["symbol"], int(one["sequence"])): row for row, one in zip(rows, trades, strict=True)
    }
    assert len(by_number) == len(rows)
    places = zip(scores["symbol"], scores["sequence"], strict=True)
    tape_rows = [by_number[symbol, int(number)] for symbol, number in places]
    text = HEADER.encode() + b"\n" + kept(tape_rows, scores["usable"].tolist())
    assert unpacked(tmp_path / "clean.csv.zst") == text


def test_json_lines_stay_as_they_are(trades: list[dict[str, str]], tmp_path: Path) -> None:
    rows = as_json(trades)
    words = given(tmp_path / "in", b"".join(rows), "own.jsonl")
    usable = usable_of(*words, folder=tmp_path)
    done(*words, "--clean", "-o", tmp_path / "clean.jsonl.zst")
    assert unpacked(tmp_path / "clean.jsonl.zst") == kept(rows, usable)
    ended = done(*words, "--clean", "-o", tmp_path / "clean.csv.zst", code=4)
    assert "own.jsonl is JSON" in ended.stderr
    assert "name a file that ends in .jsonl.zst" in ended.stderr


def test_as_parquet_own_columns_have_types_where_they_are_read_and_are_text_elsewhere(
    trades: list[dict[str, str]], tmp_path: Path
) -> None:
    rows = as_csv(trades)
    words = given(tmp_path / "in", HEADER.encode() + b"\n" + b"".join(rows), "own.csv")
    usable = usable_of(*words, folder=tmp_path)
    done(*words, "--clean", "-o", tmp_path / "clean.parquet")
    table = pd.read_parquet(tmp_path / "clean.parquet")
    assert ",".join(table.columns) == HEADER
    text = io.BytesIO(HEADER.encode() + b"\n" + kept(rows, usable))
    own: Any = pd.read_csv(text, dtype=str, keep_default_na=False)
    for name in ("note", "sym", "venue name"):
        assert table[name].tolist() == own[name].tolist(), name
    assert table["px"].tolist() == own["px"].astype(float).tolist()
    assert table["qty"].tolist() == own["qty"].astype(int).tolist()
    assert table["when"].tolist() == pd.to_datetime(own["when"]).tolist()


def test_a_file_without_a_header_has_none_when_it_is_clean(
    trades: list[dict[str, str]], tmp_path: Path
) -> None:
    columns = "[columns]\nts_event = 3\nprice = 4\nsize = 5\nsymbol = 2\nsequence = 6\n"
    rows = [row for row in as_csv(trades) if b'"' not in row]
    words = given(tmp_path / "in", b"".join(rows), "own.csv", columns + "[file]\nheader = false\n")
    usable = usable_of(*words, folder=tmp_path)
    done(*words, "--clean", "-o", tmp_path / "clean.csv.zst")
    assert unpacked(tmp_path / "clean.csv.zst") == kept(rows, usable)


def test_files_of_different_columns_are_refused_before_any_work(
    trades: list[dict[str, str]], tmp_path: Path
) -> None:
    rows = as_csv(trades[:100])
    words = given(tmp_path / "in", HEADER.encode() + b"\n" + b"".join(rows), "a.csv")
    more = [row[:-1] + b",x\n" for row in as_csv(trades[100:200])]
    given(tmp_path / "in", HEADER.encode() + b",more\n" + b"".join(more), "b.csv")
    ended = done(tmp_path / "in", *words[1:], "--clean", "-o", tmp_path / "clean.csv.zst", code=2)
    assert f"a.csv has {HEADER} and b.csv has {HEADER},more" in ended.stderr
    assert not (tmp_path / "clean.csv.zst").exists()


def test_a_file_that_is_changed_before_it_is_read_again_is_not_written(
    trades: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between judging and writing a row is replaced: nothing else but its text would show it."""
    rows = as_csv(trades[:200])
    words = given(tmp_path / "in", HEADER.encode() + b"\n" + b"".join(rows), "own.csv")
    from tape.desk.clean_tape import row_tables

    honest = row_tables.open_rows_table

    def meanwhile(*args: Any) -> Any:
        (tmp_path / "in/own.csv").write_bytes(HEADER.encode() + b"\n" + b"".join([rows[1]] * 200))
        return honest(*args)

    monkeypatch.setattr("tape.cli.score.open_rows_table", meanwhile)
    ended = done(*words, "--clean", "-o", tmp_path / "clean.csv.zst", code=2)
    assert "own.csv was changed while it was read" in ended.stderr
    assert not (tmp_path / "clean.csv.zst").exists()
