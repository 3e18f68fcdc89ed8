"""Files of other vendors in which not every row is a trade: told in what is suggested for them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tape.archives import find_archives, read_archive
from tape.archives.columns_guess import suggest
from tape.archives.columns_reader import read_columns_file
from tape.archives.given import Given
from tape.errors import ArchiveError
from tape.model.fields import TIME_MAX_NS
from tests.commands import tape

ALGOSEEK = """Date,Timestamp,EventType,Ticker,Price,Quantity,Exchange,Conditions
20250305,09:30:00.650,QUOTE BID,ACME,79.99,200,NASDAQ,00000000
20250305,09:30:00.650,QUOTE ASK,ACME,80.01,200,NASDAQ,00000000
20250305,09:30:00.651,TRADE,ACME,80.00,100,NASDAQ,00000001
20250305,09:30:00.652,TRADE NB,ACME,80.01,7,NASDAQ,00000001
20250305,09:30:00.653,TRADE CANCELLED,ACME,80.01,7,NASDAQ,00000001
"""
SHORT = """time,symbol,type,price,size
2025-03-05T14:30:00Z,ACME,Q,79.99,200
2025-03-05T14:30:00Z,ACME,T,80.00,100
2025-03-05T14:30:01Z,ACME,T,80.01,7
"""
ONE_KIND = "time,symbol,type,price,size\n2025-03-05T14:30:00Z,ACME,TRADE,80.00,100\n"


def sizes_by_suggestion(path: Path, zone: str | None = None) -> list[int]:
    """Return the sizes of the trades that a file has by what is suggested for it."""
    made = suggest(path, zone)
    assert made.open == []
    columns = path.with_suffix(".toml")
    columns.write_text(made.text(path.name))
    (archive,) = find_archives(path).archives
    given = Given(read_columns_file(columns), zone)
    batches = read_archive(replace(archive, given=given), latest_ns=TIME_MAX_NS)
    return [json.loads(value)["size"] for batch in batches for value in batch.values]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "zone", "sizes"),
    [(ALGOSEEK, "America/New_York", [100, 7]), (SHORT, None, [100, 7]), (ONE_KIND, None, [100])],
)
def test_quotes_and_cancelled_trades_are_not_suggested_as_trades(
    text: str, zone: str | None, sizes: list[int], tmp_path: Path
) -> None:
    path = written(tmp_path / "vendor.csv", text)
    assert sizes_by_suggestion(path, zone) == sizes
    assert any("are trades" in one for one in suggest(path, zone).guesses)


def test_which_rows_are_trades_must_be_said_where_no_value_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", SHORT.replace(",Q,", ",0,").replace(",T,", ",7,"))
    assert any(one.startswith('[trades] column = "type"') for one in suggest(path).open)
    ended = tape("inspect", path, "--suggest-columns")
    assert (ended.returncode, "0, 7 that mean a trade" in ended.stderr) == (2, True)


@pytest.mark.parametrize("values", ["buysell", "Same"])
def test_a_column_that_tells_no_rows_apart_is_left_alone(values: str, tmp_path: Path) -> None:
    first, other = ("Buy", "Sell") if values == "buysell" else ("limit", "limit")
    text = SHORT.replace(",Q,", f",{first},").replace(",T,", f",{other},")
    made = suggest(written(tmp_path / "a.csv", text))
    assert (made.open, "trades" in made.tables) == ([], False)


def test_a_day_beside_a_column_called_timestamp_is_joined_to_it(tmp_path: Path) -> None:
    made = suggest(written(tmp_path / "a.csv", ALGOSEEK), "America/New_York")
    assert made.tables["columns"]["ts_event"] == ["Date", "Timestamp"]


def test_a_column_of_corrections_is_named(tmp_path: Path) -> None:
    text = SHORT.replace("type", "TR_CORR").replace(",Q,", ",08,").replace(",T,", ",00,")
    made = suggest(written(tmp_path / "a.csv", text))
    assert any("'TR_CORR' marks trades that were cancelled" in one for one in made.guesses)


def test_the_volume_of_the_day_so_far_is_not_taken_for_sizes(tmp_path: Path) -> None:
    head, row = "time,symbol,last,volume\n", "2025-03-05T14:30:00Z,ACME,80.01,{}\n"
    sums = head + "".join(row.format(100 * n) for n in range(1, 40))
    (asked,) = suggest(written(tmp_path / "sums.csv", sums)).open
    assert asked.startswith("[columns] size: 'volume' never gets smaller")
    for sizes in ([100] * 40, [1, 2, 3], [100, 200] * 20):
        text = head + "".join(row.format(size) for size in sizes)
        assert suggest(written(tmp_path / "own.csv", text)).open == []


def test_a_time_that_no_order_of_days_makes_readable_is_not_asked_for_one(tmp_path: Path) -> None:
    text = SHORT.replace("05T14", "05D14").replace("Z,", ",")
    asked = " ".join(suggest(written(tmp_path / "kdb.csv", text), "UTC").open)
    assert "2025-03-05D14:30:00 are in no form that is read" in asked
    assert "order" not in asked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"results":[{"price":1.5,"size":2}],"status":"OK"}\n', "jq -c '.results[]' FILE"),
        ('[{"price":1.5,"size":2}]\n', "jq -c '.[]' FILE"),
    ],
)
def test_the_answer_of_a_service_is_told_how_it_becomes_lines(
    text: str, words: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "answer.json", text)
    ended = tape("replay", path)
    assert (ended.returncode, words in ended.stderr) == (2, True), ended.stderr
    assert "suggest-columns" not in ended.stderr
    with pytest.raises(ArchiveError, match="write one object per line, as `jq"):
        suggest(path)
