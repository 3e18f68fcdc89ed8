"""Copies of the state that nobody uses any more are removed, and no others."""

import subprocess
import sys
from pathlib import Path

from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.streaming.local_state import OLD_S, forget_old_copies
from tape.testing import SettableClock


def settings_of(folder: Path) -> DetectorSettings:
    return load(DetectorSettings).model_copy(update={"state_dir": folder})


def copy_in(folder: Path, settings: DetectorSettings, instance: str, partition: int) -> Path:
    copy = folder / instance / settings.consumer_group / "default" / settings.input
    copy = copy / str(partition)
    copy.mkdir(parents=True)
    (copy / "LOCK").touch()
    (copy / "LOG").write_text("RocksDB writes here every ten minutes")
    return copy


def test_a_copy_is_kept_while_it_may_be_in_use_and_removed_when_it_is_old(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    one, other = (copy_in(tmp_path, settings, name, 3) for name in ("d1", "d2"))
    used_s = max(file.stat().st_mtime for file in [*one.iterdir(), *other.iterdir()])
    clock = SettableClock(at_s=used_s + OLD_S - 1)
    assert forget_old_copies(settings, clock) == []
    clock.advance(2)
    assert sorted(forget_old_copies(settings, clock)) == [one, other]
    assert not one.exists()


def test_a_copy_that_another_process_has_locked_stays(tmp_path: Path) -> None:
    """RocksDB locks by `fcntl`, which does not count within one process: a child holds it."""
    settings = settings_of(tmp_path)
    copy = copy_in(tmp_path, settings, "d1", 0)
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('locked', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", program, str(copy / "LOCK")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        clock = SettableClock(at_s=copy.stat().st_mtime + 2 * OLD_S)
        assert forget_old_copies(settings, clock) == []
        assert copy.exists()
        assert holder.stdin is not None
        holder.stdin.close()
    assert forget_old_copies(settings, clock) == [copy]


def test_other_groups_and_topics_are_left_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    other = settings.model_copy(update={"consumer_group": "another"})
    copy = copy_in(tmp_path, other, "d1", 0)
    clock = SettableClock(at_s=copy.stat().st_mtime + 2 * OLD_S)
    assert forget_old_copies(settings, clock) == []
    assert copy.exists()
