"""Thirty days through `tape replay`, in one process and in two, beside what others do with them.

`python -m benchmarks.machine.days [--days N] [--trades N]` prints the figures as JSON. The others
keep a share of the rules only: volume, the change to the trade before, and a rolling deviation in
place of the forest; they have neither episodes nor reasons.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.machine.machine import machine
from tape.market.trading_days import next_trading_day
from tape.synthetic import make_day, write_day

DAYS = 30
TRADES = 320_000
"""Of each day: 9.6 million in all, 205 MB as they lie on the disk."""

FIRST_DAY = date(2025, 3, 3)
JOBS = (1, 2)
PEERS = ("polars", "duckdb")
POLARS = """
import sys
import polars as pl
found = 0
for symbol, rows in pl.concat([pl.read_csv(path) for path in sys.argv[1:]]).group_by("symbol"):
    price, size = rows["price"], rows["size"]
    z = (price - price.rolling_mean(1000)) / price.rolling_std(1000)
    found += int(((size > 20000) | (price.pct_change().abs() > 0.01) | (z.abs() > 3)).sum())
print(found)
"""
DUCKDB = """
import sys
import duckdb
print(duckdb.execute('''
    with last as (
        select size, price, lag(price) over one as previous,
               avg(price) over past as mean, stddev(price) over past as spread
        from read_csv(?) window
            one as (partition by symbol order by ts_recv, sequence),
            past as (one rows between 999 preceding and current row)
    )
    select count(*) from last
    where size > 20000 or abs(price / previous - 1) > 0.01 or abs(price - mean) > 3 * spread
''', [sys.argv[1:]]).fetchone()[0])
"""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of the clock and of CPU, and the most memory, of a process and its children."""

    wall_s: float
    cpu_s: float
    rss_mb: float


def measured(command: Sequence[str]) -> Run:
    """Run a command to its end; raises `CalledProcessError` if it fails."""
    start_s = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr.read() if process.stderr is not None else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), stderr=said)
    wall_s = time.monotonic() - start_s
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_days(folder: Path, days: int = DAYS, trades: int = TRADES) -> None:
    """Write synthetic trading days, each another one."""
    day = FIRST_DAY
    for number in range(days):
        write_day(make_day(seed=number, trades=trades, day=day), folder)
        day = next_trading_day(day)


def days_figures(days: int = DAYS, trades: int = TRADES, repeats: int = 3) -> dict[str, object]:
    """Return medians of seconds, CPU and memory: the replay by processes, and the others."""
    found: dict[str, object] = {"replay_days": days, "replay_days_trades": days * trades}
    with tempfile.TemporaryDirectory() as name:
        write_days(Path(name), days, trades)
        for jobs in JOBS:
            command = [sys.executable, "-m", "tape", "replay", name, "--json", f"--jobs={jobs}"]
            which = f"{jobs}_job" + ("s" if jobs > 1 else "")
            found |= _figures(f"replay_days_{which}", command, repeats)
        paths = [str(path) for path in sorted(Path(name).glob("*.csv.zst"))]
        for peer, code in zip(PEERS, (POLARS, DUCKDB), strict=True):
            if importlib.util.find_spec(peer) is None:
                print(f"{peer} is not installed: skipped", file=sys.stderr)
                continue
            command = [sys.executable, "-c", code, *paths]
            found |= _figures(f"peer_{peer}_days", command, repeats)
    return found


def _figures(name: str, command: Sequence[str], repeats: int) -> dict[str, float]:
    runs = [measured(command) for _ in range(repeats)]
    return {
        f"{name}_s": median(run.wall_s for run in runs),
        f"{name}_cpu_s": median(run.cpu_s for run in runs),
        f"{name}_rss_mb": median(run.rss_mb for run in runs),
    }


def main(
    days: Annotated[int, typer.Option(min=1)] = DAYS,
    trades: Annotated[int, typer.Option(min=1_000)] = TRADES,
    repeats: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Print the figures of this machine."""
    print(json.dumps({"machine": machine(), **days_figures(days, trades, repeats)}, indent=2))


if __name__ == "__main__":
    typer.run(main)
