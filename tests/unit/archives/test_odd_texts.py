"""What other programs write where a number, a time or a table should be: each has its sentence."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tape.archives import RowBatch, find_archives, read_archive
from tape.archives.columns_guess import suggest
from tape.archives.outcome import Outcome
from tape.errors import ArchiveError
from tape.model.fields import TIME_MAX_NS
from tests.made_files import NANOS, csv, walk, written

ROWS = walk(12)


def read(path: Path) -> list[RowBatch]:
    return list(read_archive(find_archives(path).archives[0], latest_ns=TIME_MAX_NS))


def messages(path: Path) -> list[bytes]:
    """The messages of a file of which all is read."""
    batches = read(path)
    assert not any(batch.rejected for batch in batches)
    return [value for batch in batches for value in batch.values]


def details(path: Path) -> set[tuple[str, str]]:
    """Reasons and details of a file of which nothing may be read."""
    batches = read(path)
    assert not any(batch.values for batch in batches)
    faults = [row.rejected for batch in batches for row in batch.rejected]
    return {(fault.reason, fault.detail) for fault in faults}


NUMBERS = {
    "1,234.50": "`{}` has thousands separators: write 1234.5",
    "1 234.50": "`{}` has thousands separators: write 1234.5",
    "1'234'567": "`{}` has thousands separators: write 1234.5",
    "NaN": "`{}` has a word for no number, such as NaN or NA",
    "-inf": "`{}` has a word for no number, such as NaN or NA",
    "NULL": "`{}` has a word for no number, such as NaN or NA",
    "#N/A": "`{}` has a word for no number, such as NaN or NA",
    "-": "`{}` has a word for no number, such as NaN or NA",
    "1e3": "`{}` has an exponent without its sign: write 1e+05, or 100000",
    " 142.01": "`{}` has blanks around it: write none",
}


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("name", ["price", "size"])
def test_a_number_that_is_none_is_told_by_its_look(tmp_path: Path, name: str, text: str) -> None:
    how = {name: lambda _: f'"{text}"'}
    path = written(tmp_path / "a.csv", csv(ROWS, **how))  # type: ignore[arg-type]
    assert details(path) == {("number_syntax", NUMBERS[text].format(name))}


@pytest.mark.parametrize("text", ["+142.01", "$142.01", "142.01 USD", "0x8e", "1_000.0"])
def test_any_other_text_is_no_decimal_number(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "a.csv", csv(ROWS, price=lambda _: text))
    assert details(path) == {("number_syntax", "`price` is not a decimal number")}


@pytest.mark.parametrize(
    "text", [lambda ns: f"{ns / NANOS / 86_400 + 25_569:.9f}", lambda ns: "45721", lambda ns: "-5"]
)
def test_a_number_that_is_no_time_of_any_unit_is_not_called_a_stray_one(
    tmp_path: Path, text: object
) -> None:
    """As spreadsheets count days."""
    path = written(tmp_path / "a.csv", csv(ROWS, time=text))  # type: ignore[arg-type]
    detail = "`ts_event` is a number, and none of the first is s, ms, µs or ns since 1970"
    assert details(path) == {("time_range", detail)}


FILES = {
    "feather": (b"ARROW1\0\0" + bytes(99), "it holds Arrow (Feather) where text was expected"),
    "parquet": (b"PAR1" + bytes(99), "it holds Parquet where text was expected"),
    "pickle": (b"\x80\x04\x95" + bytes(99), "it holds a pickle where text was expected"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "it holds HDF5 where text was expected"),
    "sqlite": (b"SQLite format 3\0" + bytes(99), "it holds an SQLite database where text"),
    "xlsx": (b"PK\3\4" + bytes(26) + b"[Content_Types].xml", "it is a workbook, not text"),
    "xls": (b"\xd0\xcf\x11\xe0" + bytes(99), "it holds an old Excel workbook where text"),
    "zip": (b"PK\3\4" + bytes(26) + b"day.csv", "it holds a zip archive where text was expected"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("suffix", [".csv", ".trades.json"])
def test_a_table_of_another_program_named_csv_is_named(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    data, words = FILES[kind]
    ((reason, detail),) = details(written(tmp_path / f"a{suffix}", data))
    assert reason == "archive_misnamed"
    assert detail.startswith(words)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('[{"ts_event":1}]\n', "a.trades.json"),
        ('{\n "ts_event": 1\n}\n', "a.trades.json"),
        ('{"ts_event":1},\n', "a.trades.json"),
        ("ts_event,price,price,size,symbol\n", "a.csv"),
        ("ts_event,price,size,symbol\rx\n", "a.csv"),
        ("ts_event,price,size,symbol\n".encode("utf-16").decode("latin-1"), "a.csv"),
    ],
    ids=["list", "pretty", "commas", "twice", "cr", "utf-16"],
)
def test_a_columns_file_is_not_the_cure_of_what_it_cannot_cure(
    tmp_path: Path, text: str, name: str
) -> None:
    path = written(tmp_path / name, text.encode("latin-1"))
    outcome = Outcome()
    for batch in read(path):
        outcome.note(batch.rejected, damaged=batch.damaged)
    (said,) = outcome.damaged
    assert "suggest-columns" not in said
    assert any(
        word in said
        for word in (
            "write one object per line",
            "columns twice",
            "save it",
            "save the file",
            "iconv",
        )
    )


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("[" + '{"ts_event":1},' * 40_000, "a.trades.json", "write one JSON object a line"),
        (' {"trades":[' + '{"ts_event":1},' * 40_000, "a.trades.json", "one JSON object a line"),
        ("ts_event,price,size,symbol\r" * 40_000, "a.csv", "end with \\r alone, save it with"),
    ],
    ids=["list", "wrapped", "cr"],
)
def test_a_file_that_is_one_long_line_is_told_how_to_be_written(
    tmp_path: Path, text: str, name: str, words: str
) -> None:
    ((reason, detail),) = details(written(tmp_path / name, text))
    assert reason == "row_too_long"
    assert words in detail


@pytest.mark.parametrize("names", ["Preis", "Stück"])
@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_column_that_a_columns_file_names_may_not_stand_twice(
    tmp_path: Path, names: str, suffix: str
) -> None:
    """Of two columns of one name the first was read, of two keys of one name the last."""
    columns = '[columns]\nts_event = "Zeit"\nprice = "Preis"\nsize = "Stück"\n'
    written(tmp_path / "tapewatch.toml", columns + '[symbol]\nvalue = "ACME"\n')
    cells = [("Zeit", '"2025-03-05T14:30:00Z"'), ("Preis", "1.5"), ("Stück", "7"), (names, "2")]
    if suffix == ".csv":
        lines = [",".join(cell[n] for cell in cells) for n in (0, 1)]
        expected = ("header_unexpected", f"columns twice: {names}")
    else:
        lines = ["{" + ",".join(f'"{name}":{value}' for name, value in cells) + "}"]
        expected = ("message_shape", "one of its keys stands twice in it")
    assert details(written(tmp_path / f"a{suffix}", "\n".join([*lines, ""]))) == {expected}


def test_no_columns_are_suggested_for_a_table_of_another_program(tmp_path: Path) -> None:
    for kind, (data, words) in FILES.items():
        with pytest.raises(ArchiveError) as error:
            suggest(written(tmp_path / f"{kind}.csv", data))
        assert words in str(error.value)


def test_days_of_a_spreadsheet_are_not_taken_for_seconds_since_midnight(tmp_path: Path) -> None:
    """45,721.604 would be 12:42:01.604; the file's name has a day, and somebody says a zone."""
    text = csv(ROWS, time=lambda ns: f"{ns / NANOS / 86_400 + 25_569:.9f}")
    made = suggest(written(tmp_path / "acme-2025-03-05.csv", text), "America/New_York")
    assert made.open == ["times look like a spreadsheet's days since 1900: write them as text"]
    seconds = csv(ROWS, time=lambda ns: f"{ns / NANOS % 86_400:.9f}")
    made = suggest(written(tmp_path / "acme-2025-03-05.csv", seconds), "UTC")
    assert made.open == []
    assert made.tables["time"]["unit"] == "s since midnight"


