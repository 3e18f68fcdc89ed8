"""Files whose name and bytes disagree: the sentence says what it is, and what helps."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from tests.commands import tape

TEXT = (
    "ts_event,price,size,symbol\n"
    + "2025-03-05T14:30:00Z,80.1,100,ACME\n2025-03-05T14:30:01Z,80.2,100,ACME\n"
).encode()
WRONG = {
    "text named .gz": ("a.csv.gz", TEXT, "it is plain text: take .gz off its name"),
    "text named .zst": ("a.csv.zst", TEXT, "it is plain text: take .zst off its name"),
    "zstd named .gz": ("a.csv.gz", zstandard.compress(TEXT), "its suffix should be .zst"),
    "gzip named .zst": ("a.csv.zst", gzip.compress(TEXT), "its suffix should be .gz"),
    "zip named .gz": ("a.csv.gz", b"PK\3\4" + bytes(90), "its suffix should be .zip"),
    "noise named .gz": ("a.csv.gz", bytes(range(200, 90, -1)), "fetch the file again"),
    "cut gzip": ("a.csv.gz", gzip.compress(TEXT)[:-9], "fetch the file again"),
    "UTF-16": ("a.csv", TEXT.decode().encode("utf-16"), "it is UTF-16: convert it with: iconv"),
    "UTF-16 LE": ("a.csv", TEXT.decode().encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
    "UTF-16 BE": ("a.csv", TEXT.decode().encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8"),
    "UTF-16 JSON": (
        "a.trades.json",
        '{"ts_event":1,"price":"1","size":1,"symbol":"A"}\n'.encode("utf-16"),
        "it is UTF-16: convert it with: iconv",
    ),
    "zero bytes": ("a.csv", b"ts_event,price\0,size,symbol\n1,1,1,1\n", "save it as UTF-8"),
    "Latin-1": ("a.csv", "ts_event,Größe,price\n1,1,1\n".encode("latin-1"), "save the file as"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_remedy_fits_what_the_file_is(case: str, tmp_path: Path) -> None:
    name, data, words = WRONG[case]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.csv").write_bytes(TEXT + TEXT.splitlines(keepends=True)[-1])
    ended = tape("replay", tmp_path)
    assert ended.returncode == 2
    (line,) = [one for one in ended.stderr.splitlines() if name in one]
    assert words in line
    assert ("fetch the file again" in line) == ("fetch" in words)
    assert "--suggest-columns" not in line


def test_the_command_that_is_named_for_utf_16_converts_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(TEXT.decode().encode("utf-16"))
    (tmp_path / "b.csv").write_bytes((tmp_path / "a.csv").read_text("utf-16").encode())
    assert tape("replay", tmp_path / "b.csv").returncode == 0


@pytest.mark.parametrize("name", ["only-its-header.csv", "b\x1bc.csv"])
def test_a_file_of_a_header_alone_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(TEXT.partition(b"\n")[0] + b"\n")
    (tmp_path / "good.csv").write_bytes(TEXT + TEXT.splitlines(keepends=True)[-1])
    ended = subprocess.run(
        [sys.executable, "-m", "tape", "replay", str(tmp_path)], capture_output=True, text=True
    )
    assert ended.returncode == 0
    (line,) = [one for one in ended.stderr.splitlines() if "empty: no rows" in one]
    assert name.replace("\x1b", "\\x1b") in line
