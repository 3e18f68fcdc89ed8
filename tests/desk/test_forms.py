"""In which form commands print their data: tables also in a pipe, JSON, lines or CSV if asked."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
import typer

from tape.cli import app
from tape.cli.lazy import LazyGroup
from tape.synthetic import make_day, write_day
from tests.commands import every_command, on_terminal, plain, tape

TABLE = {"TAPE_FORMAT": "", "COLUMNS": ""}
SHORT_ID = re.compile(r"\b[AB]{3}-2-\d+[\d-]*")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    write_day(make_day(2, ["AAA", "BBB"], 30_000), folder)
    return folder


def test_a_pipe_gets_tables_as_a_terminal_does_and_nothing_is_cut(day: Path) -> None:
    piped = tape("replay", day, **TABLE).stdout
    _, shown = on_terminal("replay", day, columns=400, NO_COLOR="1", TAPE_FORMAT="")
    rows = [line for line in piped.splitlines() if line.startswith("│")]
    assert len(rows) > 20
    for line in rows:
        assert line in plain(shown)
        assert "…" not in line
    said = json.loads(tape("replay", day, "--json", **TABLE).stdout)
    for one in said["telling"]:
        for reason in one["reasons"]:
            assert reason["text"] in piped


def test_lines_and_csv_have_a_row_per_anomaly_or_file(day: Path) -> None:
    told = json.loads(tape("replay", day, "--format", "json").stdout)["telling"]
    lines = tape("replay", day, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == told
    rows = list(csv.DictReader(io.StringIO(tape("replay", day, "--format", "csv").stdout)))
    assert [row["anomaly_id"] for row in rows] == [one["anomaly_id"] for one in told]
    assert [float(row["price"]) for row in rows] == [one["price"] for one in told]
    (file,) = csv.DictReader(io.StringIO(tape("inspect", day, TAPE_FORMAT="csv").stdout))
    assert file["trades"] == "30000"


def test_two_forms_and_unknown_ones_are_told(day: Path) -> None:
    for words, env, sentence in (
        (["--json", "--format", "csv"], {}, "--json and --format csv are two forms"),
        ([], {"TAPE_FORMAT": "xml"}, "TAPE_FORMAT=xml is no form; choose from table, json"),
    ):
        ended = tape("replay", day, *words, **env)
        assert (ended.returncode, ended.stdout) == (4, "")
        assert sentence in ended.stderr
    assert tape("replay", day, "--format", "xml").returncode == 2


def commands() -> list[tuple[str, typer.core.TyperCommand]]:
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)
    found = []
    for name, *inner in every_command():
        command = group.load(name)
        for one in inner:
            own = command.commands[one]
            command = command.load(one) if isinstance(command, LazyGroup) else own
        found.append((" ".join([name, *inner]), command))
    return found


def test_every_command_that_prints_json_prints_all_forms() -> None:
    able = {
        name: {word for one in command.params for word in one.opts} for name, command in commands()
    }
    having = {name for name, options in able.items() if "--json" in options}
    assert len(having) > 30
    assert [name for name in having if "--format" not in able[name]] == []


def test_help_says_nothing_in_python() -> None:
    pages = Path(__file__).parents[2] / "docs/commands"  # a test compares them with the help
    for page in pages.glob("*.md"):
        named = re.findall(r"^\* `(.*?)`.*?(\[[^\]]*\])?$", page.read_text(), re.MULTILINE)
        for words, bounds in named:
            assert not re.search(r"list\[|<str>|<path>|range|datetime|%Y|<int>|float", words), page
            assert "x<" not in bounds, page
            assert "x>" not in bounds, page


def test_a_short_id_of_the_table_is_enough_and_one_of_several_is_told(
    day: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    told = json.loads(tape("replay", day).stdout)["telling"]
    shown = SHORT_ID.findall(tape("replay", day, **TABLE).stdout)
    assert len(shown) == len(told)
    for short, one in zip(shown, told, strict=True):
        assert one["anomaly_id"].startswith(short)
    place = [len(short) for short in shown].index(min(map(len, shown)))
    words = ("replay", day, "--plot", tmp_path / "one.svg", "--anomaly")
    assert tape(*words, shown[place]).returncode == 0
    picture = (tmp_path / "one.svg").read_text()
    assert told[place]["ts_event"] in picture
    ended = tape(*words, told[0]["anomaly_id"][: len("AAA-2-17")])
    assert ended.returncode == 4
    assert re.search(r"--anomaly: \d+ ids begin with 'AAA-2-17': AAA-2-17\d+-\d+, ", ended.stderr)
    assert "write more of the id" in ended.stderr
