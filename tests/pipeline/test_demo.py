"""`tape demo` as a user runs it, and as something kills its apps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tape.synthetic import make_day, write_day
from tests.apps import ROOT

pytestmark = pytest.mark.broker
TRADES = 20_000


def start(data: Path, output: Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tape", "demo", "--data", str(data), "--output", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **env},
    )


def child(demo: subprocess.Popen[str], app: str) -> int | None:
    """The process id of one of the demo's apps."""
    for pid in Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split():
        if f"{app}/main.py" in Path(f"/proc/{pid}/cmdline").read_text():
            return int(pid)
    return None


def test_killing_either_app_changes_nothing_in_what_the_demo_leaves(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_day(make_day(seed=5, trades=TRADES), data)
    quiet = start(data, tmp_path / "quiet")
    printed, _ = quiet.communicate(timeout=120)
    assert quiet.returncode == 0, printed
    assert f"{TRADES:,}, all judged" in printed

    demo = start(data, tmp_path / "killed", REPLAY_SPEED="1500")
    killed = []
    for app, after_s in (("anomaly_detector", 14), ("producer", 8)):
        time.sleep(after_s)
        pid = child(demo, app)
        assert pid is not None, f"no {app} left to kill"
        os.kill(pid, signal.SIGKILL)
        killed.append(app)
    printed, _ = demo.communicate(timeout=180)
    assert demo.returncode == 0, printed
    for app in killed:
        assert f"{app} 1 times" in printed
    expected = (tmp_path / "quiet" / "anomalies.jsonl").read_bytes()
    assert (tmp_path / "killed" / "anomalies.jsonl").read_bytes() == expected
    assert expected
