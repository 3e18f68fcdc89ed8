"""How long a detector needs from nothing to its first verdict, without and with compiled code."""

import os
import subprocess
import sys
import tempfile
import time
from statistics import median

FIRST_VERDICT = """
from tape.streaming import application, running
from benchmarks.machine.start import first_verdict
first_verdict()
"""


def first_verdict() -> None:
    """Judge one batch as the detector does: all rules, one forest."""
    from benchmarks.machine.engine import tape_columns
    from tape.codec.symbols import SymbolTable
    from tape.detection.parameters import Parameters
    from tape.detection.registry import make_detector
    from tape.judging.judge import Judge
    from tape.model.counts import Counts
    from tape.model.trade import Trade, encode

    trade = Trade(
        ts_recv_ns=1_751_961_600_000_000_000,
        ts_event_ns=1_751_961_600_000_000_000,
        publisher_id=2,
        side="B",
        price_nanos=142_000_000_000,
        size=30_000,
        sequence=1,
        symbol="A",
    )
    flagged = Judge(Parameters(), 10, Counts()).judge([b"A"], [encode(trade)]).flagged
    assert len(flagged) == 1  # noqa: S101
    symbols = SymbolTable()
    symbols.number("A")
    make_detector(Parameters(), symbols).detect(tape_columns(2_000, 1))


def _seconds(cache: str | None) -> float:
    env = dict(os.environ)
    if cache is not None:
        env["NUMBA_CACHE_DIR"] = cache
    start_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST_VERDICT], env=env, check=True)
    return time.perf_counter() - start_s


def start_figures(repeats: int = 5) -> dict[str, float]:
    """Return seconds from the start of a process to its first verdict: cold, and warm."""
    with tempfile.TemporaryDirectory() as empty:
        cold_s = _seconds(empty)
    return {
        "start_cold_s": cold_s,
        "start_warm_s": median(_seconds(None) for _ in range(repeats)),
    }
