"""`tape inspect`: answers come from pandas, from rows by hand, and from what real days are."""

import hashlib
import io
import json
import sys
import tracemalloc
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import zstandard
from databento_dbn import Encoding
from typer.testing import CliRunner

from tape.archives import find_archives, read_archive
from tape.cli import app
from tape.desk.inspect import Inspecting
from tape.errors import ArchiveError, SettingsError
from tape.model.fields import TIME_MAX_NS
from tape.synthetic import make_day, write_day
from tests.vendor import as_dbn, transcoded

NAMES = ["AAA", "BBB"]
HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)
REAL = Path(__file__).parents[4] / "shared/data"
NEEDS_REAL = pytest.mark.skipif(not REAL.exists(), reason="no real trades beside the checkout")


def inspect(*words: str | Path, code: int = 0) -> dict:  # type: ignore[type-arg]
    done = CliRunner().invoke(app, ["inspect", *map(str, words), "--json"])
    assert done.exit_code == code, (done.output, done.exception)
    found: dict = json.loads(done.stdout)  # type: ignore[type-arg]
    return found


def row(
    at: str = "2025-03-03T15:00:00.000000000Z",
    *,
    sequence: int = 1,
    price: str = "10.000000000",
    size: int | str = 5,
    side: str = "A",
    symbol: str = "NVDA",
    publisher: int = 2,
) -> str:
    return f"{at},{at},0,{publisher},77,T,{side},0,{price},{size},128,9,{sequence},{symbol}"


