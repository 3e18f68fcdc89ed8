"""Outputs never replace an input or what others made, and leave nothing behind when they fail."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tape.errors import SettingsError
from tape.process.whole_file import OutputFile, check_writable

FOREIGN = b"ts_event,price,size,symbol\n2025-03-05T14:30:00Z,1.0,100,ACME\n"


def wrote(path: Path, *, inputs: tuple[Path, ...] = (), force: bool = False) -> None:
    with OutputFile(path, inputs=inputs, force=force) as file:
        file.write(b"new")


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / "days" / "day.csv"
    path.parent.mkdir()
    path.write_bytes(FOREIGN)
    return path


def same(day: Path, tmp_path: Path) -> Path:
    return day


def roundabout(day: Path, tmp_path: Path) -> Path:
    return day.parent / ".." / "days" / "day.csv"


def linked(day: Path, tmp_path: Path) -> Path:
    (tmp_path / "link.csv").symlink_to(day)
    return tmp_path / "link.csv"


def in_a_linked_folder(day: Path, tmp_path: Path) -> Path:
    (tmp_path / "folder").symlink_to(day.parent)
    return tmp_path / "folder" / "day.csv"


def hard_linked(day: Path, tmp_path: Path) -> Path:
    os.link(day, tmp_path / "hard.csv")
    return tmp_path / "hard.csv"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("whole_folder", [False, True])
@pytest.mark.parametrize("way", [same, roundabout, linked, in_a_linked_folder, hard_linked])
def test_an_input_is_never_replaced_by_whatever_name(
    way: Any, whole_folder: bool, force: bool, day: Path, tmp_path: Path
) -> None:
    output = way(day, tmp_path)
    inputs = (day.parent if whole_folder else day,)
    with pytest.raises(SettingsError, match="input"):
        check_writable(output, inputs=inputs, force=force)
    with pytest.raises(SettingsError, match="input"):
        wrote(output, inputs=inputs, force=force)
    assert day.read_bytes() == FOREIGN


@pytest.mark.parametrize("name", ["symbology.csv", "manifest.json", "tapewatch.toml"])
def test_what_is_read_beside_an_input_is_never_replaced(name: str, day: Path) -> None:
    beside = day.with_name(name)
    beside.write_bytes(b"bought with the day")
    with pytest.raises(SettingsError, match="is an input and must stay as it is"):
        wrote(beside, inputs=(day,), force=True)
    assert beside.read_bytes() == b"bought with the day"


def test_a_hard_link_to_an_input_is_named_as_one(day: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="hard link"):
        wrote(hard_linked(day, tmp_path), inputs=(day,))


def test_a_file_that_others_made_is_replaced_only_when_that_is_asked_for(day: Path) -> None:
    with pytest.raises(SettingsError, match="--force"):
        wrote(day)
    assert day.read_bytes() == FOREIGN
    wrote(day, force=True)
    assert day.read_bytes() == b"new"


@pytest.mark.parametrize(
    "text",
    [
        b"notes on what was made by Tapewatch\n",
        b"# made by Tapewatch? no, by me\n",
        b"symbol,remark\nACME,made by Tapewatch\n",
        b'{"remark":"made by Tapewatch"}\n',
    ],
)
def test_a_file_that_speaks_of_us_is_still_its_owner_s(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match="--force"):
        wrote(path)
    assert path.read_bytes() == text


def test_an_empty_file_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    wrote(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == b"new"


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    def wrote_beside_another() -> None:
        with OutputFile(path) as file:
            file.write(b"new")
            path.write_bytes(FOREIGN)

    with pytest.raises(SettingsError, match="--force"):
        wrote_beside_another()
    assert path.read_bytes() == FOREIGN
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["folder", "pipe", "device"])
def test_what_is_no_file_is_refused_even_by_force(place: str, tmp_path: Path) -> None:
    path = tmp_path / "place"
    if place == "folder":
        path.mkdir()
    elif place == "pipe":
        os.mkfifo(path)
    else:
        path = Path(os.devnull)
    with pytest.raises(SettingsError):
        wrote(path, force=True)


def test_a_part_that_is_laid_as_a_trap_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(FOREIGN)
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.jsonl.part").symlink_to(elsewhere)
    wrote(out / "a.jsonl")
    assert elsewhere.read_bytes() == FOREIGN
    assert not (out / "a.jsonl").is_symlink()


def test_a_link_to_nothing_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="link to nothing"):
        wrote(tmp_path / "a.jsonl")
    assert not (tmp_path / "elsewhere").exists()


def test_two_writers_of_one_name_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with OutputFile(path, force=True) as first:
        first.write(b"first")
        with OutputFile(path, force=True) as second:
            second.write(b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_outputs_are_for_their_owner_only(tmp_path: Path) -> None:
    wrote(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_of_an_output_that_failed(tmp_path: Path) -> None:
    def failed() -> None:
        with OutputFile(tmp_path / "a.jsonl") as file:
            file.write(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failed()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_the_disk_is_full(tmp_path: Path) -> None:
    class Full(OutputFile):
        """Its file stands on a disk that takes nothing more."""

        def __enter__(self) -> Any:
            opened = super().__enter__()
            os.dup2(os.open("/dev/full", os.O_WRONLY), self._file.fileno())
            return opened

    with pytest.raises(OSError, match="space"), Full(tmp_path / "a.jsonl") as file:
        file.write(b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_nothing_is_left_where_a_signal_ends_the_work(number: int, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time, pathlib; from tape.process.whole_file import OutputFile\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # under nohup it would be ignored
        "with OutputFile(pathlib.Path(sys.argv[1])) as file:\n"
        "    file.write(b'x' * 100_000); print('open', flush=True); time.sleep(60)\n"
    )
    work = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.jsonl")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert work.stdout is not None
    assert work.stdout.readline() == b"open\n"
    assert len(list(tmp_path.iterdir())) == 1, "the fault must come in the middle of the work"
    work.send_signal(number)
    work.wait(10)
    work.stdout.close()
    deadline_s = time.monotonic() + 5
    while list(tmp_path.iterdir()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []
    assert work.returncode != 0


def test_a_name_as_long_as_a_disk_takes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("名" * 83 + ".jsonl")
    assert len(os.fsencode(path.name)) == 255
    wrote(path)
    assert list(tmp_path.iterdir()) == [path]
