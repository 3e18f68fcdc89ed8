"""Whatever lies beside trades under a known name: it is used, or it has no effect and is told."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.archives import find_archives, read_archive
from tape.archives.columns_reader import read_columns_file
from tape.archives.sidecars import Symbology, damaged_sidecars, listed_hashes
from tape.desk.evaluate.labels import read_labels
from tape.errors import TapeError
from tape.model.fields import TIME_MAX_NS
from tape.settings.thresholds_file import read_thresholds
from tests.commands import tape

DAY = "ts_event,price,size,symbol\n" + "".join(
    f"2025-03-05T14:30:0{n}Z,80.1{n},100,ACME\n" for n in range(5)
)
BY_INSTRUMENT = "ts_event,price,size,instrument_id\n" + "".join(
    f"2025-03-05T14:30:0{n}Z,80.1{n},100,7\n" for n in range(5)
)
GOOD_JSON = {"result": {"ACME": [{"d0": "2025-03-01", "d1": "2025-04-01", "s": "7"}]}}
GOOD_CSV = "date,instrument_id,raw_symbol\n2025-03-05,7,ACME\n"
READ = ("manifest.json", "symbology.json", "symbology.csv")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["files", "filename", "hash", "result", "d0", "d1", "s", "ACME"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
LAW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def judged(folder: Path) -> int:
    """Return how many trades are read in a folder."""
    return sum(
        len(batch.values)
        for archive in find_archives(folder).archives
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS)
    )


def lay(folder: Path, name: str, data: bytes) -> None:
    (folder / "a.csv").write_text(DAY)
    (folder / name).write_bytes(data)
    os.utime(folder / name, ns=(0, len(list(folder.iterdir()))))


@LAW
@given(data=st.binary(max_size=300), name=st.sampled_from(READ))
def test_any_bytes_as_a_sidecar_leave_the_trades_as_they_are(
    data: bytes, name: str, tmp_path: Path
) -> None:
    (tmp_path / name).unlink(missing_ok=True)
    lay(tmp_path, name, data)
    assert judged(tmp_path) == 5
    (tmp_path / name).unlink()


@LAW
@given(value=VALUES, name=st.sampled_from(READ[:2]))
def test_any_json_as_a_sidecar_leaves_the_trades_as_they_are(
    value: Any, name: str, tmp_path: Path
) -> None:
    (tmp_path / name).unlink(missing_ok=True)
    lay(tmp_path, name, json.dumps(value).encode())
    assert judged(tmp_path) == 5
    (tmp_path / name).unlink()


@LAW
@given(
    tables=st.dictionaries(
        st.sampled_from(
            ["columns", "file", "time", "price", "symbol", "trades", "side", "defaults", "x"]
        ),
        st.dictionaries(
            st.sampled_from(
                [
                    "ts_event",
                    "price",
                    "unit",
                    "zone",
                    "day",
                    "order",
                    "value",
                    "values",
                    "column",
                    "file_name",
                    "header",
                    "delimiter",
                    "decimal",
                    "flags",
                    "*",
                ]
            ),
            st.none()
            | st.booleans()
            | st.integers(-(2**70), 2**70)
            | st.floats(allow_nan=False)
            | st.text("aé()[{\\*+%/0 \x00\u202e", max_size=8)
            | st.lists(st.integers() | st.text("ab", max_size=3), max_size=3),
            max_size=4,
        )
        | st.integers(),
        max_size=5,
    )
)
def test_any_columns_file_is_taken_or_refused_in_a_sentence(
    tables: dict[str, Any], tmp_path: Path
) -> None:
    def toml(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return "[" + ", ".join(map(toml, value)) + "]"
        return json.dumps(str(value) if value is None else value)

    lines = []
    for name, table in sorted(tables.items(), key=lambda item: isinstance(item[1], dict)):
        if isinstance(table, int):
            lines.append(f"{name} = {table}")
        else:
            lines.append(f"[{name}]")
            lines += [f"{json.dumps(key)} = {toml(value)}" for key, value in table.items()]
    (tmp_path / "t.toml").write_text("\n".join(lines))
    (tmp_path / "a.csv").write_text(DAY)
    for read in (read_columns_file, read_thresholds):
        try:
            read(tmp_path / "t.toml")
        except TapeError as error:
            assert "\n" not in str(error)  # noqa: PT017 - there need be none


@LAW
@given(data=st.binary(max_size=400))
def test_any_bytes_as_labels_thresholds_or_columns_are_taken_or_refused(
    data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(data)
    for read in (read_columns_file, read_thresholds, read_labels):
        try:
            read(tmp_path / "x")
        except TapeError:
            continue


HUGE = b"9" * 100_000
DAMAGED = {
    "200,000 brackets": b"[" * 200_000,
    "200,000 objects": b'{"files":' * 200_000,
    "deep in what is not read": b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b',"files":[]}',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "nothing": b"",
    "an empty object": b"{}",
    "null in it": b'{"files":null,"result":null}',
    "a number in it": b'{"files":7,"result":7}',
    "an object for a list": b'{"files":{"a":1},"result":[1]}',
    "a list of numbers": b'{"files":[1,2],"result":{"ACME":[1,2]}}',
    "a list of lists": b'{"files":[[]],"result":{"ACME":[[]]}}',
    "a number for a name": b'{"files":[{"filename":7,"hash":7}],"result":{"A":[{"d0":1}]}}',
    "null for a name": b'{"files":[{"filename":null,"hash":"x"}],"result":{"A":null}}',
    "no name": b'{"files":[{"hash":"x"}],"result":{"A":[{"s":"7"}]}}',
    "NaN": b'{"files":NaN,"result":NaN}',
    "a huge integer": b'{"files":'
    + HUGE
    + b',"result":{"A":[{"d0":"","d1":"","s":'
    + HUGE
    + b"}]}}",
    "a negative number": b'{"files":-1,"result":{"A":[{"d0":"","d1":"","s":-1}]}}',
    "digits that are none": '{"files":1,"result":{"A":[{"d0":"","d1":"","s":"²"}]}}'.encode(),
    "no UTF-8": b'{"files":[{"filename":"\xff","hash":"x"}],"result":{"\xff":[]}}',
    "UTF-16": json.dumps({"files": [], **GOOD_JSON}).encode("utf-16"),
    "half a text": b'{"files":[{"filename":"a","hash":"b"}],"result":{"ACME":[{"d0":',
    "a lone surrogate": b'{"files":[{"filename":"\\udc80","hash":1}],"result":{"\\udc80":1}}',
    "zero bytes": bytes(1_000),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", ["manifest.json", "symbology.json"])
def test_a_damaged_sidecar_is_told_and_has_no_effect(
    name: str, damage: str, tmp_path: Path
) -> None:
    lay(tmp_path, name, DAMAGED[damage])
    ended = tape("inspect", tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["trades"] == 5
    (line,) = [line for line in ended.stderr.splitlines() if name in line]
    assert "damaged sidecar" in line
    assert "fetch it again" in line


DAMAGED_CSV = {
    "no columns": b"1,2,3\n4,5,6\n",
    "a short row": b"date,instrument_id,raw_symbol\n2025-03-05\n",
    "no number": b"date,instrument_id,raw_symbol\n2025-03-05,x,ACME\n",
    "a huge number": b"date,instrument_id,raw_symbol\n2025-03-05," + HUGE + b",ACME\n",
    "digits that are none": "date,instrument_id,raw_symbol\n2025-03-05,²,ACME\n".encode(),
    "a huge field": b"date,instrument_id,raw_symbol\n" + b"x" * 200_000 + b",7,ACME\n",
    "an open quote": b'date,instrument_id,raw_symbol\n"2025-03-05,7,ACME\n',
    "zero bytes": b"date,instrument_id,raw_symbol\n2025\0,7,\0\n\0",
    "no UTF-8": b"date,instrument_id,raw_symbol\n2025-03-05,7,\xff\n",
    "UTF-16": GOOD_CSV.encode("utf-16"),
}


@pytest.mark.parametrize("damage", DAMAGED_CSV)
def test_a_damaged_table_of_symbols_is_no_traceback(damage: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(BY_INSTRUMENT)
    (tmp_path / "symbology.csv").write_bytes(DAMAGED_CSV[damage])
    ended = tape("replay", tmp_path)
    assert ended.returncode == 2
    assert "symbology.csv" in ended.stderr


def test_a_larger_sidecar_than_any_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(DAY)
    with (tmp_path / "symbology.json").open("wb") as file:
        file.truncate(300 << 20)
    (told,) = damaged_sidecars([tmp_path])
    assert "larger than 64 MiB" in told.reason
    assert judged(tmp_path) == 5


def test_a_damaged_json_leaves_the_table_of_symbols_in_effect(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(BY_INSTRUMENT)
    (tmp_path / "symbology.json").write_text("[")
    (tmp_path / "symbology.csv").write_text(GOOD_CSV)
    assert judged(tmp_path) == 5
    assert Symbology(tmp_path).symbol(7, "2025-03-05") == "ACME"


def test_where_symbols_are_needed_the_sentence_names_the_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(BY_INSTRUMENT)
    (tmp_path / "symbology.json").write_text("[")
    ended = tape("replay", tmp_path)
    assert ended.returncode == 2
    assert "the symbology.json beside the file is damaged" in ended.stderr


@pytest.mark.parametrize("text", [json.dumps(GOOD_JSON), "\ufeff" + json.dumps(GOOD_JSON)])
def test_a_good_one_is_used_also_behind_a_mark_of_utf_8(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(BY_INSTRUMENT)
    (tmp_path / "symbology.json").write_text(text)
    assert judged(tmp_path) == 5
    assert damaged_sidecars([tmp_path]) == []


def test_of_a_name_that_is_listed_twice_the_last_hash_counts(tmp_path: Path) -> None:
    files = [{"filename": "a.csv", "hash": one, "size": 1} for one in ("x", "y")]
    (tmp_path / "manifest.json").write_text(json.dumps({"files": files}))
    assert listed_hashes(tmp_path) == {"a.csv": "y"}


def test_a_sidecar_that_is_corrected_counts_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(BY_INSTRUMENT)
    (tmp_path / "symbology.json").write_text("[")
    assert not Symbology(tmp_path)
    (tmp_path / "symbology.json").write_text(json.dumps(GOOD_JSON))
    assert Symbology(tmp_path)


TOML = {
    "a huge integer": "x = " + "9" * 5_000,
    "deep brackets": "x = " + "[" * 100_000,
    "deep tables": "[" + ".".join(["a"] * 20_000) + "]",
    "a pattern of many groups": '[symbol]\nfile_name = "' + "(" * 5_000 + '"',
    "a pattern of many times": '[symbol]\nfile_name = "(a{99999999999})"',
    "a day that is none": "[time]\nday = 2025-02-30",
    "a huge file": "#" * (2 << 20),
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("text", TOML)
@pytest.mark.parametrize(
    "read", [read_columns_file, read_thresholds], ids=lambda read: read.__name__
)
def test_a_hostile_toml_is_refused_in_a_sentence(read: Any, text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_bytes(TOML[text].encode(errors="surrogateescape"))
    if read is read_thresholds and text == "a huge file":
        assert read(path) == {}
        return
    with pytest.raises(TapeError, match=r"t\.toml"):
        read(path)
