"""Folders that are whole or not there."""

import os
import stat
from pathlib import Path

import pytest

from tape.errors import SettingsError
from tape.process.own_folder import is_own
from tape.process.whole_file import remove_parts
from tape.process.whole_folder import check_new_folder, write_folder


def test_a_folder_is_written_whole_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "first"
    write_folder(folder, {"a.json": b"1", "b": b"2"})
    assert {one.name: one.read_bytes() for one in folder.iterdir() if one.name != ".tapewatch"} == {
        "a.json": b"1",
        "b": b"2",
    }
    assert is_own(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert [one.name for one in folder.parent.iterdir()] == ["first"]


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    for name in ("folder", "link", "ours"):
        path = tmp_path / name
        if name == "link":
            path.symlink_to(tmp_path / "nowhere")
        elif name == "ours":
            write_folder(path, {"a": b"1"})
        else:
            path.mkdir()
            (path / "file").write_text("theirs")
        with pytest.raises(SettingsError, match="is never replaced"):
            write_folder(path, {"a": b"2"})
    (tmp_path / "file").write_text("theirs")
    with pytest.raises(SettingsError, match="is never replaced"):
        check_new_folder(tmp_path / "file")
    assert (tmp_path / "ours/a").read_bytes() == b"1"
    assert (tmp_path / "folder/file").read_text() == "theirs"


def test_a_file_in_the_place_of_the_folder_above_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("theirs")
    with pytest.raises(SettingsError, match=r"\(\S*/models is a file\)"):
        check_new_folder(tmp_path / "models/first")


def test_a_folder_that_comes_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fsync = tmp_path / "a", os.fsync

    def come(descriptor: int) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "theirs").write_text("")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", come)
    with pytest.raises(SettingsError, match="cannot write"):
        write_folder(folder, {"a": b"1"})
    assert [one.name for one in folder.iterdir()] == ["theirs"]
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left"):
        write_folder(tmp_path / "a", {"a": b"1"})
    assert list(tmp_path.iterdir()) == []


def test_a_signal_takes_away_what_is_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[list[Path]] = []

    def ended(_: int) -> None:
        remove_parts()  # as the handler of SIGTERM does, before it ends the process
        left.append(list(tmp_path.iterdir()))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", ended)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "a", {"a": b"1"})
    assert left == [[]]


def test_a_place_without_rights_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot write"):
        check_new_folder(tmp_path / "file" / "a")
