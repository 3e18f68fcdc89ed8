"""An empty cell of a column that has a default stands for it, in every form of file."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.archives import RowBatch, find_archives, read_archive
from tape.model.fields import TIME_MAX_NS
from tape.model.trade import Trade, encode
from tests.made_files import COLUMNS, NANOS, Row, csv, decimal, iso, walk, written
from tests.ordinals import numbered

OPTIONAL = (
    *("ts_recv", "rtype", "publisher_id", "instrument_id", "side", "depth", "flags"),
    *("ts_in_delta", "sequence"),
)
ROWS = walk(12)
CELLS = st.lists(st.sets(st.sampled_from(OPTIONAL)), min_size=12, max_size=12)
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NO_TIME = "18446744073709551615"


def expected(rows: list[Row], empty: list[set[str]]) -> list[bytes]:
    """The messages as docs/files.md states the defaults."""
    return numbered(
        [
            encode(
                Trade(
                    ts_event_ns=row.ts_event_ns,
                    ts_recv_ns=row.ts_event_ns + (0 if "ts_recv" in none else 165_000),
                    publisher_id=0 if "publisher_id" in none else row.publisher,
                    instrument_id=0 if "instrument_id" in none else 1_000,
                    side="N" if "side" in none else row.side,
                    price_nanos=row.price_nanos,
                    size=row.size,
                    flags=0 if "flags" in none else 128,
                    ts_in_delta_ns=0 if "ts_in_delta" in none else 165_000,
                    sequence=0 if "sequence" in none else row.sequence,
                    symbol=row.symbol,
                )
            )
            for row, none in zip(rows, empty, strict=True)
        ]
    )


def emptied(text: str, empty: list[set[str]], nothing: str, mark: str = ",") -> str:
    head, *lines = text.splitlines()
    for n, none in enumerate(empty):
        cells = lines[n].split(mark)
        for name in none:
            cells[COLUMNS.index(name)] = nothing
        lines[n] = mark.join(cells)
    return "\n".join([head, *lines, ""])


def read(path: Path) -> list[RowBatch]:
    return list(read_archive(find_archives(path).archives[0], latest_ns=TIME_MAX_NS))


def values(batches: list[RowBatch]) -> list[bytes]:
    return [value for batch in batches for value in batch.values]


def rejected(batches: list[RowBatch]) -> list[tuple[int, str, str]]:
    faults = [one for batch in batches for one in batch.rejected]
    return [(one.row, one.rejected.reason, one.rejected.detail) for one in faults]


FORMS = {
    "vendor": csv(ROWS),
    "raw": csv(ROWS, price=str, time=str),
    "spreadsheet": csv(ROWS, price=lambda nanos: f"{nanos / NANOS:g}", delimiter=";"),
    "milliseconds": csv(ROWS, size=lambda size: f"{size}.0"),
}


@MANY
@given(CELLS, st.sampled_from(sorted(FORMS)), st.sampled_from(["", " ", '""']))
def test_an_empty_cell_of_csv_is_its_default(
    tmp_path: Path, empty: list[set[str]], form: str, nothing: str
) -> None:
    mark = ";" if form == "spreadsheet" else ","
    batches = read(written(tmp_path / "a.csv", emptied(FORMS[form], empty, nothing, mark)))
    assert rejected(batches) == []
    assert values(batches) == expected(ROWS, empty)


@MANY
@given(CELLS, st.sampled_from(["null", '""', "left out"]), st.booleans())
def test_null_and_what_is_left_out_of_json_are_their_defaults(
    tmp_path: Path, empty: list[set[str]], nothing: str, nested: bool
) -> None:
    lines = []
    for row, none in zip(ROWS, empty, strict=True):
        sent = {"ts_event": iso(row.ts_event_ns), "rtype": 0, "publisher_id": row.publisher}
        head = {**sent, "instrument_id": 1_000}
        line = {
            "ts_recv": iso(row.ts_event_ns + 165_000),
            **{"action": "T", "side": row.side, "depth": 0, "price": decimal(row.price_nanos)},
            **{"size": row.size, "flags": 128, "ts_in_delta": 165_000, "sequence": row.sequence},
            "symbol": row.symbol,
        }
        for part in (head, line):
            for name in none & part.keys():
                if nothing == "left out":
                    del part[name]
                else:
                    part[name] = None if nothing == "null" else ""
        lines.append(json.dumps({**line, "hd": head} if nested else {**line, **head}))
    batches = read(written(tmp_path / "a.json", "\n".join([*lines, ""])))
    assert rejected(batches) == []
    assert values(batches) == expected(ROWS, empty)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("name", OPTIONAL)
def test_a_column_may_be_empty_as_a_whole(tmp_path: Path, form: str, name: str) -> None:
    empty, mark = [{name}] * len(ROWS), ";" if form == "spreadsheet" else ","
    batches = read(written(tmp_path / "a.csv", emptied(FORMS[form], empty, "", mark)))
    assert rejected(batches) == []
    assert values(batches) == expected(ROWS, empty)


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("some", [slice(0, 12), slice(3, 4)], ids=["all", "one"])
def test_the_vendors_mark_for_no_time_is_an_empty_ts_recv(
    tmp_path: Path, form: str, some: slice
) -> None:
    empty, mark = [set[str]() for _ in ROWS], ";" if form == "spreadsheet" else ","
    empty[some] = [{"ts_recv"}] * len(empty[some])
    batches = read(written(tmp_path / "a.csv", emptied(FORMS[form], empty, NO_TIME, mark)))
    assert rejected(batches) == []
    assert values(batches) == expected(ROWS, empty)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("sequence", "none", "number_syntax"),
        ("flags", "-", "number_syntax"),
        ("publisher_id", "XNAS", "number_syntax"),
        ("ts_recv", "yesterday", "time_syntax"),
        ("side", "-", "side_unknown"),
        ("action", "-", "action_unknown"),
        ("action", "", "action_unknown"),
        ("ts_event", "", "time_syntax"),
        ("price", "", "price_undefined"),
        ("size", "", "number_syntax"),
        ("symbol", "", "symbol_syntax"),
    ],
)
def test_what_is_wrong_or_is_needed_is_rejected_as_before(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    empty = [{name} if n == 4 else set[str]() for n in range(len(ROWS))]
    batches = read(written(tmp_path / "a.csv", emptied(FORMS["vendor"], empty, text)))
    assert [fault[:2] for fault in rejected(batches)] == [(5, reason)]
    assert len(values(batches)) == len(ROWS) - 1


def test_an_empty_instrument_has_no_symbol(tmp_path: Path) -> None:
    empty = [{"instrument_id"} if n == 4 else set[str]() for n in range(len(ROWS))]
    lines = [line.rpartition(",")[0] for line in emptied(FORMS["vendor"], empty, "").splitlines()]
    spans = [{"d0": "2025-03-01", "d1": "2025-03-06", "s": "1000"}]
    written(tmp_path / "symbology.json", json.dumps({"result": {"ACME": spans}}))
    batches = read(written(tmp_path / "a.csv", "\n".join([*lines, ""])))
    assert rejected(batches) == [
        (5, "symbol_unknown", "`instrument_id` is empty, and there is no symbol")
    ]
