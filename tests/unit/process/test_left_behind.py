"""What a command has made for itself is gone when a signal ends it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.apps import ROOT

SCRATCH = """
import signal
from tape.process.whole_file import scratch_folder
with scratch_folder("tape-test-") as folder:
    (folder / "below").mkdir()
    (folder / "below" / "copy.csv").write_text("licensed")
    print(folder, flush=True)
    signal.pause()
"""
APP = """
import signal, sys
from pathlib import Path
from tape.ops.demo.app_process import Supervised
app = Supervised(Path(sys.argv[1]), {}, Path(sys.argv[2]), ends_with_us=True)
print(app.pid, flush=True)
signal.pause()
"""
ENDS = [signal.SIGTERM, signal.SIGHUP]
PATIENCE_S = 30


def said(program: str, *words: Path) -> "tuple[subprocess.Popen[str], str]":
    """Start a program; return it and the first line that it writes."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    with process.stdout:
        return process, process.stdout.readline().strip()


@pytest.mark.parametrize("number", ENDS)
def test_a_scratch_folder_goes_with_a_signal(number: signal.Signals) -> None:
    process, folder = said(SCRATCH)
    assert (Path(folder) / "below" / "copy.csv").exists()
    process.send_signal(number)
    assert process.wait() == -number
    assert not Path(folder).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("number", [*ENDS, signal.SIGKILL])
def test_an_app_of_a_demo_ends_with_it(number: signal.Signals, tmp_path: Path) -> None:
    main = tmp_path / "app" / "main.py"
    main.parent.mkdir()
    main.write_text("import signal\nprint('up', flush=True)\nsignal.pause()\n")
    log_file = tmp_path / "app.log"
    process, pid = said(APP, main, log_file)
    until_s = time.monotonic() + PATIENCE_S
    while not log_file.read_text() and time.monotonic() < until_s:
        time.sleep(0.05)
    assert log_file.read_text() == "up\n"
    process.send_signal(number)
    assert process.wait() == -number
    while _runs(int(pid)) and time.monotonic() < until_s + PATIENCE_S:
        time.sleep(0.05)
    assert not _runs(int(pid))


def _runs(pid: int) -> bool:
    """Return whether a process is there, and no zombie that nobody has collected yet."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
