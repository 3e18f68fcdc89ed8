"""Files that once went wrong for people, each with the answer that it should give.

The inputs are made here. What stands in ../shared/cases, where it is, is tried as well. A case
whose file has another form is right if it gives the anomalies of the same trades in the vendor's
own form, byte for byte. Cases that need a broker: T14, T15, T16 and T25 are in tests/pipeline.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.commands import Ended, on_terminal, plain, tape
from tests.made_files import NANOS, Row, changed, csv, decimal, in_zone, walk, written

CASES = ROOT.parent / "shared/cases"


def replayed(*words: str | Path, code: int = 0, **env: str) -> dict[str, Any]:
    ended = tape("replay", *words, "--json", **env)
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def anomalies(folder: Path, *words: str, code: int = 0, **env: str) -> list[dict[str, Any]]:
    """Every anomaly of the files of a folder, in the tape's order."""
    output = folder.with_name(folder.name + "-anomalies.jsonl")
    found = replayed(folder, "--output", output, *words, code=code, **env)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert found["flagged"] == len(lines)
    return lines


def flags(lines: list[dict[str, Any]], rule: str) -> set[str]:
    return {line["anomaly_id"] for line in lines if rule in line["anomalies"]}


def everything_is_judged(found: dict[str, Any], trades: int) -> None:
    assert (found["judged"], found["duplicates"], found["rejected"]) == (trades, 0, {})


def given(case: str) -> Path:
    """The folder of a case beside the checkout."""
    if not (CASES / case).is_dir():
        pytest.skip("../shared/cases is not here")
    return CASES / case


def day_with_two_oddities() -> list[Row]:
    """Six hundred trades: a print 20 % too high, and a block of half a million shares."""
    return changed(changed(walk(600), 300, times=1.2), 450, size=500_000)


def in_vendors_form(folder: Path, rows: list[Row]) -> list[dict[str, Any]]:
    """The anomalies of rows as the vendor would have sent them."""
    written(folder / "vendor" / "a.trades.csv", csv(rows))
    return anomalies(folder / "vendor")


# Order (K1, K2, K11)


def test_t01_a_winter_evening_and_the_next_morning_are_both_judged(tmp_path: Path) -> None:
    evening = walk(1_100, "2025-01-28T00:01:00", first_sequence=8_000_000)  # 19:01 New York
    morning = walk(600, "2025-01-28T14:30:00", first_sequence=1_000)
    morning = changed(changed(morning, 300, times=1.2), 450, size=500_000)
    for name, rows in (("20250127", evening), ("20250128", morning)):
        written(tmp_path / "t" / f"xnas-itch-{name}.trades.csv", csv(rows))
    everything_is_judged(replayed(tmp_path / "t"), 1_700)
    found = anomalies(tmp_path / "t")
    assert flags(found, "High Volume") == {morning[450].id()}
    assert {morning[300].id(), morning[301].id()} <= flags(found, "Rapid Price Change")


def test_t02_parts_are_read_in_order_of_time(tmp_path: Path) -> None:
    rows = changed(changed(walk(2_400), 250, times=1.2), 1_950, size=700_000)
    for part in range(12):
        name = f"ACME_part{part + 1}.csv"
        written(tmp_path / "t" / name, csv(rows[200 * part : 200 * (part + 1)]))
    found = anomalies(tmp_path / "t")
    assert found == in_vendors_form(tmp_path, rows)
    assert flags(found, "High Volume") == {rows[1_950].id()}
    assert rows[250].id() in flags(found, "Rapid Price Change")


def test_t03_venues_of_one_day_are_merged_by_time(tmp_path: Path) -> None:
    rows = [row for venue in (2, 39, 43) for row in walk(500, publisher=venue, seed=venue)]
    rows.sort(key=lambda row: (row.ts_event_ns, row.publisher, row.sequence))
    for venue in (2, 39, 43):
        own = [row for row in rows if row.publisher == venue]
        written(tmp_path / "t" / f"venue{venue}.csv", csv(own))
    everything_is_judged(replayed(tmp_path / "t"), 1_500)
    assert anomalies(tmp_path / "t") == in_vendors_form(tmp_path, rows)


