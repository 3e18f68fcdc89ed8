"""Containers: gzip and zip are read as plain files are, bounded, and what is skipped is said."""

import bz2
import gzip
import io
import json
import os
import zipfile
from functools import partial
from pathlib import Path

import pytest
import zstandard

from tape.archives import Discovery, find_archives, read_archive
from tape.archives.outcome import whole_file
from tape.codec.row_fields import NAMES as FIELDS
from tape.errors import ArchiveError
from tape.model.fields import TIME_MAX_NS, iso_time

NOON = 1_746_446_400 * 10**9

gzipped = partial(gzip.compress, mtime=0)
"""Without the time of day, which would stand in the names of tests."""


def text(first: int, count: int = 50) -> bytes:
    lines = [",".join(FIELDS)]
    for n in range(first, first + count):
        at = iso_time(NOON + n * 10**9)
        lines.append(f"{at},{at},0,2,1,T,N,0,100.000000000,1,130,0,{n},ACME")
    return "\n".join(lines).encode() + b"\n"


def sequences(found: Discovery) -> list[int]:
    batches = (b for a in found.archives for b in read_archive(a, latest_ns=TIME_MAX_NS))
    return sorted(json.loads(value)["sequence"] for batch in batches for value in batch.values)


def reasons(found: Discovery) -> list[str]:
    batches = (b for a in found.archives for b in read_archive(a, latest_ns=TIME_MAX_NS))
    return [row.rejected.reason for batch in batches for row in batch.rejected]


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def zip_of(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return whole.getvalue()


def skipped(found: Discovery) -> dict[str, bool]:
    return {one.path.name: one.may_hold_trades for one in found.skipped}


def test_every_container_gives_the_same_trades(tmp_path: Path) -> None:
    (tmp_path / "a.trades.CSV").write_bytes(text(1))
    (tmp_path / "b.trades.csv.GZ").write_bytes(gzipped(text(51)))
    (tmp_path / "c.trades.CSV.ZST").write_bytes(zstandard.compress(text(101)))
    inside = {
        "job/d.trades.csv": text(151),
        "job/e.trades.csv.zst": zstandard.compress(text(201)),
        "job/f.trades.csv.gz": gzipped(text(251)),
    }
    zipped(tmp_path / "JOB.Zip", inside)
    zipped(tmp_path / "stored.zip", {"g.trades.csv": text(301)}, zipfile.ZIP_STORED)
    found = find_archives(tmp_path)
    assert sequences(found) == list(range(1, 351))
    assert found.is_whole


def test_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.trades.csv.gz"
    path.write_bytes(gzipped(text(1)) + gzipped(text(51)[167:]) + b"\0" * 99)
    whole = text(1) + text(51)[167:]
    plain = tmp_path / "b.trades.csv"
    plain.write_bytes(whole)
    assert sequences(find_archives(path)) == sequences(find_archives(plain))
    assert reasons(find_archives(path)) == reasons(find_archives(plain))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "archive_truncated"),
        (lambda data: data[:-3], "archive_truncated"),
        (lambda data: data[:200] + b"\xff" * 50 + data[250:], "archive_corrupt"),
        (lambda data: data + b"behind it", "archive_corrupt"),
        (lambda data: b"", "archive_truncated"),
        (lambda data: b"PK not gzip", "archive_corrupt"),
    ],
)
def test_damaged_gzip_is_said_to_be_damaged(tmp_path: Path, damage: object, reason: str) -> None:
    path = tmp_path / "a.trades.csv.gz"
    path.write_bytes(damage(gzipped(text(1, 3_000))))  # type: ignore[operator]
    assert reasons(find_archives(path))[-1] == reason


def test_a_zip_that_was_cut_is_skipped_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.trades.csv").write_bytes(text(1))
    path = zipped(tmp_path / "job.zip", {"b.trades.csv": text(51)})
    path.write_bytes(path.read_bytes()[:-40])
    found = find_archives(tmp_path)
    (one,) = found.skipped
    assert "damaged" in one.reason
    assert one.remedy
    assert one.may_hold_trades
    with pytest.raises(ArchiveError, match="damaged"):
        find_archives(path)


def test_a_changed_member_is_damage_not_a_shorter_day(tmp_path: Path) -> None:
    path = zipped(tmp_path / "job.zip", {"b.trades.csv": text(1)}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b",100.0", b",900.0", 1))
    assert reasons(find_archives(path)) == ["archive_corrupt"]


@pytest.mark.parametrize("packed", ["gz", "zip"])
def test_a_bomb_is_stopped_early(tmp_path: Path, packed: str) -> None:
    zeros = b"\0" * 2**26
    if packed == "gz":
        path = tmp_path / "a.csv.gz"
        path.write_bytes(gzipped(zeros))
    else:
        path = zipped(tmp_path / "a.zip", {"a.csv": zeros})
    assert "archive_expands_too_far" in reasons(find_archives(path))


