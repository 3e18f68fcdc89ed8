"""Files of any origin: by a columns file, by what is suggested for them, or with a sentence."""

import json
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tape.archives import RowBatch, find_archives, read_archive
from tape.archives.columns_guess import suggest
from tape.archives.columns_reader import read_columns_file
from tape.archives.given import Given
from tape.errors import SettingsError
from tape.model.fields import TIME_MAX_NS

DAY_NS = 1_741_132_800 * 10**9
"""Midnight of 2025-03-05, UTC."""

ROWS = 60


def read(path: Path, given: Given) -> list[RowBatch]:
    (archive,) = find_archives(path).archives
    return list(read_archive(replace(archive, given=given), latest_ns=TIME_MAX_NS))


def trades_of(path: Path, columns: Path | None = None, zone: str | None = None) -> list[dict]:  # type: ignore[type-arg]
    given = Given(None if columns is None else read_columns_file(columns), zone)
    batches = read(path, given)
    assert [row.rejected for batch in batches for row in batch.rejected] == []
    return [json.loads(value) for batch in batches for value in batch.values]


def fault(path: Path, columns: Path | None = None, zone: str | None = None) -> tuple[str, str]:
    given = Given(None if columns is None else read_columns_file(columns), zone)
    batches = read(path, given)
    assert not any(batch.values for batch in batches)
    (row,) = [row for batch in batches for row in batch.rejected]
    return row.rejected.reason, row.rejected.detail


def price(n: int) -> float:
    return 80 + n % 7 / 100


def alpaca_csv(path: Path) -> None:
    rows = [
        f"2025-03-05T14:30:{n:02d}.{n:09d}Z,V,{price(n):.2f},{100 + n},"
        f"\"['@', 'I']\",{52_983_525_000_000 + n},C"
        for n in range(ROWS)
    ]
    path.write_text("\n".join(["t,x,p,s,c,i,z", *rows]) + "\n")