def csv(folder: Path, *rows: str, name: str = "a.trades.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def unpacked(path: Path) -> bytes:
    with zstandard.open(path, "rb") as file:
        content: bytes = file.read()
    return content


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    for seed, day in ((1, date(2025, 3, 3)), (2, date(2025, 3, 6))):
        write_day(make_day(seed, NAMES, 12_000, day), folder)
    return folder


@pytest.fixture(scope="module")
def frame(days: Path) -> pd.DataFrame:
    files = sorted(days.glob("*.csv.zst"))
    parts = [pd.read_csv(file, dtype={"ts_event": str}).assign(file=file.name) for file in files]
    read = pd.concat(parts)
    return read.assign(ns=pd.to_datetime(read["ts_event"]).astype("int64"))


def test_counts_and_ranges_are_what_pandas_finds(days: Path, frame: pd.DataFrame) -> None:
    found = inspect(days)
    assert found["rows"] == found["trades"] == len(frame)
    assert found["days"] == {"2025-03-03": 12_000, "2025-03-06": 12_000}
    assert [one["symbol"] for one in found["symbols"]] == list(frame["symbol"].value_counts().index)
    for one in found["symbols"]:
        mine = frame[frame["symbol"] == one["symbol"]]
        assert one["trades"] == len(mine)
        assert one["shares"] == mine["size"].sum()
        assert (one["low_usd"], one["high_usd"]) == (mine["price"].min(), mine["price"].max())
        assert (one["smallest"], one["largest"]) == (mine["size"].min(), mine["size"].max())
        assert (one["first"], one["last"]) == (mine["ts_event"].min(), mine["ts_event"].max())


def test_each_file_has_its_peak_times_and_sides(days: Path, frame: pd.DataFrame) -> None:
    found = inspect(days)
    for one, (_, mine) in zip(found["files"], frame.groupby("file"), strict=True):
        seconds = mine["ts_event"].str[:19].value_counts()
        assert one["peak_per_s"] == seconds.max()
        assert seconds[one["peak_at"][:19]] == seconds.max()
        assert (one["first"], one["last"]) == (mine["ts_event"].min(), mine["ts_event"].max())
        assert one["sides"] == mine["side"].value_counts().to_dict()
        assert one["flags"] == sorted(mine["flags"].unique())
        assert one["symbols"] == 2


def test_steps_backward_and_pauses_are_what_pandas_finds(days: Path, frame: pd.DataFrame) -> None:
    found = {one["symbol"]: one for one in inspect(days)["symbols"]}
    for name in NAMES:
        backward, pauses, gaps = 0, [0], 0
        mine = frame[frame["symbol"] == name]
        for file, part in mine.groupby("file"):
            before = part["ns"].cummax().shift()
            backward += int((part["ns"] < before).sum())
            gaps += int((part["sequence"].diff() > 1).sum())
            day = str(file).removeprefix("synthetic-")[:8]
            opened, closed = (
                pd.Timestamp(f"{day} {clock}", tz="America/New_York").value
                for clock in ("09:30", "16:00")
            )
            inside = (before >= opened) & (part["ns"] <= closed)
            pauses.append(int((part["ns"] - before)[inside].max()))
        assert found[name]["time_backward"] == backward
        assert found[name]["sequence_gaps"] == gaps > 0
        assert found[name]["pause_s"] == pytest.approx(max(pauses) / 1e9)


def test_order_by_hand(tmp_path: Path) -> None:
    at = "2025-03-03T15:00:{:02d}.000000000Z".format
    path = csv(
        tmp_path,
        row(at(0), sequence=10),
        row(at(5), sequence=11),
        row(at(3), sequence=12),  # 2 s behind
        row(at(1), sequence=12),  # 4 s behind, the number again
        row(at(9), sequence=20),  # 7 left out
        row(at(9), sequence=19),  # backward
        row(at(9), sequence=30, publisher=3),  # another feed: nothing to compare with
        row(at(9), sequence=23),  # 3 left out
        row("2025-03-04T15:00:00.000000000Z", sequence=1),  # a new day begins again
    )
    (one,) = inspect(path)["symbols"]
    assert {
        name: one[name] for name in one if name.startswith(("time_", "sequence_", "pause"))
    } == {
        "time_backward": 2,
        "time_backward_most_s": 4.0,
        "time_backward_first": at(3),
        "pause_s": 5.0,
        "pause_from": at(0),
        "sequence_backward": 1,
        "sequence_backward_first": at(9),
        "sequence_repeats": 1,
        "sequence_restarts": 1,
        "sequence_gaps": 2,
        "sequence_left_out": 10,
        "sequence_widest_gap": 7,
    }


def test_days_on_which_the_exchange_was_open_are_missed(days: Path) -> None:
    pytest.importorskip("exchange_calendars")
    assert inspect(days)["missing_days"] == ["2025-03-04", "2025-03-05"]


def test_holidays_and_week_ends_are_not_missed(tmp_path: Path) -> None:
    pytest.importorskip("exchange_calendars")
    path = csv(
        tmp_path,
        *(row(f"2025-{day}T15:00:00.000000000Z") for day in ("07-02", "07-03", "07-07", "07-09")),
    )
    assert inspect(path)["missing_days"] == ["2025-07-08"]  # not the fourth of July
    assert inspect(path, "--calendar", "XLON")["missing_days"] == ["2025-07-04", "2025-07-08"]


def test_without_calendars_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    path = csv(tmp_path, row("2025-07-02T15:00:00.000000000Z"), row())
    done = CliRunner().invoke(app, ["inspect", str(path), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["missing_days"] is None
    assert "pip install 'tapewatch[desk]'" in done.stderr


def test_only_the_large_print_at_a_bell_is_an_auction(tmp_path: Path) -> None:
    many = [
        row(f"2025-03-03T15:{n // 60:02d}:{n % 60:02d}.000000000Z", size=80, sequence=n)
        for n in range(3_600)
    ]
    path = csv(
        tmp_path,
        row("2025-03-03T14:29:59.900000000Z", side="N", size=90_000),  # before the bell
        row("2025-03-03T14:30:00.500000000Z", side="B", size=80_000),  # has a side
        row("2025-03-03T14:30:02.000000000Z", side="N", size=70_000),
        row("2025-03-03T14:30:03.000000000Z", side="N", size=60_000),  # smaller
        row("2025-03-03T18:00:01.000000000Z", side="N", size=70_000),  # 13:00 of a whole day
        row("2025-03-03T21:00:01.000000000Z", side="N", size=2_000),  # not much larger than all
        *many,
    )
    assert inspect(path)["auctions"] == [
        {
            "symbol": "NVDA",
            "day": "2025-03-03",
            "bell": "opening",
            "ts_event": "2025-03-03T14:30:02.000000000Z",
            "price_usd": 10.0,
            "size": 70_000,
        }
    ]


def test_rejected_rows_are_counted_by_reason_with_the_first_of_each(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        row(),
        row(price="9223372036854775807"),
        row(price=""),
        row(size=0),
        row(price="9223372036854775807"),
        row("18446744073709551615"),
        row(symbol="O'NEIL"),
        row(),
    )
    (one,) = inspect(path, code=2)["files"]
    assert (one["rows"], one["trades"]) == (8, 2)
    assert {reason: (f["count"], f["first"]) for reason, f in one["rejected"].items()} == {
        "price_undefined": (3, "a.trades.csv:3"),
        "size_not_positive": (1, "a.trades.csv:5"),
        "time_range": (1, "a.trades.csv:7"),
        "symbol_syntax": (1, "a.trades.csv:8"),
    }
    assert one["undefined"] == {"price": 3, "ts_recv": 1, "ts_event": 1}


def test_the_manifest_is_held_against_the_files(days: Path, tmp_path: Path) -> None:
    names = [path.name for path in sorted(days.glob("*.csv.zst"))]
    for name in names:
        (tmp_path / name).write_bytes((days / name).read_bytes())
    digest = hashlib.sha256((tmp_path / names[0]).read_bytes()).hexdigest()
    listed = [
        {"filename": names[0], "hash": f"sha256:{digest}"},
        {"filename": names[1], "hash": f"sha256:{'0' * 64}"},
        {"filename": "gone.trades.csv.zst", "hash": "sha256:1"},
        {"filename": "condition.json", "hash": "sha256:1"},
    ]
    csv(tmp_path, row(), name="own.trades.csv")
    (tmp_path / "manifest.json").write_text(json.dumps({"files": listed}))
    found = inspect(tmp_path, code=2)
    states = {Path(one["path"]).name: one["manifest"] for one in found["files"]}
    assert states == {names[0]: "matches", names[1]: "differs", "own.trades.csv": "not listed"}
    (damaged,) = [one for one in found["files"] if one["damaged"]]
    assert "fetch it again" in damaged["damaged"]
    assert [Path(path).name for path in found["not_here"]] == ["gone.trades.csv.zst"]


def test_the_encoding_and_its_options_are_told(days: Path, tmp_path: Path) -> None:
    values = pd.read_csv(io.BytesIO(unpacked(min(days.glob("*.csv.zst")))), nrows=50, dtype=str)
    head = tmp_path / "head.trades.csv"
    values.to_csv(head, index=False)
    (archive,) = find_archives(head).archives
    messages = [v for b in read_archive(archive, latest_ns=TIME_MAX_NS) for v in b.values]
    raw = as_dbn(messages, version=2)
    (tmp_path / "a.trades.dbn.zst").write_bytes(zstandard.compress(raw))
    (tmp_path / "b.json").write_bytes(transcoded(raw, Encoding.JSON, pretty_px=False))
    (tmp_path / "c.csv").write_bytes(transcoded(raw, Encoding.CSV, pretty_ts=False))
    told = {}
    for name in ("head.trades.csv", "a.trades.dbn.zst", "b.json", "c.csv"):
        found = inspect(tmp_path / name)
        assert found["trades"] == 50
        told[name] = found["files"][0]["about"]
    own = {"schema": "trades", "symbols": "in each row"}
    assert told == {
        "head.trades.csv": {
            **{"encoding": "csv", "compression": "none", "prices": "decimal prices"},
            **{"times": "ISO times", **own},
        },
        "a.trades.dbn.zst": {
            **{"encoding": "dbn", "compression": "zstd", "schema": "trades", "dbn_version": 2},
            **{"dataset": "XNAS.ITCH", "symbols": "by instrument, from its header"},
        },
        "b.json": {
            **{"encoding": "json", "compression": "none", "prices": "prices in 1e-9 dollars"},
            **{"times": "ISO times", **own},
        },
        "c.csv": {
            **{"encoding": "csv", "compression": "none", "prices": "decimal prices"},
            **{"times": "times in ns", **own},
        },
    }


def test_a_damaged_file_is_named_and_the_rest_inspected(days: Path, tmp_path: Path) -> None:
    first, second = sorted(days.glob("*.csv.zst"))
    (tmp_path / "cut.trades.csv.zst").write_bytes(first.read_bytes()[:-1_000])
    (tmp_path / second.name).write_bytes(second.read_bytes())
    found = inspect(tmp_path, code=2)
    damaged = {Path(one["path"]).name: one["damaged"] for one in found["files"]}
    assert "archive_truncated" in damaged["cut.trades.csv.zst"]
    assert damaged[second.name] is None
    assert found["days"]["2025-03-06"] == 12_000


@pytest.mark.parametrize("name", ["a.csv", "a.csv.zst", "a.dbn", "a.dbn.zst", "a.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\0\xff" * 500, b"date,open,close\n2025-05-05,1,2\n", b"(\xb5/\xfd" + b"x" * 300],
    ids=["empty", "binary", "other vendor", "damaged"],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    found = inspect(tmp_path / name, code=2)
    (one,) = found["files"]
    assert one["damaged"].startswith(f"{name}: ")
    assert found["trades"] == 0


def test_a_file_that_vanishes_is_named_and_the_rest_inspected(days: Path, tmp_path: Path) -> None:
    gone = csv(tmp_path, row())
    run = Inspecting("XNYS")
    run.find([gone, days])
    gone.unlink()
    found = run.run(lambda _: None)
    assert "cannot read" in str(found.files[0].damaged)
    assert found.trades == 24_000


@pytest.mark.parametrize("words", [[], ["--plot", "x.doc"]])
def test_a_wrong_path_or_option_is_a_sentence(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    done = CliRunner().invoke(app, ["inspect", str(tmp_path), "--json", *words])
    assert isinstance(done.exception, SettingsError if words else ArchiveError)
    assert "\n" not in str(done.exception)


def test_a_calendar_that_there_is_not_is_told(tmp_path: Path) -> None:
    pytest.importorskip("exchange_calendars")
    done = CliRunner().invoke(app, ["inspect", str(csv(tmp_path, row())), "--calendar", "XXXX"])
    assert "--calendar XXXX: no such exchange" in str(done.exception)


def test_a_picture_is_made(days: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    inspect(days, "--plot", tmp_path / "day.png")
    assert (tmp_path / "day.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert (tmp_path / "day.png").stat().st_size > 10_000


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for copies in (1, 1, 8):  # the first pass warms caches
        made = make_day(3, NAMES, 20_000)
        folder = tmp_path / f"{copies}"
        path = write_day(made, folder)
        header, _, rows = unpacked(path).partition(b"\n")
        big = folder / "big.csv"
        big.write_bytes(header + b"\n" + rows * copies)
        run = Inspecting("XNYS")
        run.find([big])
        tracemalloc.start()
        found = run.run(lambda _: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.rows == 20_000 * copies
    assert peaks[2] < 1.2 * peaks[1]


@NEEDS_REAL
def test_a_real_job_is_what_its_readme_says() -> None:
    pytest.importorskip("exchange_calendars")
    found = inspect(REAL / "databento/XNAS-20241227-4MMMNFEELC")
    assert {Path(one["path"]).name: one["rows"] for one in found["files"]} == {
        "xnas-itch-20241129.trades.csv.zst": 172_210,
        "xnas-itch-20241224.trades.csv.zst": 172_508,
    }
    assert [one["manifest"] for one in found["files"]] == ["matches"] * 2
    assert len(found["not_here"]) == 18
    assert len(found["missing_days"]) == 16
    clocks = [(one["day"], one["bell"], one["ts_event"][11:19]) for one in found["auctions"]]
    assert clocks == [  # half days: the closing bell rings at 13:00 in New York
        ("2024-11-29", "closing", "18:00:00"),
        ("2024-11-29", "opening", "14:30:00"),
        ("2024-12-24", "closing", "18:00:00"),
        ("2024-12-24", "opening", "14:30:00"),
    ]
    assert found["symbols"][0]["sequence_backward"] == 0
    assert found["symbols"][0]["time_backward"] == 0


@NEEDS_REAL
def test_the_fastest_second_of_a_real_day_is_known() -> None:
    found = inspect(REAL / "databento/xnas-itch-20250703.trades.csv.zst")
    assert found["files"][0]["peak_per_s"] == 9_535
    assert found["files"][0]["peak_at"] == "2025-07-03T14:20:37Z"