def test_a_zip_of_overlapping_files_or_too_many_is_not_read(tmp_path: Path) -> None:
    many = zipped(tmp_path / "many.zip", {f"{n}.csv": b"" for n in range(10_001)})
    with pytest.raises(ArchiveError, match="10,001 files"):
        find_archives(many)


def test_what_may_hold_trades_is_told_from_what_does_not(tmp_path: Path) -> None:
    (tmp_path / "a.trades.csv").write_bytes(text(1))
    for name in ("b.trades.csv.bz2", "c.xlsx", "d.7z", "e.parquet", "f.dbz", "g.csv.part"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("README.txt", "manifest.json", ".DS_Store", "plot.png", "x.labels.csv"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "export.dat").write_bytes(b"time,price,size\n1,2,3\n")
    inner = zipped(tmp_path / "inner.zip", {"z.csv": text(51)}).read_bytes()
    (tmp_path / "inner.zip").unlink()
    zipped(tmp_path / "outer.zip", {"inner.zip": inner, "metadata.json": b"{}"})
    found = find_archives(tmp_path)
    told = skipped(found)
    assert [name for name, may in sorted(told.items()) if may] == [
        *("b.trades.csv.bz2", "c.xlsx", "d.7z", "e.parquet", "export.dat", "f.dbz", "g.csv.part"),
        "inner.zip",
    ]
    assert [name for name, may in sorted(told.items()) if not may] == [
        *(".DS_Store", "README.txt", "manifest.json", "metadata.json", "plot.png", "x.labels.csv"),
    ]
    assert all(one.remedy for one in found.skipped if one.may_hold_trades)
    assert sequences(found) == list(range(1, 51))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("b.csv.zst.gz", gzipped(zstandard.compress(text(51)))),
        ("b.csv.gz.zst", zstandard.compress(gzipped(text(51)))),
        ("b.csv.bz2.gz", gzipped(bz2.compress(text(51)))),
        ("b.tar.zst", zstandard.compress(b"x")),
        ("b.csv.gz.1", gzipped(text(51))),
        ("b.csv.zst (1)", zstandard.compress(text(51))),
        ("b.csv.zst.crdownload", zstandard.compress(text(51))[:300]),
        ("b.dbn.gpg", b"\x85\x02\x0c\x03"),
        ("b.bak", gzipped(text(51))),
        ("trades", zstandard.compress(text(51))),
        ("b.dat", text(51).decode().encode("utf-16")),
        ("b.zip.1", zip_of({"job/b.trades.csv": text(51)})),
        ("b.bin", b"x" * 257 + b"ustar  "),
    ],
)
def test_trades_under_a_name_that_is_not_read_are_said(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / "a.trades.csv").write_bytes(text(1))
    (tmp_path / name).write_bytes(data)
    (one,) = find_archives(tmp_path).skipped
    assert (one.path.name, one.may_hold_trades) == (name, True)
    assert one.remedy


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv.zst.sha256", b"0123  a.csv.zst"),
        ("a.csv.gz.md5", b"0123"),
        ("notes.docx", zip_of({"word/document.xml": b"<price size>"})),
        ("log.gz", gzipped(b"all went well\n")),
        ("broken", b"\x1f\x8b\x08 not gzip"),
    ],
)
def test_what_stands_beside_trades_and_is_none_changes_nothing(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / "a.trades.csv").write_bytes(text(1))
    (tmp_path / name).write_bytes(data)
    assert find_archives(tmp_path).is_whole