def alpaca_json(path: Path) -> None:
    rows = [
        {"t": f"2025-03-05T14:30:{n:02d}.{n:09d}Z", "x": "V", "p": price(n), "s": 100 + n}
        | {"c": ["@", "I"], "i": n, "z": "C"}
        for n in range(ROWS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def polygon(path: Path) -> None:
    names = "ticker,conditions,correction,exchange,id,participant_timestamp,price,"
    names += "sequence_number,sip_timestamp,size,tape,trf_id,trf_timestamp"
    start = DAY_NS + 52_200 * 10**9
    rows = [
        f'ACME,"12,37",0,11,{n},{start + n * 10**9 + n},{price(n):.2f},{1_000 + n},'
        f"{start + n * 10**9 + 500},{100 + n},1,0,0"
        for n in range(ROWS)
    ]
    path.write_text("\n".join([names, *rows]) + "\n")


def taq(path: Path) -> None:
    rows = [
        f"20250305,9:30:{n:02d}.{n:09d},Q,ACME,,@,{100 + n},{price(n):.2f},{n + 1}"
        for n in range(ROWS)
    ]
    names = "DATE,TIME_M,EX,SYM_ROOT,SYM_SUFFIX,TR_SCOND,SIZE,PRICE,TR_SEQNUM"
    path.write_text("\n".join([names, *rows]) + "\n")


def nse(path: Path) -> None:
    rows = [
        f"ACME,EQ,{n + 1},05-MAR-2025,20:00:{n:02d}.{n:09d},{price(n):.2f},{100 + n}"
        for n in range(ROWS)
    ]
    names = "Symbol,Series,Trade Number,Trade Date,Trade Time,Trade Price,Trade Quantity"
    path.write_text("\n".join([names, *rows]) + "\n")


def lobster(path: Path) -> None:
    rows = []
    for n in range(ROWS):
        rows.append(f"{34_200 + n}.{n:09d},4,{9_000 + n},{100 + n},{round(price(n) * 10_000)},-1")
        rows.append(f"{34_200 + n}.{n:09d},1,{9_000 + n},500,7999900,1")
    path.write_text("\n".join(rows) + "\n")


SHAPES = {
    "ACME_20250305.alpaca.csv": alpaca_csv,
    "ACME.alpaca.json": alpaca_json,
    "polygon.csv": polygon,
    "taq.csv": taq,
    "nse.csv": nse,
    "ACME_2025-03-05_34200000_57600000_message_10.csv": lobster,
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_what_is_suggested_reads_files_as_other_vendors_shape_them(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    SHAPES[name](path)
    made = suggest(path)
    assert made.guesses
    assert made.open == []
    columns = tmp_path / "columns.toml"
    columns.write_text(made.text(name))
    found = trades_of(path, columns)
    assert [one["symbol"] for one in found] == ["ACME"] * ROWS
    assert [one["price"] for one in found] == [round(price(n), 2) for n in range(ROWS)]
    assert [one["size"] for one in found] == [100 + n for n in range(ROWS)]
    at = [f"2025-03-05T14:30:{n:02d}.{n:09d}Z" for n in range(ROWS)]
    assert [one["ts_event"] for one in found] == at
    if "message" in name:
        assert {one["side"] for one in found} == {"B"}


def test_a_suggestion_says_what_its_user_must_say(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("when,paid,qty\n2025-03-05 09:30:00,8001,100\n2025-03-05 09:30:01,8002,5\n")
    made = suggest(path)
    said = " ".join(made.open)
    for what in ("symbol", "ts_event = one of when, paid, qty", "price = one of"):
        assert what in said
    assert all(line.startswith("#") for line in made.text("own.csv").splitlines()[:4])


def test_a_zone_that_was_given_is_written_into_the_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("time,symbol,price,volume\n2025-03-05 09:30:01,ACME,80.1,5\n")
    assert any("zone" in one for one in suggest(path).open)
    made = suggest(path, "America/Chicago")
    assert made.open == []
    columns = tmp_path / "columns.toml"
    columns.write_text(made.text("own.csv"))
    (found,) = trades_of(path, columns)
    assert found["ts_event"] == "2025-03-05T15:30:01.000000000Z"


def test_a_columns_file_beside_the_files_is_read_without_being_named(tmp_path: Path) -> None:
    polygon(tmp_path / "polygon.csv")
    (tmp_path / "tapewatch.toml").write_text(
        '[columns]\nts_event = "sip_timestamp"\nsymbol = "ticker"\n'
    )
    found = trades_of(tmp_path)
    assert len(found) == ROWS
    assert found[0]["ts_event"] == "2025-03-05T14:30:00.000000500Z"
    assert found[0]["sequence"] == 0


def test_json_of_any_name_is_read_from_a_folder_with_a_columns_file(tmp_path: Path) -> None:
    alpaca_json(tmp_path / "monday.json")
    (tmp_path / "tapewatch.toml").write_text(
        '[columns]\nts_event = "t"\nprice = "p"\nsize = "s"\n[symbol]\nvalue = "ACME"\n'
    )
    assert len(trades_of(tmp_path)) == ROWS


def test_units_codes_and_defaults_are_as_the_columns_file_says(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "kind|at|cents|shares|who\nT|1741185000|8001|100|buy\nQ|1741185001|1|1|sell\n"
        "T|1741185002|7999|7|sell\nT|1741185003|8000|7|auction\n"
    )
    columns = tmp_path / "own.toml"
    columns.write_text(
        '[columns]\nts_event = "at"\nprice = "cents"\nsize = "shares"\nside = "who"\n'
        '[price]\nunit = "cents"\n[symbol]\nvalue = "ACME"\n'
        '[trades]\ncolumn = "kind"\nvalues = ["T"]\n'
        '[side]\nbuy = "B"\nsell = "A"\n"*" = "N"\n[defaults]\npublisher_id = 7\n'
    )
    found = trades_of(path, columns)
    assert [one["price"] for one in found] == [80.01, 79.99, 80.0]
    assert [one["side"] for one in found] == ["B", "A", "N"]
    assert {one["publisher_id"] for one in found} == {7}
    assert {one["symbol"] for one in found} == {"ACME"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[columns]\nprice = "p"\nprize = "q"\n', "line 3: columns.prize is none of"),
        ("[columns\n", "is not TOML"),
        ('[colums]\nprice = "p"\n', "line 1: colums is none of"),
        ('[columns]\nsize = 0\n\n[time]\nunit = "ns"\n', "line 2: columns.size is no column"),
        ('[time]\n# of it\nunit = "minutes"\n', "line 3: time.unit is 'minutes'"),
        ('[time]\nzone = "New York"\n', "line 2: time.zone: 'New York' is no time zone"),
        ('[time]\nzone = "../../etc/passwd"\n', "is no time zone"),
        ('[price]\nunit = "pounds"\n', "line 2: price.unit is 'pounds'"),
        ('[symbol]\nvalue = " ACME"\n', "line 2: symbol.value is not"),
        ('[symbol]\nfile_name = "("\n', "line 2: symbol.file_name is no pattern"),
        ('[symbol]\nfile_name = "[A-Z]+"\n', "needs one group"),
        ('[side]\nbuy = "X"\n', "line 2: side.buy is not A"),
        ("[defaults]\npublisher_id = 70000\n", "line 2: defaults.publisher_id"),
        ('[trades]\nvalues = ["T"]\n', "trades needs `column`"),
        ('[trades]\ncolumn = "k"\n', "trades.values is missing"),
        ('[file]\nheader = "no"\n', "line 2: file.header is not true or false"),
        ('[file]\nheader = false\n[columns]\nprice = "p"\n', "gives numbers"),
        ('[time]\nunit = "s since midnight"\n', "needs `day`"),
        ("columns = 1\n", "is no table"),
    ],
)
def test_a_columns_file_that_is_wrong_is_answered_with_key_and_line(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "columns.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as said:
        read_columns_file(path)
    assert words in str(said.value)
    assert str(path) in str(said.value)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("seed", range(30))
def test_bent_columns_files_are_read_or_answered_and_never_raise_otherwise(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    text = '[columns]\nts_event = "t"\n[time]\nunit = "ns"\nday = 2025-03-05\n[side]\n"1" = "A"\n'
    for _ in range(20):
        bent = bytearray(text.encode())
        for _ in range(3):
            bent[chance.randrange(len(bent))] = chance.choice(b'[]"=\n1a\xff\x00.')
        path = tmp_path / "columns.toml"
        path.write_bytes(bytes(bent))
        with suppress(SettingsError):
            read_columns_file(path)


def test_columns_that_are_not_there_are_named_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,p,s\n1,2,3\n")
    columns = tmp_path / "a.toml"
    columns.write_text('[columns]\nprice = "paid"\n')
    reason, detail = fault(path, columns)
    assert reason == "header_unexpected"
    assert "'paid'" in detail
    assert "columns found: t, p, s" in detail


def test_a_foreign_file_is_answered_with_its_columns_and_those_that_are_needed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,p,s\n1,2,3\n")
    expected = "columns found: t, p, s; needed: ts_event, price, size and symbol"
    assert fault(path) == ("header_missing", expected)
    lines = tmp_path / "a.json"
    lines.write_text('{"t": 1, "p": 2}\n')
    reason, detail = fault(lines)
    assert reason == "header_missing"
    assert "columns found: t, p" in detail


HEAD = "ts_event,price,size,symbol"


@pytest.mark.parametrize(
    ("head", "rows", "reason", "words"),
    [
        ("Date,Open,High,Low,Close", ["2025-03-05,1,2,3,4"], "not_trades", "bars"),
        ("ts_event,bid_px,ask_px,symbol", ["1,2,3,A"], "not_trades", "quotes"),
        (HEAD, ["2025-03-05 09:30:00,80.01,1,A"] * 9, "time_zone", "--time-zone"),
        (HEAD, ["2025-03-05T09:30:00Z,800100,1,A"] * 9, "form_unclear", "[price] unit"),
        (HEAD, ["2025-03-05T09:30:00Z,15853300,1,A"] * 9, "form_unclear", "[price] unit"),
        (HEAD, ["1741167000000000000,80,1,A"] * 9, "form_unclear", "[price] unit"),
        (
            HEAD,
            ["2025-03-05T09:30:00Z,80.01,1,A", "2025-03-05T09:30:00Z,80010000000,1,A"] * 9,
            "form_unclear",
            "two forms",
        ),
        (
            HEAD,
            ["2025-03-05T09:30:00Z,80.01,1,A", "1741167000000,80.01,1,A"] * 9,
            "form_unclear",
            "several forms",
        ),
        (HEAD.replace(",", ";"), ['2025-03-05T09:30:00Z;"8,001";1;A'] * 9, "form_unclear", "1,234"),
        (
            "ts_event,price,size,symbol,order_id",
            ["2025-03-05T09:30:00Z,80.01,1,A,1"],
            "header_unexpected",
            "action",
        ),
        (HEAD, ["1.74119E+18,80.01,1,A"], "time_syntax", "cut to a float"),
        (f"{HEAD}\r2025-03-05T09:30:00Z,80.01,1,A\r", [], "header_unexpected", "end with"),
        ("ts_event,price,size", ["2025-03-05T09:30:00Z,80.01,1"], "header_unexpected", "symbol"),
    ],
)
def test_a_file_whose_form_cannot_be_told_is_refused_with_what_to_do(
    tmp_path: Path, head: str, rows: list[str], reason: str, words: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    found, detail = fault(path)
    assert (found, words in detail) == (reason, True), detail


@pytest.mark.parametrize(
    ("local", "words"),
    [("2025-03-09 02:30:00", "does not exist"), ("2025-11-02 01:30:00", "occurs twice")],
)
def test_hours_that_the_clocks_skip_or_repeat_are_answered(
    tmp_path: Path, local: str, words: str
) -> None:
    path = tmp_path / "a.csv"
    good = f"{local[:10]} 12:00:00,80.01,1,A"
    path.write_text("\n".join([HEAD, good, f"{local},80.02,1,A", good]) + "\n")
    batches = read(path, Given(None, "America/New_York"))
    (row,) = [row for batch in batches for row in batch.rejected]
    assert row.rejected.reason == "time_zone"
    assert words in row.rejected.detail
    assert row.source == "a.csv:3"
    assert sum(len(batch.values) for batch in batches) == 2


def test_a_fraction_of_a_share_is_out_of_scope_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    row = "2025-03-05T09:30:00Z,80.01,{},A"
    path.write_text("\n".join([HEAD, row.format("0.05"), row.format("2.0")]) + "\n")
    batches = read(path, Given())
    (rejected,) = [row for batch in batches for row in batch.rejected]
    assert rejected.rejected.reason == "size_fraction"
    assert "out of scope" in rejected.rejected.detail
    assert [json.loads(v)["size"] for b in batches for v in b.values] == [2]


@pytest.mark.parametrize(("within", "end"), [("\n", "\n"), ("\r\n", "\n"), ("\r\n", "\r\n")])
def test_a_quoted_field_may_hold_commas_quotes_and_line_ends(
    tmp_path: Path, within: str, end: str
) -> None:
    path = tmp_path / "a.csv"
    inside = "2025-03-05T09:30:00Z,99.99,9,EVIL"
    rows = [
        f'2025-03-05T09:30:00Z,80.01,1,A,"a ""word"", and\n{inside},x\nmore"',
        '2025-03-05T09:30:01Z,80.02,2,"A","plain, too"',
        "2025-03-05T09:30:02Z,80.03,3,A,",
    ]
    rows = [row.replace("\n", within) for row in rows]
    path.write_bytes((end.join([f"{HEAD},note", *rows]) + end).encode())
    found = trades_of(path)
    assert [(one["price"], one["symbol"]) for one in found] == [
        (80.01, "A"),
        (80.02, "A"),
        (80.03, "A"),
    ]


def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"2025-03-05T09:30:0{n}Z,80.0{n},1,A" for n in range(9)]
    rows[3] = rows[3].replace(",A", ',"A')
    rows[6] = rows[6].replace(",A", ',A"')
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    batches = read(path, Given())
    assert sum(len(batch.values) for batch in batches) == 7
    assert [row.source for batch in batches for row in batch.rejected] == ["a.csv:5", "a.csv:8"]


def test_the_form_does_not_depend_on_where_reading_goes_on(tmp_path: Path) -> None:
    """Whole dollars first, a fraction far behind: still dollars, from any row on."""
    path = tmp_path / "a.csv"
    rows = [f"2025-03-05T09:30:00.{n:06d}Z,142,1,A" for n in range(6_000)]
    rows.append("2025-03-05T09:30:01Z,142.01,1,A")
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    (archive,) = find_archives(path).archives
    whole = [v for b in read_archive(archive, latest_ns=TIME_MAX_NS) for v in b.values]
    assert {json.loads(value)["price"] for value in whole} == {142.0, 142.01}
    for skip in (1, 2_999, 6_000):
        rest = read_archive(archive, latest_ns=TIME_MAX_NS, skip_rows=skip)
        assert [value for batch in rest for value in batch.values] == whole[skip:]