def test_a_clock_of_twelve_hours_is_said_not_to_be_read(tmp_path: Path) -> None:
    day = datetime(2025, 3, 5, 14, 30, tzinfo=UTC)
    text = csv(ROWS, time=lambda _: f"{day:%m/%d/%Y %I:%M:%S %p}")
    made = suggest(written(tmp_path / "a.csv", text), "UTC")
    assert made.open == ["times of a 12-hour clock are not read: write them with 24 hours"]


@pytest.mark.parametrize(
    ("size", "price"),
    [
        (lambda size: f"{size}.", lambda nanos: f"{nanos // NANOS}."),
        (lambda size: f"{size / 100:.4f}E2", lambda nanos: f"{nanos / NANOS / 100:.12f}E2"),
        (lambda size: f"{size * 10}e-1", lambda nanos: f"{nanos / NANOS / 10:.10f}e1"),
    ],
)
def test_numbers_as_c_and_java_write_them_are_read(
    tmp_path: Path, size: Callable[[int], str], price: Callable[[int], str]
) -> None:
    """A bare point, and an exponent without a plus."""
    whole = [replace(row, price_nanos=row.price_nanos // NANOS * NANOS) for row in ROWS]
    odd = written(tmp_path / "odd.csv", csv(whole, size=size, price=price))
    plain = written(tmp_path / "plain.csv", csv(whole))
    assert messages(odd) == messages(plain) != []


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n', "sep=;;;;\n"])
def test_the_line_in_which_spreadsheets_name_the_delimiter_is_skipped(
    tmp_path: Path, first: str, mark: bytes
) -> None:
    text = csv(ROWS, delimiter=";")
    sheet = written(tmp_path / "sheet.csv", mark + (first + text).encode())
    assert messages(sheet) == messages(written(tmp_path / "plain.csv", text)) != []


def test_rows_are_numbered_as_an_editor_shows_them_below_that_line(tmp_path: Path) -> None:
    text = "sep=,\n" + csv(ROWS[:3]) + "a,b\n"
    [row] = [row for batch in read(written(tmp_path / "a.csv", text)) for row in batch.rejected]
    assert row.source == f"a.csv:{text.count(chr(10))}"


def test_a_file_of_that_line_alone_has_no_trades(tmp_path: Path) -> None:
    assert details(written(tmp_path / "a.csv", "sep=;\n"))