def test_t26_the_same_day_twice_in_two_forms_is_judged_once(tmp_path: Path) -> None:
    path = write_day(make_day(1, ["ACME"], 1_500), tmp_path / "one")
    once = anomalies(tmp_path / "one")
    with zstandard.ZstdDecompressor().stream_reader(path.open("rb")) as file:
        text = file.read()
    written(tmp_path / "two" / path.name, path.read_bytes())
    keys = text.split(b"\n")[0].decode().split(",")
    lines = []
    for line in text.decode().splitlines()[1:]:
        own = dict(zip(keys, line.split(","), strict=True))
        head = {"ts_event": own["ts_event"], "rtype": int(own["rtype"])}
        head |= {name: int(own[name]) for name in ("publisher_id", "instrument_id")}
        more: dict[str, object] = {
            name: own[name] for name in ("action", "side", "price", "symbol", "ts_recv")
        }
        more |= {n: int(own[n]) for n in ("depth", "size", "flags", "ts_in_delta", "sequence")}
        lines.append(json.dumps({"ts_recv": more.pop("ts_recv"), "hd": head, **more}))
    written(tmp_path / "two" / "again.trades.json", "\n".join([*lines, ""]))
    found = replayed(tmp_path / "two")
    assert (found["judged"], found["duplicates"]) == (1_500, 1_500)
    assert anomalies(tmp_path / "two") == once


# Numbers and times (K3, K7)


def spreadsheet(nanos: int) -> str:
    """142 for 142.000000000, 142.01 for 142.010000000."""
    return decimal(nanos).rstrip("0").rstrip(".")


def numpy_product(nanos: int) -> str:
    return repr(nanos * 1e-9)