@pytest.mark.parametrize("suffix", ["csv", "trades.json", "csv.gz"])
@pytest.mark.parametrize(
    ("data", "cure"),
    [
        (gzipped(text(1)), ".gz"),
        (zstandard.compress(text(1)), ".zst"),
        (zip_of({"a.csv": text(1)}), ".zip"),
        (b"DBN\x01" + bytes(200), ".dbn"),
        (b"PAR1" + bytes(50), "CSV"),
    ],
    ids=["gzip", "zstd", "zip", "dbn", "parquet"],
)
def test_what_is_packed_under_a_text_name_is_named_and_not_fetched_again(
    tmp_path: Path, suffix: str, data: bytes, cure: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(gzipped(data) if suffix.endswith(".gz") else data)
    batches = list(read_archive(find_archives(path).archives[0], latest_ns=TIME_MAX_NS))
    (row,) = [row for batch in batches for row in batch.rejected]
    assert row.rejected.reason == "archive_misnamed"
    assert cure in row.rejected.detail
    assert "fetch" not in whole_file(path.name, row.rejected.reason, row.rejected.detail)
    assert "columns" not in whole_file(path.name, row.rejected.reason, row.rejected.detail)


def test_an_encrypted_member_is_skipped_and_may_hold_trades(tmp_path: Path) -> None:
    path = zipped(tmp_path / "job.zip", {"a.csv": text(1), "b.csv": text(51)})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1  # the flag in the directory, of the last member
    path.write_bytes(data)
    found = find_archives(path)
    assert skipped(found) == {"b.csv": True}
    assert sequences(found) == list(range(1, 51))


def test_a_link_in_a_zip_is_no_damaged_file(tmp_path: Path) -> None:
    """What unzip makes of it would lead elsewhere; its text is a path, not trades."""
    path = tmp_path / "job.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", text(1))
        link = zipfile.ZipInfo("latest.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "a.csv")
    found = find_archives(path)
    (one,) = found.skipped
    assert (one.path.name, one.reason) == ("latest.csv", "a link in its zip archive")
    assert sequences(found) == list(range(1, 51))


def test_the_sidecars_of_a_zip_are_used_for_its_members(tmp_path: Path) -> None:
    rows = text(1).replace(b",symbol\n", b"\n").replace(b",ACME\n", b"\n")
    span = {"d0": "2025-01-01", "d1": "2026-01-01", "s": "1"}
    beside = json.dumps({"result": {"NVDA": [span]}}).encode()
    path = zipped(tmp_path / "job.zip", {"a.trades.csv": rows, "symbology.json": beside})
    found = find_archives(path)
    (archive,) = found.archives
    values = [v for b in read_archive(archive, latest_ns=TIME_MAX_NS) for v in b.values]
    assert {json.loads(value)["symbol"] for value in values} == {"NVDA"}
    wrong = json.dumps({"files": [{"filename": "a.trades.csv", "hash": "sha256:0"}]}).encode()
    listed = {"a.trades.csv": rows, "symbology.json": beside, "manifest.json": wrong}
    assert reasons(find_archives(zipped(tmp_path / "job.zip", listed))) == ["archive_corrupt"]


def test_names_in_a_zip_lead_nowhere_else(tmp_path: Path) -> None:
    names = ["../../etc/a.trades.csv", "/abs/b.trades.csv", "dir\\c.trades.csv"]
    path = zipped(tmp_path / "job.zip", {name: text(1 + 50 * n) for n, name in enumerate(names)})
    found = find_archives(path)
    assert all(path in archive.path.parents for archive in found.archives)
    assert sequences(found) == list(range(1, 151))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["job.zip"]


def test_a_zip_that_cannot_be_read_keeps_nobody_from_the_rest(tmp_path: Path) -> None:
    """Too long a name ended the command once; too many of them became objects before a count."""
    (tmp_path / "a.trades.csv").write_bytes(text(1))
    zipped(tmp_path / "deep.zip", {"/".join(["d" * 200] * 30) + "/b.trades.csv": text(51)})
    many = zip_of({f"{n:06d}-{'x' * 200}.csv": b"" for n in range(300)})
    start, end = many.index(b"PK\1\2"), many.rindex(b"PK\5\6")
    listed = many[start:end] * (1 + (8 << 20) // (end - start))
    said = bytearray(many[end:])
    said[12:20] = len(listed).to_bytes(4, "little") + start.to_bytes(4, "little")
    (tmp_path / "many.zip").write_bytes(many[:start] + listed + said)
    found = find_archives(tmp_path)
    assert sequences(found) == list(range(1, 51))
    assert skipped(found) == {"deep.zip": True, "many.zip": True}
    told = {one.path.name: one.reason for one in found.skipped}
    assert "longer than 4,000 bytes" in told["deep.zip"]
    assert "its list of files has more than 8 MiB" in told["many.zip"]


def test_links_are_followed_and_loops_said(tmp_path: Path) -> None:
    days = tmp_path / "days"
    days.mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.trades.csv").write_bytes(text(1))
    (days / "link").symlink_to(other)
    (days / "loop").symlink_to(days)
    (days / "b.trades.csv").symlink_to(other / "nothing.csv")
    os.mkfifo(days / "c.trades.csv")
    found = find_archives(days)
    assert sequences(found) == list(range(1, 51))
    assert skipped(found) == {"loop": False, "b.trades.csv": True, "c.trades.csv": True}


def test_one_content_in_many_places_is_read_once_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.trades.csv").write_bytes(text(1))
    (tmp_path / "b.trades.csv").write_bytes(text(1))
    zipped(tmp_path / "c.zip", {"a.trades.csv": text(1)})
    found = find_archives([tmp_path, tmp_path / "a.trades.csv"])
    assert len(found.archives) == 1
    assert [one.reason for one in found.skipped] == ["same content as another file"] * 2
    assert found.is_whole
