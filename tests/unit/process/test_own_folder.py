"""Only folders that are ours are emptied, and only one run works in each."""

from pathlib import Path

import pytest

from tape.errors import SettingsError
from tape.process.own_folder import MARKER, empty_own, is_own, make_own, own_folder


def test_a_new_or_empty_folder_becomes_ours(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty", "deep/er"):
        make_own(tmp_path / name)
        assert is_own(tmp_path / name)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_files_of_others_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for refused in (make_own, empty_own):
        with pytest.raises(SettingsError, match=MARKER):
            refused(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert not (tmp_path / MARKER).exists()


def test_a_folder_of_ours_is_emptied(tmp_path: Path) -> None:
    make_own(tmp_path / "out")
    (tmp_path / "out" / "state").mkdir()
    empty_own(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    empty_own(tmp_path / "out")


@pytest.mark.parametrize("trap", ["link to a folder", "marker is a link"])
def test_links_do_not_make_a_folder_ours(trap: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("mine")
    if trap == "link to a folder":
        (theirs / MARKER).write_text("")
        (tmp_path / "out").symlink_to(theirs)
    else:
        (tmp_path / "elsewhere").write_text("")
        (theirs / MARKER).symlink_to(tmp_path / "elsewhere")
        (tmp_path / "out").symlink_to(theirs)
    with pytest.raises(SettingsError):
        empty_own(tmp_path / "out")
    assert (theirs / "thesis.txt").read_text() == "mine"


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SettingsError, match="not a folder"):
        make_own(tmp_path / "out")


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        own_folder(tmp_path / "out"),
        pytest.raises(SettingsError, match="another run"),
        own_folder(tmp_path / "out"),
    ):
        pass
    with own_folder(tmp_path / "out"):
        pass
