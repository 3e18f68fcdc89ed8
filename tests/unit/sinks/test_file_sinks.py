"""The sinks for files: what they write, what they can never take, and that any order of calls is
one file."""

import csv
import io
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.detection.parameters import Parameters
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.process.whole_file import OutputFile
from tape.sinks.registry import FILES, check_output, file_sink
from tape.sinks.sink import Item, Poison, SinkBusyError
from tape.testing import a_message


def anomalies(count: int) -> list[Item]:
    values = [a_message(n, size=30_000 + n) for n in range(1, count + 1)]
    found = Judge(Parameters(), 5, Counts()).judge([b"NVDA"] * count, values).flagged
    assert len(found) == count
    return [Item(one.value) for one in found]


def written(path: Path, batches: list[list[Item]]) -> list[Poison]:
    poison: list[Poison] = []
    with OutputFile(path) as file:
        sink = file_sink(file, path.suffix)
        for batch in batches:
            poison += sink.write(batch)
        sink.flush()
        sink.close()
    return poison


def sizes(path: Path) -> list[int]:
    """What is in a file, by another reader than ours."""
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        return list(parquet.read_table(path)["size"].to_pylist())
    if path.suffix == ".csv":
        return [int(row["size"]) for row in csv.DictReader(io.StringIO(path.read_text()))]
    return [msgspec.json.decode(line)["size"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("cut", [1, 4, 100])
def test_batches_of_any_size_are_one_file(suffix: str, cut: int, tmp_path: Path) -> None:
    items, path = anomalies(10), tmp_path / f"a{suffix}"
    assert written(path, [items[at : at + cut] for at in range(0, 10, cut)]) == []
    assert sizes(path) == list(range(30_001, 30_011))


@pytest.mark.parametrize("suffix", FILES)
def test_a_sink_that_was_given_nothing_leaves_an_empty_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    assert written(path, []) == []
    assert sizes(path) == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_no_anomaly_is_handed_back_with_the_reason_and_the_rest_is_written(
    suffix: str, tmp_path: Path
) -> None:
    good, path = anomalies(2), tmp_path / f"a{suffix}"
    bad = [Item(b"{}"), Item(b"\xff"), Item(a_message(1)), Item(b"")]
    poison = written(path, [[good[0], *bad, good[1]]])
    assert [one.item for one in poison] == bad
    assert all(one.reason for one in poison)
    assert sizes(path) == [30_001, 30_002]


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_any_bytes_are_answered_and_a_line_is_a_line(values: list[bytes]) -> None:
    class Held(bytearray):
        """An open file."""

        def write(self, data: bytes) -> None:
            self.extend(data)

    for suffix in (".jsonl", ".csv"):
        held = Held()
        sink = file_sink(held, suffix)  # type: ignore[arg-type]
        poison = sink.write([Item(value) for value in values])
        if suffix == ".jsonl":
            taken = [value for value in values if b"\n" not in value]
            assert bytes(held) == b"".join(value + b"\n" for value in taken)
            assert len(poison) == len(values) - len(taken)


def test_a_name_with_another_suffix_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=re.escape(", ".join(FILES))):
        check_output(Path("anomalies.xlsx"))


def test_a_busy_sink_says_when_to_come_again() -> None:
    assert SinkBusyError("full", retry_after_s=2.5).retry_after_s == 2.5
