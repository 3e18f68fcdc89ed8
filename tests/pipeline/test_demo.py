"""`tape demo` as a user runs it, and as something kills its apps."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.commands import on_terminal, plain

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


def running(demo: subprocess.Popen[str], app: str) -> int:
    """The process id of the app, once it has been started."""
    deadline_s = time.monotonic() + 60
    while (pid := child(demo, app)) is None:
        assert time.monotonic() < deadline_s, f"no {app} to kill"
        time.sleep(0.2)
    return pid


@pytest.mark.full
def test_killing_either_app_changes_nothing_in_what_the_demo_leaves(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_day(make_day(seed=5, trades=TRADES), data)
    quiet = start(data, tmp_path / "quiet")
    printed, _ = quiet.communicate(timeout=120)
    assert quiet.returncode == 0, printed
    assert f"{TRADES:,}, all judged" in printed
    assert f"next, fewer and ranked: tape replay {data} --profile calibrated\n" in printed

    demo = start(data, tmp_path / "killed", REPLAY_SPEED="1500")
    killed = []
    for app in ("anomaly_detector", "producer"):
        pid = running(demo, app)
        time.sleep(5)  # started, and well into the tape
        os.kill(pid, signal.SIGKILL)
        killed.append(app)
    printed, _ = demo.communicate(timeout=180)
    assert demo.returncode == 0, printed
    for app in killed:
        assert f"{app} 1 times" in printed
    expected = (tmp_path / "quiet" / "anomalies.jsonl").read_bytes()
    assert (tmp_path / "killed" / "anomalies.jsonl").read_bytes() == expected
    assert expected


def test_the_bars_count_trades_and_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_day(make_day(seed=5, trades=TRADES), data)
    code, shown = on_terminal("demo", "--data", data, "--output", tmp_path / "out", columns=120)
    assert code == 0, shown[-2_000:]
    for bar in ("sent to stocks", "judged"):
        counts = re.findall(rf"{bar}[^/\n]*?(\d+)/(\d+)", "\n".join(plain(shown)))
        assert all(int(done) <= TRADES for done, _ in counts)
        assert counts[-1] == (str(TRADES), str(TRADES))
