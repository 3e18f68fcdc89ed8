"""Pipes, devices, sockets and files of the kernel are never opened, whatever they are named."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tape.archives import find_archives
from tape.archives.columns_reader import read_columns_file
from tape.desk.evaluate.labels import read_labels
from tape.errors import ArchiveError, SettingsError, TapeError
from tape.kafka.rejected_topic import fixed_records
from tape.process.regular_file import open_file, read_file
from tape.settings.thresholds_file import read_thresholds
from tape.synthetic import make_day, write_day
from tests.commands import tape

ENDLESS = "/proc/self/maps"
STRANGE = ("pipe", "socket", "device", "endless device", "file of the kernel", "folder")
NOT_FOLDERS = STRANGE[:-1]


@pytest.fixture(autouse=True)
def _end_if_it_waits() -> Iterator[None]:
    """End a test that waits for a pipe; how long it takes decides nothing else."""

    def waited(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it waits for a pipe, or reads what never ends")

    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def put(kind: str, path: Path) -> Path:
    """Put something at a path that is no file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            here = os.getcwd()
            os.chdir(path.parent)  # a socket's path may be short only
            try:
                bound.bind(path.name)
            finally:
                os.chdir(here)
    elif kind == "folder":
        path.mkdir()
    else:
        target = {"device": "/dev/null", "endless device": "/dev/zero"}.get(kind, ENDLESS)
        path.symlink_to(target)
    return path


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_file_is_not_opened(kind: str, tmp_path: Path) -> None:
    for read in (open_file, read_file):
        path = put(kind, tmp_path / read.__name__ / "x")
        with pytest.raises(OSError, match="not a file"):
            read(path)


def test_a_file_is_read_no_further_than_was_agreed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345678")
    assert read_file(tmp_path / "x", 8) == b"12345678"
    with pytest.raises(OSError, match="larger than"):
        read_file(tmp_path / "x", 7)


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize(
    "read",
    [read_columns_file, read_thresholds, read_labels, fixed_records],
    ids=lambda read: read.__name__,
)
def test_a_file_of_settings_that_is_none_is_refused_in_a_sentence(
    read: Any, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(TapeError, match="cannot read"):
        read(put(kind, tmp_path / "x.toml"))


@pytest.mark.parametrize("suffix", ["trades.csv.zst", "csv", "json", "dbn", "zip", "csv.gz", "txt"])
@pytest.mark.parametrize("kind", NOT_FOLDERS)
def test_as_an_input_it_is_refused_where_it_is_named_and_skipped_in_a_folder(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    path = put(kind, tmp_path / f"x.{suffix}")
    with pytest.raises(ArchiveError, match="not a file"):
        find_archives(path)
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path, "good")
    found = find_archives(tmp_path)
    assert [one.path.name for one in found.archives] == ["good.trades.csv.zst"]
    (told,) = [one for one in found.skipped if one.path == path]
    assert "neither a file nor a folder" in told.reason
    assert told.may_hold_trades == (suffix != "txt")


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize(
    "name", ["manifest.json", "symbology.json", "symbology.csv", "condition.json", "metadata.json"]
)
def test_as_a_sidecar_it_has_no_effect(name: str, kind: str, tmp_path: Path) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path, "good")
    put(kind, tmp_path / name)
    ended = tape("replay", tmp_path)
    assert '"judged":1000' in ended.stdout
    assert ended.returncode == 0
    assert kind in ("folder", "device") or "skipped: " in ended.stderr


@pytest.mark.parametrize("kind", NOT_FOLDERS)
@pytest.mark.parametrize("command", ["replay", "inspect", "inject", "evaluate"])
def test_a_command_refuses_it_in_one_sentence(command: str, kind: str, tmp_path: Path) -> None:
    path = put(kind, tmp_path / "x.csv")
    more = ["--output", tmp_path / "out"] if command == "inject" else []
    ended = tape(command, path, *more)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "not a file" in line


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device", "endless device"])
def test_as_an_output_it_is_refused(kind: str, tmp_path: Path) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path / "days")
    path = put(kind, tmp_path / "a.jsonl")
    ended = tape("replay", tmp_path / "days", "--output", path, "--force")
    assert ended.returncode == 4
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_as_dotenv_it_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(kind, tmp_path / ".env")
    ended = tape("replay", "nasdaq")
    assert ended.returncode == 4
    assert ".env" in ended.stderr


@pytest.mark.parametrize("kind", ["folder", "device"])
def test_a_virtual_environment_or_nothing_at_all_may_be_called_dotenv(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(kind, tmp_path / ".env")
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path / "days")
    assert tape("replay", "days").returncode == 0


@pytest.mark.parametrize("text", [b"\xff\xfe", b"LOG_LEVEL=\xe9"])
def test_a_dotenv_that_is_not_utf_8_is_said(
    text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(text)
    ended = tape("replay", "nasdaq")
    assert (ended.returncode, "UTF-8" in ended.stderr) == (4, True)


@pytest.mark.parametrize("kind", STRANGE)
def test_as_an_authority_it_is_refused(kind: str, tmp_path: Path) -> None:
    path = put(kind, tmp_path / "ca.pem")
    ended = tape("replay", "nasdaq", KAFKA_SSL_CA_FILE=str(path))
    assert ended.returncode == 4
    assert "KAFKA_SSL_CA_FILE" in ended.stderr


@pytest.mark.parametrize("kind", NOT_FOLDERS)
def test_a_columns_file_beside_trades_that_is_none_is_not_waited_for(
    kind: str, tmp_path: Path
) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path, "good")
    put(kind, tmp_path / "tapewatch.toml")
    ended = tape("replay", tmp_path)
    assert ended.returncode in (0, 4)
    assert "Traceback" not in ended.stderr


def test_a_setting_names_the_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="it is a pipe"):
        read_thresholds(put("pipe", tmp_path / "t.toml"))
