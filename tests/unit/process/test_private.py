"""What we make is for its owner only, whatever the umask, and follows no link laid before."""

import gc
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tape.archives.databento.download import Part
from tape.cli import broker as broker_command
from tape.errors import SettingsError
from tape.kafka.local.lock import held
from tape.kafka.local.properties import write_files
from tape.ops.demo.app_process import Supervised
from tape.process.own_folder import make_own, make_private
from tape.process.whole_file import OutputFile
from tape.settings.load import load
from tape.settings.producer import ProducerSettings
from tape.streaming.detector_app import ensure_writable
from tape.streaming.producer_app import producer_application


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct, autouse=True)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def modes(place: Path) -> dict[str, int]:
    """Return the rights of all that is below a place."""
    return {str(path.relative_to(place)): mode(path) for path in place.rglob("*")}


def test_a_folder_and_those_above_it_are_their_owners_only(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b" / "c")
    assert modes(tmp_path) == {"a": 0o700, "a/b": 0o700, "a/b/c": 0o700}


def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(0o755)
    make_private(tmp_path / "there" / "new")
    ensure_writable(tmp_path / "there")
    make_own(tmp_path / "there" / "new")
    assert mode(tmp_path / "there") == 0o755
    assert mode(tmp_path / "there" / "new") == 0o700


def test_state_outputs_logs_and_the_brokers_files_are_private(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "state" / "instance")
    with OutputFile(tmp_path / "out" / "a.jsonl") as file:
        file.write(b"1")
    with held(tmp_path / "broker" / "data"):
        write_files(tmp_path / "broker" / "data", 19_092, {}, {"ssl.key.password": "secret"})
    (tmp_path / "app").mkdir(mode=0o700)
    (tmp_path / "app" / "main.py").write_text("")
    (tmp_path / "app" / "main.py").chmod(0o600)
    app = Supervised(tmp_path / "app" / "main.py", {}, tmp_path / "app.log")
    app.stop()
    found = modes(tmp_path)
    assert len(found) == 12
    assert set(found.values()) == {0o600, 0o700}
    for name in ("state/instance", "out/a.jsonl", "broker/data/server.properties", "app.log"):
        assert name in found


def test_a_part_is_private_and_goes_on_where_it_was(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.csv")
    part.append(b"1234")
    part.close()
    assert mode(tmp_path / "a.csv.part") == 0o600
    again = Part(tmp_path / "a.csv")
    assert again.size == 4
    again.keep()
    assert (tmp_path / "a.csv").read_bytes() == b"1234"


def test_a_part_with_its_former_rights_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "a.csv.part").write_bytes(b"12")
    (tmp_path / "a.csv.part").chmod(0o644)
    part = Part(tmp_path / "a.csv")
    assert part.size == 2
    part.close()


@pytest.mark.parametrize("trap", ["link", "link to nothing", "hard link", "folder", "pipe"])
def test_a_part_that_others_laid_is_refused_and_nothing_is_written(
    trap: str, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"thesis")
    part = tmp_path / "a.csv.part"
    if trap == "link":
        part.symlink_to(theirs)
    elif trap == "link to nothing":
        part.symlink_to(tmp_path / "nothing")
    elif trap == "hard link":
        os.link(theirs, part)
    elif trap == "folder":
        part.mkdir()
    else:
        os.mkfifo(part)
    with pytest.raises(SettingsError, match=r"a\.csv\.part is no part"):
        Part(tmp_path / "a.csv")
    assert theirs.read_bytes() == b"thesis"
    assert not (tmp_path / "nothing").exists()


def test_two_producers_have_two_folders_that_nobody_could_foresee() -> None:
    folders = []
    for _ in range(2):
        app = producer_application(load(ProducerSettings))
        folders.append(app.config.state_dir)
        assert mode(folders[-1]) == 0o700
    assert folders[0] != folders[1]
    del app
    gc.collect()
    assert not folders[0].exists()


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "7", "[" * 100_000, "\0"),
        *('{"pid": -1, "port": 19092}', '{"pid": 0, "port": 19092}', '{"pid": 1, "port": 1}'),
        *('{"pid": "x"}', '{"pid": null, "port": null}'),
        '{"pid": 99999999999999999999, "port": 19092}',
    ],
)
def test_a_damaged_note_of_the_brokers_process_stands_for_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_text(text)
    assert broker_command._running(tmp_path) is None