FORMS: dict[str, Callable[[list[Row]], str]] = {
    "t04 a spreadsheet's whole dollars": partial(csv, price=spreadsheet),
    "t08 New York's own time": partial(csv, time=lambda ns: in_zone(ns, "America/New_York")),
    "t09 float noise": partial(csv, price=numpy_product),
    "t21 UTC with an offset and a blank": partial(csv, time=lambda ns: in_zone(ns, "UTC")),
    "quoted fields": lambda rows: "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in csv(rows).splitlines()
    ),
    "counts as floats": partial(csv, size=lambda size: f"{size}.0"),
    "t11 semicolons and decimal commas": lambda rows: csv(
        rows, delimiter=";", price=lambda nanos: spreadsheet(nanos).replace(".", ",")
    ),
    "t21 an index column": lambda rows: "\n".join(
        f"{n - 1 if n else ''},{line}" for n, line in enumerate(csv(rows).splitlines())
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_of_a_file_give_what_the_vendors_gives(form: str, tmp_path: Path) -> None:
    rows = day_with_two_oddities()
    written(tmp_path / "t" / "a.trades.csv", FORMS[form](rows))
    everything_is_judged(replayed(tmp_path / "t"), 600)
    found = anomalies(tmp_path / "t")
    assert found == in_vendors_form(tmp_path, rows)
    assert flags(found, "High Volume") == {rows[450].id()}


def test_t11_times_without_a_zone_are_asked_for_once(tmp_path: Path) -> None:
    rows = day_with_two_oddities()
    cut = [replace(row, ts_event_ns=row.ts_event_ns // NANOS * NANOS) for row in rows]

    def seconds(ns: int) -> str:
        return in_zone(ns, "UTC")[:19]

    text = csv(rows, delimiter=";", time=seconds, price=lambda n: spreadsheet(n).replace(".", ","))
    path = written(tmp_path / "t" / "a.trades.csv", "\ufeff" + text)
    ended = tape("replay", path)
    assert ended.returncode == 2
    assert "--time-zone" in ended.stderr
    assert "fetch the file again" not in ended.stderr
    found = anomalies(tmp_path / "t", "--time-zone", "UTC")
    assert flags(found, "High Volume") == {cut[450].id()}


def test_t10_a_future_may_go_through_zero(tmp_path: Path) -> None:
    cents = [*range(300, 0, -2)] + [0] * 10 + [-n for n in range(1, 300, 2)]
    rows = [
        replace(row, price_nanos=cent * 10_000_000, symbol="CLK0")
        for row, cent in zip(walk(len(cents), "2020-04-20T18:00:00"), cents, strict=False)
    ]
    rows = changed(rows, 280, times=10.0)  # as if it fell to ten times below zero
    written(tmp_path / "t" / "a.trades.csv", csv(rows))
    everything_is_judged(replayed(tmp_path / "t"), len(rows))
    assert rows[280].price_nanos < -10 * NANOS
    assert rows[280].id() in flags(anomalies(tmp_path / "t"), "Rapid Price Change")


def test_t28_fractional_sizes_are_out_of_scope_and_said_to_be(tmp_path: Path) -> None:
    path = written(tmp_path / "btc.trades.csv", csv(walk(200), size=lambda n: f"{n}.37"))
    ended = tape("replay", path, "--output", tmp_path / "a.jsonl")
    assert ended.returncode == 2
    assert "`size`" in ended.stderr
    assert sum(json.loads(ended.stdout)["rejected"].values()) >= 1
    assert not (tmp_path / "a.jsonl").exists()


# Containers and names (K5, K6)


def test_t05_every_container_is_read(tmp_path: Path) -> None:
    days = [walk(150, f"2025-03-{day:02d}T14:30:00", seed=day) for day in (5, 6, 7, 10)]
    days = [changed(rows, 100, size=400_000 + n) for n, rows in enumerate(days)]
    texts = [csv(rows).encode() for rows in days]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("job/xnas-itch-20250307.trades.csv.zst", zstandard.compress(texts[2]))
        archive.writestr("job/manifest.json", "{}")
    folder = tmp_path / "t"
    written(folder / "xnas-itch-20250305.trades.csv.zst", zstandard.compress(texts[0]))
    written(folder / "xnas-itch-20250306.trades.csv.gz", gzip.compress(texts[1]))
    written(folder / "XNAS-20250307-ABC.zip", zipped.getvalue())
    written(folder / "XNAS-ITCH-20250310.TRADES.CSV", texts[3])
    everything_is_judged(replayed(folder), 600)
    found = anomalies(folder)
    assert flags(found, "High Volume") == {rows[100].id() for rows in days}
    assert found == in_vendors_form(tmp_path, [row for rows in days for row in rows])


def test_t05_what_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    written(folder / "xnas-itch-20250305.trades.csv", csv(walk(150)))
    written(folder / "xnas-itch-20250306.trades.csv.rar", b"Rar!\x1a\x07\x00")
    ended = tape("replay", folder)
    assert ended.returncode == 2
    (skipped,) = json.loads(ended.stdout)["skipped"]
    assert skipped["path"].endswith(".rar")
    assert skipped["may_hold_trades"] is True
    assert skipped["remedy"]
    assert "skipped: " in ended.stderr
    assert skipped["remedy"] in ended.stderr


SYMBOLS = {
    "t06 Nasdaq's suffixes": "ACM.B ACM-C ACM+ ACM= ACM^ ACM# ACM$ ACM* ACM-A# ACM~ ACM! ACM@ ACM%",
    "t07 continuous contracts": "ES.c.0 ES.v.0 NQ.n.1",
    "t20 words that programs take for values": "NA NULL TRUE 1E5 nan None inf",
    "options and strategies": "ESM5 C5500|SPX   250620C05500000|UD:1V: GN 2912347|CL:C1 HO-CL H5",
}


@pytest.mark.parametrize("kind", SYMBOLS)
def test_the_symbols_that_vendors_sell_are_judged(kind: str, tmp_path: Path) -> None:
    text = SYMBOLS[kind]
    names = text.split("|") if "|" in text else text.split()
    rows = [row for n, name in enumerate(names) for row in walk(60, symbol=name, seed=n)]
    rows.sort(key=lambda row: row.ts_event_ns)
    rows = changed(rows, 40, size=900_000)
    path = written(tmp_path / "a.trades.csv", csv(rows))
    everything_is_judged(replayed(path), 60 * len(names))
    one = replayed(path, "--symbols", rows[40].symbol)
    assert one["judged"] == 60
    assert set(one["by_symbol"]) == {rows[40].symbol}


def test_t19_test_issues_are_marked_and_come_last(tmp_path: Path) -> None:
    wild = walk(300, symbol="ZVZZT")
    wild = [replace(row, price_nanos=row.price_nanos * (1 + n % 2)) for n, row in enumerate(wild)]
    rows = sorted([*wild, *walk(300)], key=lambda row: row.ts_event_ns)
    (n,) = [n for n, row in enumerate(rows) if row == [r for r in rows if r.symbol == "ACME"][200]]
    path = written(tmp_path / "a.trades.csv", csv(changed(rows, n, size=30_000)))
    found = replayed(path)
    assert found["by_symbol"]["ZVZZT"]["Rapid Price Change"] > 200
    assert found["telling"][0]["symbol"] == "ACME"
    assert {one["symbol"] for one in found["telling"][1:]} == {"ZVZZT"}
    assert found["test_issues"] == ["ZVZZT"]
    _, shown = on_terminal("replay", path, columns=120)
    assert "ZVZZT (test)" in "\n".join(plain(shown))


# What is no file of trades (K13, K14)


def test_t13_minute_bars_are_said_to_be_bars(tmp_path: Path) -> None:
    head = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol"
    line = "2025-03-06T14:{:02d}:00.000000000Z,33,2,1000,80.01,80.05,80.00,80.02,1500,ACME"
    text = "\n".join([head, *(line.format(n) for n in range(60)), ""])
    path = written(tmp_path / "xnas-itch-20250306.ohlcv-1m.csv", text)
    ended = tape("replay", path, "--output", tmp_path / "a.jsonl")
    assert ended.returncode == 2
    assert "bars" in ended.stderr
    assert "fetch the file again" not in ended.stderr
    assert not (tmp_path / "a.jsonl").exists()


def test_t22_of_a_book_only_trades_are_judged(tmp_path: Path) -> None:
    rows = [replace(row, action="TAACFR"[n % 6]) for n, row in enumerate(walk(600))]
    written(tmp_path / "t" / "a.mbo.csv", csv(rows))
    found = replayed(tmp_path / "t")
    everything_is_judged(found, 100)
    assert found["rows_skipped"] == 500


# What the detector says (K12, K16)


def test_t17_the_first_trades_of_a_symbol_are_not_flooded_with_flags(tmp_path: Path) -> None:
    """Some 1 to 2 % on real days; without a usual history 10 to 20 % of the first thousands."""
    write_day(make_day(3, ["NVDA"], 60_000), tmp_path)
    found = replayed(tmp_path, "--limit", "3000")
    assert found["judged"] == 3_000
    assert found["by_rule"].get("Isolation Forest", 0) < 0.04 * 3_000


def test_t18_the_table_says_which_day(tmp_path: Path) -> None:
    for day in (5, 6, 7):
        rows = changed(walk(100, f"2025-03-{day:02d}T14:30:00"), 50, size=600_000)
        written(tmp_path / f"xnas-itch-2025030{day}.trades.csv", csv(rows))
    code, shown = on_terminal("replay", tmp_path, columns=120)
    text = "\n".join(plain(shown))
    assert code == 0
    for day in (5, 6, 7):
        assert f"2025-03-0{day} 14:3" in text


def test_t23_a_split_is_one_change_of_price(tmp_path: Path) -> None:
    before = walk(300, "2024-06-07T13:30:00", cents=120_890)
    after = walk(300, "2024-06-10T13:30:00", cents=12_080)
    for name, rows in (("20240607", before), ("20240610", after)):
        written(tmp_path / "t" / f"xnas-itch-{name}.trades.csv", csv(rows))
    everything_is_judged(replayed(tmp_path / "t"), 600)
    assert flags(anomalies(tmp_path / "t"), "Rapid Price Change") == {after[0].id()}


# The inputs beside the checkout, through the same command


def told(ended: Ended) -> str:
    return ended.stderr.strip().splitlines()[-1]


GIVEN = {  # case: exit code, judged, duplicates
    "T01": (0, 2_300, 0),
    "T02": (0, 6_000, 0),
    "T03": (0, 4_500, 0),
    "T04": (0, 400, 0),
    "T05": (0, 1_200, 0),
    "T06": (0, 600, 0),
    "T07": (0, 640, 0),
    "T08": (0, 200, 0),
    "T09": (0, 400, 0),
    "T10": (0, 600, 0),
    "T11": (2, 0, 0),
    "T12": (0, 300, 0),
    "T13": (2, 0, 0),
    "T18": (0, 900, 0),
    "T19": (0, None, 0),
    "T20": (0, None, 0),
    "T21": (0, None, 0),
    "T22": (2, 300, 0),
    "T23": (0, None, 0),
    "T26": (0, 1_500, 1_500),
    "T28": (2, 3, 0),
}


@pytest.mark.parametrize("case", GIVEN)
def test_the_case_beside_the_checkout_is_answered(case: str) -> None:
    code, judged, duplicates = GIVEN[case]
    ended = tape("replay", given(case), "--json")
    assert ended.returncode == code, ended.stderr
    found = json.loads(ended.stdout)
    assert found["judged"] > 0 if judged is None else found["judged"] == judged
    assert found["duplicates"] == duplicates
    if judged == 0:
        assert told(ended).startswith("error: nothing was judged")
