"""Tables of columns: what they hold is read by other readers than ours."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard

from tape.errors import SettingsError
from tape.model.fields import iso_time, price_text
from tape.process.origin import made_here
from tape.process.whole_file import OutputFile
from tape.sinks.tables import FILES, Column, check_table, open_table

pytest.importorskip("pyarrow")

TIMES = [0, 1, 1_746_432_000_044_832_190, 1_746_432_000_000_000_000 - 1, 4_102_444_799_999_999_999]
PRICES = [0, 1, -1, 137_930_000_000, -37_630_000_000]
TEXTS = ['a,"b"', "=1+1", "plain", "två", "line\nbreak"]
NONE = -1


def columns(rows: slice) -> list[Column]:
    return [
        Column("at", "time", np.array(TIMES)[rows]),
        Column("price", "price", np.array(PRICES)[rows], missing=np.array([0, 0, 0, 0, 1]) > 0)
        if rows == slice(None)
        else Column("price", "price", np.array(PRICES)[rows]),
        Column("whole", "whole", np.array([0, 5, -7, 2**40, 1])[rows]),
        Column("number", "number", np.array([0.1, np.nan, 1e-9, 1e300, -2.5])[rows]),
        Column("yes", "yes", np.array([True, False, True, True, False])[rows]),
        Column("text", "text", np.array([0, 1, 2, 3, 4])[rows], TEXTS),
        Column("none", "text", np.array([NONE, 2, NONE, 2, NONE])[rows], TEXTS),
    ]


def written(path: Path, parts: list[slice]) -> None:
    with OutputFile(path) as file:
        table = open_table(file, "a test")
        for part in parts:
            table.write(columns(part))
        table.flush()
        table.close()


def rows_of(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = (
            zstandard.ZstdDecompressor()
            .stream_reader(io.BytesIO(data), read_across_frames=True)
            .read()
        )
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize("suffix", [".csv", ".csv.zst"])
def test_csv_says_times_and_prices_as_databento_does(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    written(path, [slice(0, 3), slice(3, 5)])
    rows = rows_of(path)
    assert [row["at"] for row in rows] == [iso_time(ns) for ns in TIMES]
    for row, nanos in zip(rows, PRICES, strict=True):
        text = price_text(nanos)
        whole, _, decimals = text.partition(".")
        assert row["price"] == f"{whole}.{decimals:0<9}"
    assert [row["whole"] for row in rows] == ["0", "5", "-7", str(2**40), "1"]
    numbers = [float(row["number"] or "nan") for row in rows]
    assert np.array_equal(numbers, [0.1, np.nan, 1e-9, 1e300, -2.5], equal_nan=True)
    assert [row["yes"] for row in rows] == ["true", "false", "true", "true", "false"]
    assert [row["text"] for row in rows] == [TEXTS[0], "'=1+1", *TEXTS[2:]]
    assert [row["none"] for row in rows] == ["", "plain", "", "plain", ""]


def test_a_value_that_is_missing_is_an_empty_cell(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", [slice(None)])
    assert [row["price"] == "" for row in rows_of(tmp_path / "a.csv")] == [False] * 4 + [True]


def test_parquet_has_types_that_need_no_reading_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    written(path, [slice(0, 2), slice(2, 5)])
    table = pd.read_parquet(path)
    assert str(table["at"].dtype) == "datetime64[ns, UTC]"
    assert [at.value for at in table["at"]] == TIMES
    assert table["price"].tolist() == [nanos / 1e9 for nanos in PRICES]
    assert table["text"].tolist() == TEXTS
    assert [text for text in table["none"] if isinstance(text, str)] == ["plain", "plain"]
    assert table["yes"].tolist() == [True, False, True, True, False]
    assert table["number"].isna().tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("suffix", [".parquet", ".csv.zst"])
def test_a_table_says_that_this_program_made_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    written(path, [slice(n, n + 1) for n in range(5)])
    assert made_here(path)


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet.zst", "a"])
def test_a_name_without_a_known_suffix_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"no known suffix"):
        check_table(Path(name))


@pytest.mark.parametrize("suffix", FILES)
def test_a_folder_is_no_table(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(SettingsError, match=r"is a folder"):
        check_table(tmp_path / f"a{suffix}")
