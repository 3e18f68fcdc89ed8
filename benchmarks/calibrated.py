"""Measures the calibrated detector: trades a second of thread CPU time, and bytes a symbol.

Run: python -m benchmarks.calibrated FILE…; without files a synthetic day of four symbols.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine.machine import machine
from tape.archives import find_archives
from tape.desk.day import Day, read_day
from tape.desk.past_days import judged_columns
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.synthetic import make_day, write_day

RUNS = 7
MAX_SYMBOLS = 10_000


def measured(day: Day) -> dict[str, Any]:
    """Return the median of some runs over a day in batches of 10,000, the first skipped."""
    rows, rates = np.arange(len(day.trades)), []
    for _ in range(RUNS + 1):
        judge = Judge(Parameters(profile="calibrated"), MAX_SYMBOLS, Counts())
        start_s = time.thread_time()
        for _ in judged_columns(judge, day, rows):
            pass
        rates.append(len(rows) / (time.thread_time() - start_s))
    return {
        "trades_per_s": round(median(rates[1:])),
        "bytes_per_symbol": len(judge.detector.snapshot(0)),
        "symbols": len(day.symbols),
        "trades": len(day.trades),
        "machine": machine(),
    }


def of_synthetic_day() -> dict[str, Any]:
    """Return the figures of a synthetic day of four symbols, by profile."""
    with tempfile.TemporaryDirectory() as folder:
        (archive,) = find_archives(write_day(make_day(), Path(folder))).archives
        return {"calibrated": measured(read_day(archive, MAX_SYMBOLS))}


def main() -> int:
    """Measure each file."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(word) for word in sys.argv[1:]] or [write_day(make_day(), Path(folder))]
        for archive in (one for path in paths for one in find_archives(path).archives):
            one = measured(read_day(archive, MAX_SYMBOLS))
            print(
                f"{archive.path.name}: {one['trades_per_s']:,} trades/s, "
                f"{one['bytes_per_symbol']:,} bytes per symbol"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
