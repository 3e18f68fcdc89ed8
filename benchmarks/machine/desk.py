"""What an analyst waits for: a day of one symbol replayed, beside the notebook's way to do it.

`python -m benchmarks.machine.desk` prints the figures as JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import zstandard

from benchmarks.machine.machine import machine
from tape.synthetic import make_day, write_day

TRADES = 200_000
"""Of one symbol: a busy day of NVDA."""

REPEATS = 3
NOTEBOOK_SHARE = 10
"""The notebook's way is taken on the first tenth of the day; its time grows with the trades."""

WINDOW = 1_000
VENDOR = Path(__file__).resolve().parents[2] / ".vendor"
VENDOR_CODE = """
import json, sys, time
import databento
def seconds():
    start_s = time.process_time()
    databento.DBNStore.from_file(sys.argv[1]).to_df()
    return time.process_time() - start_s
seconds()
print(json.dumps([seconds() for _ in range(int(sys.argv[2]))]))
"""


def desk_figures(trades: int = TRADES) -> dict[str, float]:
    """Return seconds of the clock: `tape replay` after its start, and pandas with scikit-learn."""
    with tempfile.TemporaryDirectory() as name:
        path = write_day(make_day(symbols=["NVDA"], trades=trades), Path(name))
        return {
            "replay_day_trades": trades,
            "replay_day_s": median(_replay_s(path) for _ in range(REPEATS)),
            "notebook_day_s": NOTEBOOK_SHARE * _notebook_s(path, trades // NOTEBOOK_SHARE),
        }


def _replay_s(path: Path) -> float:
    """Return what the command itself says of its work: reading, judging, the summary's counts."""
    done = subprocess.run(
        [sys.executable, "-m", "tape", "replay", str(path), "--json"],
        check=True,
        capture_output=True,
    )
    return float(json.loads(done.stdout)["elapsed_s"])


def _notebook_s(path: Path, trades: int) -> float:
    """Return seconds of the two rules as columns, and of a forest refitted every 1,000 trades."""
    from sklearn.ensemble import IsolationForest

    start_s = time.perf_counter()
    with zstandard.open(path, "rb") as file:
        day = pd.read_csv(file, nrows=trades)
    flagged = (day["size"] > 20_000) | (day["price"].pct_change().abs() > 0.01)
    past = day["price"].rolling(WINDOW)
    z = ((day["price"] - past.mean()) / past.std(ddof=0)).to_numpy().reshape(-1, 1)
    odd = np.zeros(len(day), bool)
    for first in range(2 * WINDOW, len(day), WINDOW):
        forest = IsolationForest(contamination=0.01, random_state=42)
        forest.fit(np.nan_to_num(z[first - WINDOW : first]))
        odd[first : first + WINDOW] = forest.predict(np.nan_to_num(z[first : first + WINDOW])) < 0
    len(day[flagged | odd].to_dict("records"))
    return time.perf_counter() - start_s


def vendor_to_df_rows_per_s(path: Path, rows: int) -> float | None:
    """Return rows a second of CPU time of the vendor's own `to_df`, in a process with its client.

    None, and a sentence, where the client is not: it wants an older databento-dbn than ours.
    """
    if not (VENDOR / "databento").is_dir():
        print("the vendor's to_df is skipped: `make .vendor/.ready` fetches it", file=sys.stderr)
        return None
    done = subprocess.run(
        [sys.executable, "-c", VENDOR_CODE, str(path), str(REPEATS)],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(VENDOR)},
    )
    seconds: list[float] = json.loads(done.stdout)
    return round(rows / median(seconds))


def main() -> None:
    """Print the figures."""
    print(json.dumps({"machine": machine(), **desk_figures()}, indent=2))


if __name__ == "__main__":
    main()
