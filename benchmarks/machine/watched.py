"""A detector as a process that is watched from outside: its own metrics, and what the system says.

Nothing in it is changed or timed, so the figures are those of the app as people run it.
"""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.machine.apps import DETECTOR
from tape.errors import TapeError
from tape.kafka.local.broker import HOST, free_port

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ANSWER_S = 5.0
"""Longest wait for the metrics: a commit in compiled code may hold up who answers."""

NUMBER = re.compile(r"^tapewatch_(\w+) ([0-9.e+-]+)$", re.MULTILINE)
"""A metric without labels in Prometheus' text form."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a detector has done and taken so far.

    Attributes:
        at_s: seconds since the process was started.
        cpu_s: seconds of CPU of all its threads.
        commits: how many, and `commits_s` how long they took together.
        anon_bytes: resident memory that no file stands behind.
    """

    at_s: float
    trades: int
    cpu_s: float
    commits: int
    commits_s: float
    anon_bytes: int


@dataclass(slots=True)
class Watched:
    """A detector that runs, and the samples of it so far."""

    process: "subprocess.Popen[bytes]"
    port: int
    started_s: float
    samples: list[Sample] = field(default_factory=list)

    def look(self) -> Sample | None:
        """Take a sample; None before the detector serves its metrics, and after its end."""
        try:
            with urllib.request.urlopen(
                f"http://{HOST}:{self.port}/metrics", timeout=ANSWER_S
            ) as r:
                found = dict(NUMBER.findall(r.read().decode()))
            cpu_s, anon_bytes = cpu_and_memory(self.process.pid)
        except (OSError, urllib.error.URLError):
            return None
        sample = Sample(
            time.monotonic() - self.started_s,
            int(float(found["trades_total"])),
            cpu_s,
            int(float(found["commit_seconds_count"])),
            float(found["commit_seconds_sum"]),
            anon_bytes,
        )
        self.samples.append(sample)
        return sample

    def until(self, trades: int, *, every_s: float, limit_s: float) -> Sample:
        """Return the first sample with as many trades judged; raises `TapeError` without one."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s and self.process.poll() is None:
            sample = self.look()
            if sample is not None and sample.trades >= trades:
                return sample
            time.sleep(every_s)
        judged = self.samples[-1].trades if self.samples else 0
        took_s = limit_s - max(0.0, end_s - time.monotonic())
        raise TapeError(f"the detector judged {judged:,} of {trades:,} trades in {took_s:.0f} s")

    def until_committed(self, *, every_s: float, limit_s: float) -> None:
        """Wait for the commit of what was judged."""
        commits, end_s = self.samples[-1].commits, time.monotonic() + limit_s
        while time.monotonic() < end_s and self.process.poll() is None:
            sample = self.look()
            if sample is not None and sample.commits > commits:
                return
            time.sleep(every_s)

    def moving(self) -> list[Sample]:
        """Return the samples from the first trade on."""
        return [sample for sample in self.samples if sample.trades]

    def figures(self) -> dict[str, float]:
        """Return what a trade cost, from the first judged trade that was seen to the last."""
        seen = self.moving()
        first, last = seen[0], seen[-1]
        judged = max(1, last.trades - first.trades)
        done = next(one for one in seen if one.trades == last.trades)
        fewer = max(1, done.trades - first.trades)
        times_s = [
            (b.commits_s - a.commits_s) / (b.commits - a.commits)
            for a, b in zip(self.samples, self.samples[1:], strict=False)
            if b.commits > a.commits and b.trades
        ]
        return {
            "cpu_us": 1e6 * (last.cpu_s - first.cpu_s) / judged,
            "trades_per_s": fewer / max(done.at_s - first.at_s, 1e-3),
            "commit_s": median(times_s) if times_s else 0.0,
            "commit_max_s": max(times_s, default=0.0),
            "anon_mb": max(one.anon_bytes for one in seen) / 2**20,
        }


def cpu_and_memory(pid: int) -> tuple[float, int]:
    """Return seconds of CPU of all threads of a process, and its own resident bytes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    status = Path(f"/proc/{pid}/status").read_text()
    return cpu_s, int(status.split("RssAnon:")[1].split()[0]) * 1024


@contextmanager
def watched(env: Mapping[str, str], log: Path) -> Iterator[Watched]:
    """Run a detector with this environment and its metrics on a free port; it ends with the block.

    Its log goes to `log`.
    """
    port = free_port()
    with log.open("ab") as file:
        started_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, str(DETECTOR)],
            env={**env, "METRICS_HOST": HOST, "METRICS_PORT": str(port), "LOG_FORMAT": "json"},
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    try:
        yield Watched(process, port, started_s)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
