"""The sinks for files: what they write, what they can never take, and that any order of calls is
one file."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.detection.parameters import Parameters
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.process.whole_file import OutputFile
from tape.sinks.registry import FILES, What, check_output, file_sink
from tape.sinks.sink import Item, Poison, SinkBusyError
from tape.testing import a_message, a_trade, messages
from tape.testing.trades import OPEN_NS


def anomalies(count: int) -> list[Item]:
    values = [a_message(n, size=30_000 + n) for n in range(1, count + 1)]
    found = Judge(Parameters(), 5, Counts()).judge([b"NVDA"] * count, values).flagged
    assert len(found) == count
    return [Item(one.value) for one in found]


def written(path: Path, batches: list[list[Item]], what: What = "anomalies") -> list[Poison]:
    poison: list[Poison] = []
    with OutputFile(path) as file:
        sink = file_sink(file, path.suffix, what)
        for batch in batches:
            poison += sink.write(batch)
        sink.flush()
        sink.close()
    return poison


def episodes_of(count: int, symbol: str = "NVDA", price_usd: float = 100.0) -> list[Item]:
    """Two states of as many episodes, each of one large trade two seconds before an ordinary one,
    and one that is still open."""
    trades = []
    for n in range(1, count + 2):
        at_ns = OPEN_NS + n * 60_000_000_000
        steps = [(0, 30_000 + n), (2_000_000_000, 5), (4_000_000_000, 5)]
        trades += [
            a_trade(
                10 * n + k,
                size=size,
                symbol=symbol,
                ts_event_ns=at_ns + after_ns,
                price_usd=price_usd,
            )
            for k, (after_ns, size) in enumerate(steps)
        ]
    found = Judge(Parameters(), 5, Counts()).judge(*messages(trades[:-2])).episodes
    assert [one.state for one in found] == ["opened", "closed"] * count + ["opened"]
    return [Item(one.value) for one in found]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """What is in a table, by another reader than ours; text where it is CSV."""
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        return list(parquet.read_table(path).to_pylist())
    return list(csv.DictReader(io.StringIO(path.read_text())))


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


TABLES = [".csv", ".parquet"]


@pytest.mark.parametrize("suffix", TABLES)
@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_table_of_episodes_has_a_row_for_each_that_is_closed(
    suffix: str, cut: int, tmp_path: Path
) -> None:
    items, path = episodes_of(3), tmp_path / f"e{suffix}"
    batches = [items[at : at + cut] for at in range(0, len(items), cut)]
    assert written(path, batches, "episodes") == []
    rows = rows_of(path)
    assert [int(row["shares"]) for row in rows] == [30_001, 30_002, 30_003]
    said = [msgspec.json.decode(item.value) for item in items]
    closed = [one for one in said if one["state"] == "closed"]
    for row, one in zip(rows, closed, strict=True):
        for name in ("episode_id", "symbol", "rule", "reason", "family", "context", "text"):
            assert row[name] == one[name], name
        for name in ("priority", "notional_usd", "duration_s", "publisher_id", "price_before"):
            assert float(row[name] or 0) == (one[name] or 0), name
    assert float(rows[1]["price_after"]) == 100.0


@pytest.mark.parametrize("suffix", TABLES)
def test_a_table_of_no_episodes_has_its_columns(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"e{suffix}"
    assert written(path, [], "episodes") == []
    assert rows_of(path) == []
    assert path.stat().st_size > 100


@pytest.mark.parametrize("suffix", TABLES)
def test_what_is_no_episode_is_handed_back(suffix: str, tmp_path: Path) -> None:
    good, path = episodes_of(1), tmp_path / f"e{suffix}"
    wrong_time = Item(good[1].value.replace(b"2025-05-05T", b"2025-05-05 "))
    bad = [Item(b"{}"), Item(b"\xff"), Item(b""), *anomalies(1), wrong_time]
    poison = written(path, [[*bad, *good]], "episodes")
    assert [one.item for one in poison] == bad
    assert len(rows_of(path)) == 1


def test_a_symbol_that_is_a_formula_is_text_in_a_table_of_episodes(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    written(path, [episodes_of(1, symbol="=1+1")], "episodes")
    (row,) = rows_of(path)
    assert row["symbol"] == "'=1+1"
    assert row["episode_id"].startswith("'=1+1-2-")


@pytest.mark.parametrize("what", ["anomalies", "episodes"])
def test_a_price_below_zero_is_a_number_in_a_table(what: What, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    items = episodes_of(1, price_usd=-37.63)
    if what == "anomalies":
        values = [a_message(1, size=30_001, price_usd=-37.63)]
        found = Judge(Parameters(), 5, Counts()).judge([b"NVDA"], values).flagged
        items = [Item(one.value) for one in found]
    written(path, [items], what)
    (row,) = rows_of(path)
    assert row["price" if what == "anomalies" else "price_extreme"] == "-37.63"


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
