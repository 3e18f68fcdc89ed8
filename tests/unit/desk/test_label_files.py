"""Label files as people have them: out of pandas, a spreadsheet, a database, or another format."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tape.desk.evaluate.labels import Label, read_labels
from tape.errors import ArchiveError

AT_NS = 1_741_014_000_001_000_000
"""2025-03-03 15:00:00.001 UTC, as Python's `datetime` counts it."""
HEAD = "symbol,ts_event,sequence\n"


def read(content: str | bytes, path: Path) -> list[Label]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_labels(path)


def test_pandas_own_csv_is_read(tmp_path: Path) -> None:
    """A gap makes floats of a column of numbers, and times have a blank and an offset."""
    at = pd.Timestamp(AT_NS, tz="UTC")
    table = pd.DataFrame({"symbol": "AAA", "ts_event": [at, at], "sequence": [7, np.nan]})
    for gap in ("", "NULL", "nan", "<NA>"):
        table.to_csv(tmp_path / "labels.csv", index=False, na_rep=gap)
        found = read_labels(tmp_path / "labels.csv")
        assert [one.first_sequence for one in found] == [7, None]
        assert {one.first_ts_event_ns for one in found} == {AT_NS}


@pytest.mark.parametrize(
    "time",
    [
        "2025-03-03T15:00:00.001000000Z",
        "2025-03-03T15:00:00.001Z",
        "2025-03-03 15:00:00.001+0000",
        "2025-03-03 10:00:00.001-05:00",
        str(AT_NS),
    ],
)
def test_a_time_with_its_zone_is_a_time_in_any_form(time: str, tmp_path: Path) -> None:
    (found,) = read(f"{HEAD}AAA,{time},7\n", tmp_path / "a.csv")
    assert found.first_ts_event_ns == AT_NS


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_spreadsheets_separators_and_line_ends_are_read(
    separator: str, end: str, tmp_path: Path
) -> None:
    text = f"{HEAD}AAA,{AT_NS},7\n".replace(",", separator).replace("\n", end)
    (found,) = read(text, tmp_path / "a.csv")
    assert (found.symbol, found.first_sequence) == ("AAA", 7)


WRONG: dict[str, tuple[bytes, str]] = {
    "JSON": (b'{"symbol":"AAA"}', "a.csv is JSON; a label file is plain CSV; save it as CSV"),
    "an array": (b'[{"symbol":"AAA"}]', "a.csv is JSON"),
    "Parquet": (b"PAR1\x15\x04\x84", "a.csv is Parquet"),
    "UTF-16": (f"{HEAD}AAA,{AT_NS},7\n".encode("utf-16"), "a.csv is UTF-16"),
    "Latin-1": (f"{HEAD}AAA,{AT_NS},7\nÉ,1,1\n".encode("latin-1"), "a.csv, line 3: the bytes are"),
    "no zone": (f"{HEAD}AAA,2025-03-03 15:00:00,7\n".encode(), "has no zone: write Z behind it"),
    "a long line": (HEAD.encode() + b"A" * 1_000_000, "field larger than field limit"),
    "half a number": (f"{HEAD}AAA,{AT_NS},7.5\n".encode(), "`sequence` is not a whole number"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_label_file_is_said_to_be_what_it_is(case: str, tmp_path: Path) -> None:
    content, words = WRONG[case]
    with pytest.raises(ArchiveError) as error:
        read(content, tmp_path / "a.csv")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
