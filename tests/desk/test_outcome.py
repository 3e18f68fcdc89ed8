"""What commands that read trades say of what they reject and skip, and how they end."""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from tape.archives.outcome import Outcome
from tape.synthetic import make_day, write_day
from tests.commands import on_terminal, plain, tape

HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)


def row(n: int, *, symbol: str = "ACME", price: str = "80.010000000", day: str = "05") -> str:
    at = f"2025-03-{day}T15:{n // 600:02d}:{n // 10 % 60:02d}.{n % 10}00000000Z"
    return f"{at},{at},0,2,1,T,B,0,{price},100,0,0,{n + 1},{symbol}"


def written(path: Path, rows: Sequence[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Sixty trades, of which lines 4 and 9 have a price that is none, and line 6 no time."""
    rows = [row(n) for n in range(60)]
    rows[2], rows[7] = row(2, price="eighty"), row(7, price="")
    rows[4] = rows[4].replace("2025-03-05T15", "noon")
    return written(tmp_path / "mixed.trades.csv", rows)


def test_a_replay_that_rejected_rows_says_which_and_ends_with_2(mixed: Path) -> None:
    ended = tape("replay", mixed, "--json")
    assert ended.returncode == 2
    found = json.loads(ended.stdout)
    assert found["judged"] == 57
    assert sum(found["rejected"].values()) == 3
    assert set(found["rejected_examples"]) == set(found["rejected"])
    sources = {one["source"] for one in found["rejected_examples"].values()}
    assert sources <= {f"mixed.trades.csv:{line}" for line in (4, 6, 9)}
    for reason, count in found["rejected"].items():
        one = found["rejected_examples"][reason]
        line = f"rejected: {count} × {reason}; the first: {one['source']}: {one['detail']}"
        assert line in ended.stderr


def test_a_clean_replay_ends_with_0_and_rejects_nothing(tmp_path: Path) -> None:
    ended = tape("replay", written(tmp_path / "a.trades.csv", [row(n) for n in range(60)]))
    assert (ended.returncode, json.loads(ended.stdout)["rejected"]) == (0, {})
    assert "rejected:" not in ended.stderr


COMMANDS: dict[str, Callable[[Path, Path], list[str | Path]]] = {
    "replay": lambda path, out: ["replay", path, "--output", out / "a.jsonl"],
    "inspect": lambda path, _: ["inspect", path],
    "tune": lambda path, out: ["tune", path, "--output", out / "t.toml"],
    "inject": lambda path, out: ["inject", path, "--output", out],
    "evaluate": lambda path, _: ["evaluate", path, "--profiles", "classic", "--draws", "0"],
}


@pytest.fixture(scope="module")
def long_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of which three lines cannot be read, for two reasons."""
    folder = tmp_path_factory.mktemp("long")
    path = write_day(make_day(1, ["AAA"], 12_000), folder)
    with zstandard.ZstdDecompressor().stream_reader(path.open("rb")) as file:
        lines = file.read().decode().split("\n")
    lines[40], lines[70], lines[90] = lines[40] + ",x", "noon" + lines[70], lines[90] + ",x"
    plain_file = folder / "given" / "long.trades.csv"
    plain_file.parent.mkdir()
    plain_file.write_text("\n".join(lines))
    return plain_file


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_rejected_and_ends_with_2(
    command: str, long_day: Path, tmp_path: Path
) -> None:
    ended = tape(*COMMANDS[command](long_day, tmp_path))
    assert ended.returncode == 2, ended.stderr
    assert "rejected: 2 × row_columns; the first: long.trades.csv:41: " in ended.stderr
    assert "rejected: 1 × time_syntax; the first: long.trades.csv:71: " in ended.stderr
    found = json.loads(ended.stdout)
    assert found["rejected"] == {"row_columns": 2, "time_syntax": 1}
    assert found["rejected_examples"]["row_columns"]["source"] == "long.trades.csv:41"
    assert found["skipped"] == []
    remedy = f"tape inspect {long_day} --suggest-columns"
    assert ended.stderr.count(remedy) == 1
    assert remedy in found["rejected_remedy"]
    assert "--columns" in found["rejected_remedy"]
    assert "--time-zone" in found["rejected_remedy"]


@pytest.mark.parametrize("named", ["foreign", "rows", "none"])
@pytest.mark.parametrize("command", ["replay", "inspect"])
def test_a_command_that_is_named_as_the_remedy_can_be_copied(
    command: str, named: str, tmp_path: Path
) -> None:
    """From any folder, whatever the name of the file."""
    path = tmp_path / "a day" / "2025-03-05T14:30 it's.csv"
    path.parent.mkdir()
    if named == "foreign":
        path.write_text("time,symbol,last,qty\n2025-03-05T14:30:00Z,ACME,80.01,100\n")
    else:
        bad = range(60) if named == "none" else range(5)
        written(path, [row(n, price="x") if n in bad else row(n) for n in range(60)])
    told = tape(command, path).stderr
    (remedy, *_) = [part for part in told.split("`") if part.startswith("tape inspect ")]
    assert shlex.split(remedy) == ["tape", "inspect", str(path), "--suggest-columns"]


@pytest.mark.parametrize("command", COMMANDS)
def test_where_no_trade_can_be_read_each_ends_with_2_and_writes_nothing(
    command: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "bad.trades.csv", [row(n, price="x") for n in range(60)])
    ended = tape(*COMMANDS[command](path, tmp_path / "out"))
    assert ended.returncode == 2
    assert "bad.trades.csv:2: " in ended.stderr
    assert [one for one in (tmp_path / "out").rglob("*") if one.is_file()] == []


def test_a_remedy_for_a_form_is_named_only_where_a_form_can_be_the_cause() -> None:
    outcome = Outcome()
    outcome.count("row_columns", 3, "a.csv:4", "13 columns")
    outcome.count("time_syntax", 3, "a.dbn.zst:4", "`ts_event` is in no form that is known")
    assert (outcome.form_remedy, outcome.as_json()["rejected_remedy"]) == ("", "")
    outcome.count("size_fraction", 1, "b.csv:7", "out of scope, in any form")
    outcome.count("time_zone", 1, "b.csv:8", "`ts_event` occurs twice in Europe/Berlin")
    assert outcome.form_remedy == ""
    outcome.count("number_syntax", 1, "b.csv:9", "`price` is not a decimal number")
    assert "tape inspect b.csv --suggest-columns" in outcome.form_remedy


@pytest.mark.parametrize("unreadable", ["foreign", "no_trade", "not_zstd", "empty"])
@pytest.mark.parametrize("command", ["tune", "evaluate", "inject", "replay"])
def test_what_is_readable_is_used_and_what_is_not_is_named(
    command: str, unreadable: str, tmp_path: Path
) -> None:
    folder = tmp_path / "days"
    write_day(make_day(1, ["AAA"], 12_000, anomalies=0), folder)
    content = {
        "foreign": b"a,b\n1,2\n",
        "no_trade": "\n".join([HEADER, row(1, price="x"), row(2, price="x"), ""]).encode(),
        "not_zstd": b"not zstd at all",
        "empty": f"{HEADER}\n".encode(),
    }[unreadable]
    name = "bad.trades.csv" + (".zst" if unreadable == "not_zstd" else "")
    (folder / name).write_bytes(content)
    if unreadable == "empty" and command == "replay":
        return  # it has nothing that could be judged, and nothing is asked of it
    ended = tape(*COMMANDS[command](folder, tmp_path / "out"))
    assert ended.returncode == 2, ended.stderr
    assert "bad.trades.csv" in ended.stderr
    found = json.loads(ended.stdout)
    assert found["rejected"] or found["damaged"]
    if command in ("tune", "inject", "replay"):
        assert [one for one in (tmp_path / "out").rglob("*") if one.is_file()]


def test_what_was_injected_is_said_as_json(tmp_path: Path) -> None:
    source = write_day(make_day(1, ["AAA"], 12_000, anomalies=0), tmp_path)
    ended = tape("inject", source, "--output", tmp_path / "out", "--anomalies", "14")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    (one,) = found["files"]
    lines = Path(one["labels"]).read_text().splitlines()
    assert one["anomalies"] == len(lines) - 1 == sum(one["by_kind"].values()) == 14
    assert one["by_kind"]["burst"] == sum(",burst," in line for line in lines)
    with zstandard.ZstdDecompressor().stream_reader(
        Path(one["path"]).open("rb"), read_across_frames=True
    ) as file:
        assert one["trades"] == file.read().count(b"\n") - 1
    assert (found["rejected"], found["damaged"]) == ({}, [])


def test_on_a_terminal_inject_says_a_line_a_file(tmp_path: Path) -> None:
    source = write_day(make_day(1, ["AAA"], 12_000, anomalies=0), tmp_path)
    words = ("inject", source, "--output", tmp_path / "out", "--anomalies", "7")
    code, shown = on_terminal(*words, columns=300)
    assert code == 0
    assert "7 anomalies (fat finger 1, small misprint 1," in "\n".join(plain(shown))


@pytest.mark.parametrize("words", [(), ("--symbols", "ACME")])
def test_a_replay_says_how_many_rows_are_not_trades(words: tuple[str, ...], tmp_path: Path) -> None:
    rows = [row(n, symbol=("ACME", "BOLT")[n % 2]) for n in range(60)]
    rows[3] = rows[3].replace(",T,", ",A,")
    rows[4] = rows[4].replace(",T,", ",C,")
    ended = tape("replay", written(tmp_path / "a.trades.csv", rows), *words)
    assert ended.returncode == 0
    skipped = json.loads(ended.stdout)["rows_skipped"]
    assert skipped == (2 if not words else 31)  # one row of BOLT is no trade either
    assert f"skipped: {skipped} rows, not trades (orders, quotes, empty lines)" in ended.stderr
    assert ("or of symbols that --symbols does not name" in ended.stderr) == bool(words)


def test_where_nothing_is_judged_no_file_is_written(tmp_path: Path) -> None:
    path = written(tmp_path / "bad.trades.csv", [row(n, price="x") for n in range(60)])
    out = tmp_path / "out"
    ended = tape(
        *("replay", path, "--output", out / "a.jsonl", "--episodes", out / "e.jsonl"),
        *("--plot", out / "p.png"),
    )
    assert ended.returncode == 2
    assert [one for one in out.rglob("*") if one.is_file()] == []
    assert json.loads(ended.stdout)["judged"] == 0
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: nothing was judged, and nothing is written")
    assert "60 rejected" in last
    assert "bad.trades.csv:2" in last


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (
            ("--symbols", "XYZ"),
            "--symbols XYZ is in these files; choose from those that are: ACME, BOLT",
        ),
        (
            ("--from", "2026-01-01"),
            "choose from the days that these files hold: 2025-03-05, 2025-03-06 (UTC)",
        ),
        (
            ("--to", "2024-01-01"),
            "choose from the days that these files hold: 2025-03-05, 2025-03-06 (UTC)",
        ),
        (("--from", "2025-03-05T16:00", "--to", "2025-03-06T14:00"), "2025-03-05, 2025-03-06"),
        (("--symbols", "BOLT", "--to", "2025-03-05"), "no trade of BOLT before 2025-03-06"),
    ],
)
def test_a_filter_that_matches_nothing_is_answered_with_what_is_there(
    words: tuple[str, ...], there: str, tmp_path: Path
) -> None:
    rows = [row(n) for n in range(30)] + [row(n, symbol="BOLT", day="06") for n in range(30)]
    path = written(tmp_path / "two.trades.csv", rows)
    ended = tape("replay", path, *words, "--output", tmp_path / "a.jsonl")
    assert ended.returncode == 2
    assert there in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "a.jsonl").exists()


