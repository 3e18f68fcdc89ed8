"""Names from outside cannot steer a terminal, whatever command prints them."""

import json
import os
import pty
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tape.cli.output import table_console
from tape.cli.producer import _table
from tape.process.terminal_text import printable
from tape.streaming.positions import FILE, Book
from tape.synthetic import make_day, write_day
from tests.commands import on_terminal, tape

NASTY = {
    "reset and title": "b\x1bcRESET\x1b]0;pwned\x07",
    "C1 control": "b\x9b31mred",
    "line ends": "b\r\noverwritten",
    "right to left": "b\u202egpj",
    "not UTF-8": "b\udcff\udc9b",
}
STEERING = [b"\x1bc", b"\x1b]0", b"\x07", b"\xc2\x9b", b"\r\nover", "\u202e".encode(), b"\xff"]


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A good day and three damaged or foreign files under a name that steers terminals."""
    name = request.param
    place = tmp_path / "days"
    good = write_day(make_day(trades=3_000, symbols=["ACME"]), place, "good")
    (place / f"{name}.trades.csv.zst").write_bytes(good.read_bytes()[:-40])
    (place / f"{name}.csv").write_text("day,weather\n1,rain\n")
    (place / f"{name}.xlsx").write_bytes(b"PK")
    return place


def on_a_terminal(*words: str | Path) -> bytes:
    """Return what a command writes to a terminal, both streams."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
    with subprocess.Popen(
        [sys.executable, "-m", "tape", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=env,
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                data = os.read(ours, 65_536)
            except OSError:  # the terminal ends with the last writer
                break
            if not data:
                break
            seen += data
        process.wait(60)
    os.close(ours)
    return seen


@pytest.mark.parametrize("folder", NASTY.values(), ids=NASTY.keys(), indirect=True)
def test_no_command_prints_a_name_that_steers_the_terminal(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words in (
        ["replay", folder],
        ["inspect", folder],
        ["tune", folder, "--output", out / "t.toml"],
        ["inject", folder, "--output", out / "injected"],
    ):
        seen = on_a_terminal(*words)
        assert b"b" in seen
        assert not [one for one in STEERING if one in seen], (words[0], seen[-2_000:])


@pytest.mark.parametrize("folder", NASTY.values(), ids=NASTY.keys(), indirect=True)
def test_json_of_such_names_is_json_and_steers_nothing(folder: Path) -> None:
    for command in ("replay", "inspect"):
        done = subprocess.run(
            [sys.executable, "-m", "tape", command, str(folder), "--json"], capture_output=True
        )
        assert done.returncode == 2
        assert json.loads(done.stdout)
        assert not [one for one in STEERING if one in done.stdout + done.stderr], command


SIGNS = ("\x1bc", "\x1b]0", "\x07", "\x9b", "\u202e", "\r\nover", "\udcff")
HOSTILE = "x\x1bcy\x1b]0;z\x07\x9b31m\u202e"
ROWS = "2025-03-05T14:30:00Z,80.1,100,ACME\n2025-03-05T14:30:01Z,80.2,100,ACME\n"
DAY = "ts_event,price,size,symbol\n" + ROWS


def said(*words: str | Path, **env: str) -> str:
    """Return what a command writes to a terminal, and see that nothing in it steers that."""
    _, shown = on_terminal(*words, columns=200, TERM="dumb", **env)
    assert not [one for one in SIGNS if one in shown], shown[-2_000:]
    return shown


def in_a_column(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY.replace("size", f"size,{HOSTILE}").replace(",100", ",100,1"))
    return ["inspect", place / "a.csv"]


def in_a_column_that_is_suggested(place: Path) -> list[str | Path]:
    header = f"{HOSTILE}time,{HOSTILE}px,vol,ticker"
    (place / "a.csv").write_text(header + "\n" + ROWS)
    return ["inspect", place / "a.csv", "--suggest-columns"]


def in_a_symbol(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY + ROWS.replace("ACME", HOSTILE))
    return ["replay", place / "a.csv"]


def in_a_symbol_of_a_sidecar(place: Path) -> list[str | Path]:
    spans = [{"d0": "2025-03-01", "d1": "2025-04-01", "s": "7"}]
    (place / "symbology.json").write_text(json.dumps({"result": {HOSTILE: spans}}))
    (place / "a.csv").write_text(DAY.replace("symbol", "instrument_id").replace("ACME", "7"))
    return ["replay", place]


def in_a_manifest(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    files = [{"filename": f"{HOSTILE}.trades.csv", "hash": HOSTILE}]
    (place / "manifest.json").write_text(json.dumps({"files": files, HOSTILE: 1}))
    return ["inspect", place]


def in_a_key_of_a_columns_file(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    (place / "tapewatch.toml").write_text(f"[{json.dumps(HOSTILE)}]\nx = 1\n")
    return ["replay", place]


def in_a_value_of_a_columns_file(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    (place / "t.toml").write_text(f"[time]\nzone = {json.dumps(HOSTILE)}\n")
    return ["replay", place / "a.csv", "--columns", place / "t.toml"]


def in_a_line_that_is_no_toml(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    (place / "t.toml").write_text(f"{HOSTILE}\n")
    return ["replay", place / "a.csv", "--columns", place / "t.toml"]


def in_labels(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    columns = "symbol,publisher_id,first_ts_event,first_sequence,last_ts_event,last_sequence,kind"
    (place / "l.csv").write_text(f"{columns}\nACME,1,1,1,1,1,{HOSTILE}\n")
    return ["evaluate", place / "a.csv", "--labels", place / "l.csv"]


def in_a_member_of_a_zip(place: Path) -> list[str | Path]:
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        archive.writestr(f"{HOSTILE}.csv", "day,weather\n1,rain\n")
        archive.writestr("b.csv", DAY)
        archive.writestr(f"{HOSTILE}.xlsx", "PK")
    return ["replay", place]


def in_a_link(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    (place / f"{HOSTILE}.csv").symlink_to(place / HOSTILE)
    return ["replay", place]


def in_the_name_of_an_output(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    return ["replay", place / "a.csv", "--output", place / f"{HOSTILE}.jsonl"]


def in_the_name_of_an_output_that_cannot_be(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    return ["replay", place / "a.csv", "--output", place / f"{HOSTILE}.doc"]


def in_the_name_of_fixed_records(place: Path) -> list[str | Path]:
    return ["rejected", "retry", "--fixed", place / HOSTILE]


def in_a_folder_that_is_not_there(place: Path) -> list[str | Path]:
    return ["demo", "--data", place / HOSTILE, "--output", place / "out"]


def in_the_name_of_synthetic_days(place: Path) -> list[str | Path]:
    return ["synth", "--output", place / HOSTILE, "--trades", "300", "--symbols", "A"]


def in_the_name_of_an_injected_day(place: Path) -> list[str | Path]:
    (place / f"{HOSTILE}.csv").write_text(DAY)
    return ["inject", place, "--output", place / f"{HOSTILE}out"]


def in_a_symbol_that_is_asked_for(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    return ["replay", place, "--symbols", HOSTILE]


def in_a_time(place: Path) -> list[str | Path]:
    return ["replay", place, "--from", HOSTILE]


def in_a_calendar(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    return ["inspect", place, "--calendar", HOSTILE]


def in_a_profile(place: Path) -> list[str | Path]:
    (place / "a.csv").write_text(DAY)
    return ["evaluate", place, "--profiles", HOSTILE]


def in_the_id_of_a_job(place: Path) -> list[str | Path]:
    return ["fetch", "--job", HOSTILE, "--output", place]


def in_a_dataset(place: Path) -> list[str | Path]:
    return ["fetch", "--dataset", HOSTILE, "--symbols", "A", "--start", "1", "--end", "2"]


def in_an_option_that_there_is_not(place: Path) -> list[str | Path]:
    return ["replay", f"--{HOSTILE}", place]


def in_an_option_of_all_commands(place: Path) -> list[str | Path]:
    return [f"--{HOSTILE}", "replay", place]


def in_a_word_too_many(place: Path) -> list[str | Path]:
    return ["synth", HOSTILE]


def in_a_word_too_many_of_a_command_within(place: Path) -> list[str | Path]:
    return ["topics", "show", HOSTILE]


def in_a_number(place: Path) -> list[str | Path]:
    return ["synth", "--trades", HOSTILE]


def in_a_command(place: Path) -> list[str | Path]:
    return [HOSTILE]


def in_a_command_within(place: Path) -> list[str | Path]:
    return ["broker", HOSTILE]


PLACES = [value for name, value in list(vars().items()) if name.startswith("in_")]


@pytest.mark.parametrize("put", PLACES, ids=lambda put: put.__name__)
def test_hostile_text_steers_nothing_wherever_it_stands(
    put: Callable[[Path], list[str | Path]], tmp_path: Path
) -> None:
    words = put(tmp_path)
    shown = said(*words, DATABENTO_API_KEY="db-key", DATABENTO_GATEWAY="http://127.0.0.1:9")
    assert shown.strip()
    if words[0] in ("replay", "inspect", "evaluate") and "--suggest-columns" not in words:
        ended = tape(*words, "--json")
        assert ended.stdout.isprintable() or ended.stdout.strip().isprintable()
        assert not [one for one in SIGNS if one in ended.stdout + ended.stderr]


@pytest.mark.parametrize(
    "name",
    ["LOG_LEVEL", "PROFILE", "input", "Quix__Consumer_Group", "THRESHOLDS_FILE", "INSTANCE"],
)
def test_hostile_settings_are_said_safely(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(DAY)
    shown = said("replay", tmp_path / "a.csv", **{name: HOSTILE})
    assert name in shown


def test_hostile_columns_are_suggested_so_that_they_are_found_again(tmp_path: Path) -> None:
    header = "\x1bctime,p\x9bx\u202e,vol,ticker"
    (tmp_path / "a.csv").write_text(header + "\n" + ROWS)
    tape("inspect", tmp_path / "a.csv", "--suggest-columns", "--output", tmp_path / "t.toml")
    text = (tmp_path / "t.toml").read_text()
    assert text.replace("\n", "").isprintable()
    assert tomllib.loads(text)["columns"]["size"] == "vol"


@pytest.mark.parametrize("text", ["\x1b]0;pwned\x07", "[/x]", "[link=http://e]a[/link]"])
def test_what_a_stranger_wrote_on_the_topic_of_positions_is_shown_as_it_is(text: str) -> None:
    """It was taken for Rich's markup: a link, or a traceback where a tag was closed."""
    position = {"file": text, "at": text, "rejected": {text: 3}, "state": "sent"}
    book = Book()
    book.note(f"{FILE}{'ab' * 32}", json.dumps(position).encode())
    console = table_console()
    console.width = 200
    with console.capture() as shown:
        console.print(_table(book), width=200)
    assert shown.get().count(printable(text)) >= 2
    assert not any(one in shown.get().encode() for one in (*STEERING, b"\x1b]8"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{FILE}a", {"rows": -1}),
        (f"{FILE}a", {"trades": 2**70}),
        ("ahead:a", {"messages": 1, "rows": {}}),
        ("ahead:a", {"messages": -1, "rows": {"a": 1}}),
    ],
)
def test_what_cannot_be_a_position_is_refused_where_it_is_read(key: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):  # which the reader says in a sentence
        Book().note(key, json.dumps(value).encode())
