"""Resident memory of a process that judges very many symbols."""

import json
import subprocess
import sys
from pathlib import Path

SYMBOLS = 10_000


def _resident_bytes(kind: str = "VmRSS") -> int:
    """Return resident bytes; of kind `RssAnon` only those that no file stands behind."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {kind} in /proc/self/status")


def _measure() -> dict[str, int]:
    """Judge tapes of 10,000 symbols with the detector's own imports, noting the memory."""
    from benchmarks.machine.engine import BATCH, full_detector, part, tape_columns
    from tape.streaming.running import run_detector  # noqa: F401 - as a detector has loaded

    before = _resident_bytes()
    detector = full_detector(SYMBOLS)
    after_state, own = _resident_bytes(), _resident_bytes("RssAnon")
    tape = tape_columns(1_000_000, SYMBOLS)
    for at in range(0, len(tape), BATCH):
        detector.detect(part(tape, slice(at, at + BATCH)))
    return {
        "rss_bytes_at_start": before,
        "rss_bytes_10000_symbols": after_state,
        "anon_bytes_10000_symbols": own,
        "rss_bytes_10000_symbols_later": _resident_bytes(),
    }


def memory_figures() -> dict[str, int]:
    """Return resident bytes before any symbol, with 10,000 of full history, and a tape later."""
    command = [sys.executable, "-m", "benchmarks.machine.memory"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    figures: dict[str, int] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    print(json.dumps(_measure()))
