"""`tape history`: files into a real PostgreSQL and out again, against the files' own rows."""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard

from tape.ops.local_postgres import LocalPostgres
from tape.synthetic import make_day, write_day
from tests.commands import Ended, tape
from tests.stores import Bench, as_item, found, postgres_bench, put

DAYS = (date(2025, 3, 3), date(2025, 3, 4))
TRADES = 3_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("history")
    for seed, day in enumerate(DAYS):
        write_day(make_day(seed=seed, trades=TRADES, day=day), made)
    return made


@pytest.fixture
def bench(postgres: LocalPostgres) -> Iterator[Bench]:
    made = postgres_bench(postgres)
    yield made
    made.close()


def history(bench: Bench, postgres: LocalPostgres, *words: str | Path) -> Ended:
    (row,) = bench.query("select split_part(current_setting('search_path'), ',', 1)")
    return tape("history", *words, DATABASE_URL=postgres.url(), POSTGRES_SCHEMA=str(row[0]))


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The rows of the files, by another reader than ours."""
    rows = []
    for file in sorted(folder.glob("*.trades.csv*")):
        raw = file.read_bytes()
        text = (
            zstandard.ZstdDecompressor().stream_reader(raw).read() if ".zst" in file.name else raw
        )
        rows += list(csv.DictReader(io.StringIO(text.decode())))
    return rows


def identities(rows: list[dict[str, str]]) -> Counter[tuple[str, ...]]:
    names = ("symbol", "ts_event", "publisher_id", "sequence", "size", "side")
    return Counter(
        (*(row[name] for name in names), str(Decimal(row["price"]).normalize())) for row in rows
    )


def stored_identities(bench: Bench) -> Counter[tuple[str, ...]]:
    rows = bench.query(
        "select symbol, to_char(ts_event, 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || "
        "lpad((ts_event_ns % 1000)::text, 3, '0') || 'Z', publisher_id::text, sequence::text, "
        "size::text, side::text, price from trades"
    )
    return Counter((*row[:-1], str(row[-1].normalize())) for row in rows)


def test_a_folder_is_loaded_once_however_often(
    bench: Bench, postgres: LocalPostgres, folder: Path
) -> None:
    first = history(bench, postgres, "load", folder)
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    rows = rows_of(folder)
    assert (told["rows"], told["trades"], told["new"]) == (len(rows),) * 3 == (2 * TRADES,) * 3
    assert stored_identities(bench) == identities(rows)
    again = json.loads(history(bench, postgres, "load", folder).stdout)
    assert (again["trades"], again["new"]) == (2 * TRADES, 0)
    assert stored_identities(bench) == identities(rows)
    partitions = bench.query(
        "select inhrelid::regclass::text from pg_inherits where "
        "inhparent = 'trades'::regclass order by 1"
    )
    days = sorted({row["ts_event"][:10].replace("-", "_") for row in rows})
    assert [name for (name,) in partitions] == [f"trades_{day}" for day in days]


def test_a_part_of_it_is_what_was_asked_for(
    bench: Bench, postgres: LocalPostgres, folder: Path
) -> None:
    words = ("--symbols", "NVDA,AMD", "--from", "2025-03-04T15:00", "--to", "2025-03-04")
    assert history(bench, postgres, "load", folder, *words).returncode == 0
    wanted = [
        row
        for row in rows_of(folder)
        if row["symbol"] in ("NVDA", "AMD") and "2025-03-04T15:00" <= row["ts_event"] < "2025-03-05"
    ]
    assert wanted
    assert stored_identities(bench) == identities(wanted)
    rest = json.loads(history(bench, postgres, "load", folder).stdout)
    assert rest["new"] == 2 * TRADES - len(wanted)
    listed = json.loads(history(bench, postgres, "list", "--by-symbol").stdout)["days"]
    counts = Counter((row["ts_event"][:10], row["symbol"]) for row in rows_of(folder))
    assert {(one["day"], one["symbol"]): one["trades"] for one in listed} == counts


HEAD = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
ROW = "{t},{t},0,2,1,T,B,0,{p},5,0,0,{q},NVDA"


def test_equal_trades_of_a_file_all_stay_and_a_bad_row_is_told(
    bench: Bench, postgres: LocalPostgres, tmp_path: Path
) -> None:
    row = ROW.format(t="2025-03-03T15:00:00.000000001Z", p="100.5", q=0)
    bad = ROW.format(t="2025-03-03T15:00:00.000000001Z", p="cheap", q=0)
    path = tmp_path / "a.trades.csv"
    path.write_text("\n".join([f"{HEAD}ts_in_delta,sequence,symbol", row, row, bad, row]) + "\n")
    for new in (3, 0):
        done = history(bench, postgres, "load", path)
        assert done.returncode == 2
        told = json.loads(done.stdout)
        assert (told["trades"], told["new"]) == (3, new)
        assert "number_syntax" in done.stdout
    assert bench.query("select ordinal from trades order by 1") == [(0,), (1,), (2,)]


def test_bars_are_what_the_trades_say(bench: Bench, postgres: LocalPostgres, folder: Path) -> None:
    anomalies, _ = found(3)
    put(bench.opened(), anomalies)  # of another day: no bar has a flag of it
    history(bench, postgres, "load", folder)
    minutes: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows_of(folder):
        minutes[row["symbol"], row["ts_event"][:16]].append(row)
    wanted = {}
    for (symbol, minute), rows in minutes.items():
        rows.sort(key=lambda row: (row["ts_event"], int(row["sequence"])))
        prices = [Decimal(row["price"]) for row in rows]
        volume = sum(int(row["size"]) for row in rows)
        wanted[symbol, minute] = (
            *(prices[0], max(prices), min(prices), prices[-1]),
            *(volume, len(rows), 0),
        )
    for _ in range(2):
        made = json.loads(history(bench, postgres, "bars", "--bar-s", "60").stdout)
        assert sum(day["bars"] for day in made["days"]) == len(wanted)
        rows_made = bench.query(
            "select symbol, to_char(bar_start, 'YYYY-MM-DD\"T\"HH24:MI'), open, high, low, close, "
            "volume, trades, flagged from bars"
        )
        assert {row[:2]: row[2:] for row in rows_made} == wanted
    assert history(bench, postgres, "bars", "--bar-s", "7").returncode == 4


def test_a_flagged_trade_is_counted_in_its_bar(bench: Bench, postgres: LocalPostgres) -> None:
    from tape.testing import a_message

    anomalies, _ = found(2)
    trades = [a_message(n, size=30_000 + n) for n in (1, 2, 3)]
    items = [as_item(value, "stocks", n, key=b"NVDA") for n, value in enumerate(trades)]
    put(bench.opened(), [*anomalies, *items])
    assert history(bench, postgres, "bars").returncode == 0
    assert bench.query("select trades, flagged from bars") == [(3, 2)]


def test_old_days_are_dropped_when_it_is_meant(
    bench: Bench, postgres: LocalPostgres, folder: Path
) -> None:
    history(bench, postgres, "load", folder)
    only_said = json.loads(history(bench, postgres, "prune", "--before", "2025-03-04").stdout)
    assert only_said == {"dropped": False, "days": ["2025-03-03"]}
    assert bench.count("trades") == 2 * TRADES
    done = history(bench, postgres, "prune", "--before", "2025-03-04", "--yes")
    assert json.loads(done.stdout)["dropped"] is True
    old = sum(row["ts_event"] < "2025-03-04" for row in rows_of(folder))
    assert bench.count("trades") == 2 * TRADES - old
    back = json.loads(history(bench, postgres, "load", folder).stdout)
    assert back["new"] == old > 0


def test_what_is_not_there_is_said(bench: Bench, postgres: LocalPostgres) -> None:
    empty = history(bench, postgres, "list")
    assert empty.returncode == 4
    assert "tape sink migrate" in empty.stderr
    without = tape("history", "list", DATABASE_URL="")
    assert without.returncode == 4
    assert "DATABASE_URL" in without.stderr