def test_one_of_several_symbols_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.trades.csv", [row(n) for n in range(30)])
    ended = tape("replay", path, "--symbols", "ACME,XYZ")
    assert ended.returncode == 0
    assert "--symbols: no trade of XYZ in these files" in ended.stderr


def test_a_symbol_too_many_is_rejected_aloud(tmp_path: Path) -> None:
    rows = [row(n, symbol=("ACME", "BOLT", "PENY")[n % 3]) for n in range(60)]
    ended = tape("replay", written(tmp_path / "a.trades.csv", rows), MAX_SYMBOLS="2")
    assert ended.returncode == 2
    found = json.loads(ended.stdout)
    assert found["rejected"] == {"symbol_unknown": 20}
    one = found["rejected_examples"]["symbol_unknown"]
    assert one["source"].startswith("PENY at 2025-03-05")
    assert one["detail"] == "more than 2 symbols at a time; raise MAX_SYMBOLS"
    assert found["symbols_forgotten"] == 0


def test_a_symbol_that_lost_its_place_is_told(tmp_path: Path) -> None:
    """Silent for 1,000 records, and all places taken: it is forgotten, and the run ends with 2."""
    rows = [row(n, symbol="ACME" if n % 1_100 else f"OLD{n}") for n in range(2_300)]
    ended = tape("replay", written(tmp_path / "a.trades.csv", rows), MAX_SYMBOLS="2")
    assert ended.returncode == 2
    found = json.loads(ended.stdout)
    assert (found["rejected"], found["symbols_forgotten"]) == ({}, 2)
    assert (
        "forgotten: the state of 2 symbols was given up, because others came and all places were "
        "taken; raise MAX_SYMBOLS"
    ) in ended.stderr


