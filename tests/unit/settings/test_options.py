"""Settings as options of commands: they go first, and what cannot be is refused."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tape.cli import COMMANDS as ALL_COMMANDS
from tape.cli import app
from tape.cli.lazy import LazyGroup
from tape.cli.setting_options import COMMANDS
from tape.errors import SettingsError
from tape.settings.detector import DetectorSettings
from tape.settings.load import for_children, load, origins
from tape.settings.options import choose, forget
from tape.settings.producer import ProducerSettings
from tests.commands import tape

CLI = Path(__file__).parents[3] / "tape" / "cli"


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    forget()
    yield
    forget()


def test_an_option_goes_before_the_environment_and_that_before_dotenv(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("WINDOW=3\nSTRIDE=3\nHISTORY=300\n")
    monkeypatch.setenv("WINDOW", "4")
    monkeypatch.setenv("STRIDE", "4")
    choose("WINDOW", "5")
    settings = load(DetectorSettings)
    assert (settings.window, settings.stride, settings.history, settings.trees) == (5, 4, 300, 100)
    sources = {one.name: one.source for one in origins(settings)}
    assert [sources[name] for name in ("WINDOW", "STRIDE", "HISTORY", "TREES")] == [
        *("option", "environment"),
        *(".env", "default"),
    ]


def test_an_empty_option_is_the_default_whatever_else_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("MODEL=a\nSYMBOLS=NVDA\n")
    monkeypatch.setenv("PROFILE", "calibrated")
    for name in ("MODEL", "SYMBOLS", "PROFILE", "INSTANCE"):
        choose(name, "")
    settings = load(DetectorSettings)
    assert (settings.model, settings.profile, bool(settings.instance)) == (None, "classic", True)
    assert load(ProducerSettings).symbols == frozenset()


def test_an_app_that_a_command_starts_has_them_too() -> None:
    choose("PROFILE", "calibrated")
    assert for_children() == {"PROFILE": "calibrated"}
    choose("MODEL", "")
    assert for_children()["MODEL"] == ""
    Path(".env").write_text("MODEL=a\n")
    with pytest.raises(SettingsError, match=r"--set MODEL= cannot empty for apps what \.env sets"):
        for_children()


def test_options_are_of_one_call_only() -> None:
    words = ("settings", "--app", "anomaly_detector", "--changed", "--json")
    named = tape(*words, "--profile", "calibrated", "--set", "WINDOW=7")
    found = {one["name"]: one for one in json.loads(named.stdout)["settings"]}
    assert {name: one["value"] for name, one in found.items()} == {
        "PROFILE": "calibrated",
        "WINDOW": "7",
    }
    assert {one["source"] for one in found.values()} == {"option"}
    assert json.loads(tape(*words).stdout) == {"settings": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "PROFIL=x"], "--set 'PROFIL': there is no such setting; did you mean PROFILE?"),
        (["--set", "zzz=1"], "--set 'zzz': there is no such setting; `tape settings` lists all"),
        (["--set", "SINK=files"], "--set SINK: `tape replay` does not use that setting"),
        (["--set", "BATCH_SIZE=5"], "--set BATCH_SIZE: `tape replay` does not use that setting"),
        (["--set", "PROFILE"], "--set 'PROFILE' is no NAME=VALUE"),
        (["--profile", "classic", "--set", "PROFILE=calibrated"], "PROFILE is given twice"),
        (["--profile", "clasic"], "PROFILE: there is no detector 'clasic'; did you mean classic?"),
        (["--volume-threshold", "0"], "VOLUME_THRESHOLD should be at least 1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(words: list[str], said: str) -> None:
    ended = tape("replay", "nowhere", *words)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr


def test_an_option_that_is_none_is_said_as_a_setting() -> None:
    said = " ".join(tape("replay", "nowhere", "--window", "5", COLUMNS="200").stderr.split())
    assert "No such option: --window. The setting is written --set WINDOW=VALUE" in said
    said = tape("replay", "nowhere", "--colour", "5", COLUMNS="200").stderr
    assert "The setting" not in said


def test_a_mistyped_name_in_dotenv_is_said_to_be_there() -> None:
    Path(".env").write_text("PROFIL=calibrated\n")
    ended = tape("replay", "nowhere")
    assert ended.returncode == 4
    assert "PROFIL is set in .env, but the setting is called PROFILE;" in ended.stderr


def test_a_secret_is_no_word_of_a_command() -> None:
    ended = tape("doctor", "--set", "KAFKA_SASL_PASSWORD=canary-7f3a")
    assert ended.returncode == 4
    assert "it is a secret, and others may see the words of a command" in ended.stderr
    assert "canary" not in ended.stderr


def test_every_command_that_reads_settings_has_them_as_options() -> None:
    for name in ALL_COMMANDS:
        files = [*CLI.glob(f"{name}.py"), *CLI.glob(f"{name}_*.py")]
        reads = any(
            isinstance(node, ast.ImportFrom) and node.module == "tape.settings.load"
            for file in files
            for node in ast.walk(ast.parse(file.read_text()))
        )
        assert not reads or name in COMMANDS, f"{name}: name its settings in setting_options.py"
    assert set(COMMANDS) <= set(ALL_COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_has_them_in_a_panel_of_their_own(name: str) -> None:
    inner = {"topics": ["show"], "alert": ["rules"], "sink": ["check"], "state": ["list"]} | {
        "rejected": ["list"],
        "producer": ["status"],
        "history": ["list"],
        "reviews": ["list"],
    }
    shown = tape(name, *inner.get(name, []), "--help", COLUMNS="100").stdout
    assert "Settings, which go before the environment and .env" in shown
    assert "--set" in shown


def test_settings_says_where_each_value_comes_from_and_no_secret() -> None:
    Path(".env").write_text("KAFKA_SASL_PASSWORD=canary-7f3a\nVOLUME_THRESHOLD=700\n")
    ended = tape("settings", "--json", CHANGE_THRESHOLD="0.5")
    found = {one["name"]: one for one in json.loads(ended.stdout)["settings"]}
    assert "canary" not in ended.stdout
    assert found["KAFKA_SASL_PASSWORD"]["value"] == "**********"
    assert (found["VOLUME_THRESHOLD"]["source"], found["VOLUME_THRESHOLD"]["unit"]) == (
        ".env",
        "shares",
    )
    assert found["CHANGE_THRESHOLD"]["source"] == "environment"
    shown = tape(
        *("settings", "--app", "anomaly_detector", "--format", "table"),
        COLUMNS="120",
        PROFILE="calibrated",
    )
    assert "calibrated" in shown.stdout
    assert "environment" in shown.stdout
    assert tape("settings", "--app", "detector").returncode == 4


def test_all_that_cannot_work_is_said_at_once() -> None:
    assert tape("settings", "--check", "--format", "table").stdout == "all settings can be used\n"
    wrong = {"PROFIL": "x", "WINDOW": "1", "input": "rejected", "FETCH_READ_S": "0"}
    ended = tape("settings", "--check", "--format", "table", **wrong)
    assert ended.returncode == 2
    lines = ended.stdout.splitlines()
    for said in ("PROFIL is set", "WINDOW should", "are not four topics", "FETCH_READ_S should"):
        assert sum(said in line for line in lines) == 1, said
    Path("t.toml").write_text("[NVDA]\nvolume = 1\n")
    ended = tape("settings", "--check", "--json", THRESHOLDS_FILE="t.toml")
    assert ended.returncode == 2
    assert "unknown key 'volume'" in json.loads(ended.stdout)["faults"][0]


def test_the_hash_is_the_one_that_alerts_carry() -> None:
    for words in ([], ["--profile", "calibrated"], ["--volume-threshold", "5"]):
        told = json.loads(tape("settings", "--hash", "--json", *words).stdout)
        profile = "calibrated" if "calibrated" in words else "classic"
        volume = 5 if "5" in words else 20_000
        kind = f"tape.detection.{profile}.parameters"
        name = f"{profile.capitalize()}Parameters"
        parameters = getattr(__import__(kind, fromlist=[name]), name)
        assert told["hash"] == parameters(volume_threshold=volume).fingerprint()
        (detector,) = told["detectors"]
        assert detector["settings"]["VOLUME_THRESHOLD"] == str(volume)
    shown = tape("settings", "--hash", "--format", "table").stdout
    assert shown.splitlines()[0] == "d2bc50fcd0ea", "as in the golden messages"


@pytest.mark.parametrize("name", sorted(ALL_COMMANDS))
def test_no_two_options_of_a_command_share_a_word_or_a_place(name: str) -> None:
    """`tape learn --output FILE` once was the topic `output`, too."""
    commands = typer.main.get_command(app)
    assert isinstance(commands, LazyGroup)
    for one in leaves(commands.load(name)):
        inner = [parameter.name for parameter in one.params]
        assert len(inner) == len(set(inner)), f"{one.name}: {sorted(inner)}"
        words = [word for parameter in one.params for word in parameter.opts]
        assert len(words) == len(set(words)), f"{one.name}: {sorted(words)}"


def leaves(command: Any) -> list[Any]:
    """Return a command, or all of a group: those that are loaded when called, as well."""
    found = getattr(command, "commands", None)
    if found is None:
        return [command]
    lazy = [command.load(name) for name in getattr(command, "named", ())]
    return [leaf for one in [*found.values(), *lazy] for leaf in leaves(one)]
