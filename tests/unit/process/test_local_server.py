"""A server as a child process, here one of a few lines of Python."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tape.errors import StoreError
from tape.process.local_server import LocalServer

FAMILY = """
import os, sys, time
child = os.fork()
if child:
    open(sys.argv[1], "w").write(f"{os.getpid()} {child}")
    os.rename(sys.argv[1], sys.argv[2])
time.sleep(3600)
"""
"""A server with a process below it, ready when a file with both process ids is there."""

FAILING = (
    "print('INFO: reading'); print('FATAL: no space'); print('INFO: bye'); raise SystemExit(1)"
)


class Small(LocalServer):
    """A server of our own, which is ready when its file is there."""

    name = "server"
    error = StoreError

    def __init__(self, folder: Path, code: str, **how: bool) -> None:
        super().__init__(folder, 1, folder / "server.log", env={"OF_ITS_OWN": "1"}, **how)
        self.ready_file = folder / "ready"
        self._code = code

    def command(self) -> Sequence[str]:
        self.ready_file.unlink(missing_ok=True)
        named = [str(self.ready_file.with_suffix(".new")), str(self.ready_file)]
        return [sys.executable, "-I", "-S", "-c", self._code, *named]

    def why_not_ready(self) -> str | None:
        return None if self.ready_file.exists() else "its file is not there"

    def pids(self) -> list[int]:
        return [int(one) for one in self.ready_file.read_text().split()]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Small]:
    server = Small(tmp_path, FAMILY).start()
    yield server
    if not server.has_ended():
        server.kill()


def state(pid: int) -> str:
    """Return the letter of a process's state: S asleep, T held still, Z ended; X if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


def wait_for(states: str, pids: list[int]) -> None:
    """Return when every process is in one of these states: a signal waits for a free core."""
    until_s = time.monotonic() + 60
    while not all(state(pid) in states for pid in pids):
        assert time.monotonic() < until_s, [state(pid) for pid in pids]
        time.sleep(0.01)


def test_a_start_returns_when_the_server_is_ready(family: Small) -> None:
    assert family.pids()[0] == family.pid
    assert not family.has_ended()


def test_a_pause_holds_the_whole_family_still_and_resume_lets_it_run(family: Small) -> None:
    family.pause()
    wait_for("T", family.pids())
    family.resume()
    wait_for("RS", family.pids())


def test_a_kill_leaves_none_of_the_family_and_a_second_start_works(family: Small) -> None:
    pids = family.pids()
    family.kill()
    wait_for("XZ", pids)
    family.start()
    assert family.pids() != pids


def test_a_paused_server_can_be_stopped(family: Small) -> None:
    pid, below = family.pids()
    family.pause()
    family.stop()
    assert state(pid) == "X"
    os.kill(below, signal.SIGKILL)  # what is below a server ends with it if the server sees to that


def test_an_end_while_starting_is_told_by_the_line_of_its_log_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("FATAL: of an earlier start\n")
    with pytest.raises(StoreError, match="the local server ended while starting: FATAL: no space;"):
        Small(tmp_path, FAILING).start()


def test_a_server_that_never_answers_is_ended_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Small(tmp_path, "import time; time.sleep(3600)")
    monkeypatch.setattr(Small, "start_s", 0.0)
    said = r"did not answer within 0 s \(its file is not there\): it logged nothing; read its log, "
    with pytest.raises(StoreError, match=said):
        server.start()
    assert server.has_ended()


def test_its_own_variables_are_beside_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_OURS", "2")
    code = "import os; print(os.environ['OF_ITS_OWN'] + os.environ['OF_OURS'], 'ERROR')"
    with pytest.raises(StoreError, match="12 ERROR"):
        Small(tmp_path, code).start()