def test_the_table_on_a_terminal_shows_the_day(tmp_path: Path) -> None:
    big = [row(n, day=day) for day in ("05", "06", "07") for n in range(30)]
    for n in (10, 45, 80):
        big[n] = big[n].replace(",100,0,0,", ",900000,0,0,")
    path = written(tmp_path / "three.trades.csv", big)
    code, shown = on_terminal("replay", path, columns=120)
    assert code == 0
    text = "\n".join(plain(shown))
    for day in ("2025-03-05", "2025-03-06", "2025-03-07"):
        assert f"{day} 15:00:" in text
    one = written(tmp_path / "one.trades.csv", big[:30])
    _, shown = on_terminal("replay", one, columns=120)
    assert "of 2025-03-05" in "\n".join(plain(shown))


@dataclass(frozen=True)
class Left:
    path: Path
    reason: str
    remedy: str
    may_hold_trades: bool


def test_a_skipped_file_changes_the_exit_code_only_if_it_may_hold_trades() -> None:
    outcome = Outcome(skipped=[Left(Path("manifest.json"), "a sidecar", "", False)])
    assert outcome.exit_code == 0
    outcome.skipped.append(Left(Path("d.rar"), "an archive of another kind", "unpack it", True))
    assert outcome.exit_code == 2
    assert list(outcome.sentences()) == [
        "skipped: d.rar: an archive of another kind; unpack it",
        "skipped: 1 × a sidecar",
    ]
    assert outcome.as_json()["skipped"][1]["remedy"] == "unpack it"


def test_what_a_file_is_called_cannot_steer_a_terminal() -> None:
    outcome = Outcome()
    outcome.count("row_columns", 3, "b\x1bc\x07.csv:4", "13 columns")
    outcome.skipped.append(Left(Path("x\x1b]0;p.zip"), "an archive", "", True))
    assert all(sentence.isprintable() for sentence in outcome.sentences())


def test_duplicates_and_late_trades_are_said_with_how_far_behind(tmp_path: Path) -> None:
    """A second file has line 22 again; the trade of line 42 comes 1.3 s behind the one before it.

    Line 32 is line 22 again as well, but within a file equal trades are two trades: it is late.
    """
    rows = [row(n) for n in range(60)]
    rows[30] = rows[20]
    rows[40] = row(26).replace(",27,ACME", ",1041,ACME")
    written(tmp_path / "a.trades.csv", rows)
    written(tmp_path / "b.trades.csv", [rows[20]])
    ended = tape("replay", tmp_path)
    found = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert (found["records"], found["judged"], found["duplicates"]) == (61, 60, 1)
    assert (found["late"], found["late_max_s"]) == (2, 1.3)
    assert "duplicates: 1 trade" in ended.stderr
    assert "late: 2 trades" in ended.stderr
    assert "by up to 1.3 s" in ended.stderr


def test_a_trade_that_is_in_no_bar_is_said(tmp_path: Path) -> None:
    """The trade of the first line again, seconds later: a symbol holds its last four seconds."""
    rows = [row(n) for n in range(120)]
    rows[110] = row(0).replace(",1,ACME", ",1041,ACME")
    written(tmp_path / "a.trades.csv", rows)
    bars = tmp_path / "bars.jsonl"
    ended = tape("replay", tmp_path / "a.trades.csv", "--bars", bars)
    in_bars = sum(json.loads(line)["trades"] for line in bars.read_text().splitlines())
    assert (json.loads(ended.stdout)["judged"], in_bars) == (120, 119)
    assert "in no bar: 1 trade," in " ".join(ended.stderr.split())


@pytest.mark.parametrize("now_ns", [978_307_200_000_000_000, 4_000_000_000_000_000_000])
def test_no_clock_decides_what_a_file_says(
    now_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 2001, or in 2096, the same trades are judged: only the producer asks what day it is."""
    path = written(tmp_path / "a.trades.csv", [row(n) for n in range(60)])
    monkeypatch.setattr("time.time_ns", lambda: now_ns)
    found = json.loads(tape("replay", path).stdout)
    assert (found["judged"], found["rejected"]) == (60, {})
    assert json.loads(tape("inspect", path).stdout)["trades"] == 60
