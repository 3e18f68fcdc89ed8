"""Tries one limit on the priority in place of the families' limits on their severities.

Run: python -m benchmarks.one_limit [--data FOLDER]. The limit is causal: it sinks with each trade
and rises with each alert, and gives as many alerts as `calibrated` gives on the same trades. What
the families were promised (`BUDGET_PRICE`, `BUDGET_SIZE`, `BUDGET_FEED`) it does not keep.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks import real_labels
from benchmarks.clean_tape import DATA, Bools, scored, synthetic_days
from tape.desk.clean_tape.scored import Rows
from tape.desk.evaluate.tables import markdown
from tape.synthetic import inject, write_day

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Events = dict[str, list[I64]]

ANOMALIES: Final = 84
BLOCK: Final = 30
"""Trades from the first flagged one that are one alert."""
START: Final = 4.0
STEP: Final = 0.1
LEAST, MOST = 2.0, 9.0


def flags_of(priority: F64, symbol: I64, per_trade: float) -> Bools:
    """Return what one limit on the priority flags, at this many alerts per trade."""
    found = np.zeros(len(priority), np.bool_)
    for one in np.unique(symbol).tolist():
        limit, left = START, 0
        for row in np.flatnonzero(symbol == one).tolist():
            limit, left = max(limit - STEP * per_trade, LEAST), max(left - 1, 0)
            if priority[row] >= limit:
                found[row] = True
                if not left:
                    left, limit = BLOCK, min(limit + STEP, MOST)
    return found


def alerts_in(flags: Bools, symbol: I64) -> int:
    """Return how many alerts the flags are."""
    count = 0
    for one in np.unique(symbol).tolist():
        last = -BLOCK
        for place in np.flatnonzero(flags[symbol == one]).tolist():
            if place - last >= BLOCK:
                count, last = count + 1, place
    return count


def table(rows: Rows, events: Events) -> str:
    """Return how many events both find."""
    symbol, priority = rows["symbol"], np.nan_to_num(rows["priority"])
    now: Bools = rows["rules"] != 0
    one = flags_of(priority, symbol, alerts_in(now, symbol) / len(rows))
    lines = []
    for name, flags in (("a limit per family", now), ("one limit on the priority", one)):
        found = (sum(bool(flags[event].any()) for event in own) for own in events.values())
        per_10k = 10_000 * alerts_in(flags, symbol) / len(rows)
        lines.append([name, *map(str, found), f"{per_10k:.1f}"])
    head = ("found by", *(f"{k} ({len(own)})" for k, own in events.items()), "alerts per 10,000")
    return markdown(head, lines)


def injected_days() -> tuple[Rows, Events]:
    """Return the synthetic days with anomalies of all kinds, and where these are."""
    events: Events = {}
    paths, before = [], 0
    with tempfile.TemporaryDirectory(prefix="tape-limit-") as name:
        for nth, day in enumerate(synthetic_days()):
            done = inject(day, seed=nth + 1, anomalies=ANOMALIES)
            for label in done.labels:
                own = np.arange(label.row, label.last_row + 1)
                own = own[done.symbol[own] == done.symbol[label.row]]
                events.setdefault(label.kind, []).append(before + own)
            before += len(done.symbol)
            paths.append(write_day(done, Path(name) / str(nth), f"day-{done.day:%Y%m%d}"))
        return scored(paths)[0], events


def tables(data: Path) -> Iterator[str]:
    """Yield the comparison on the labelled day, if it is at hand, and on synthetic days."""
    folder = data / "nbbo"
    if folder.is_dir():
        labelled = real_labels.labelled_day(folder)
        rows, _ = scored([next(folder.glob("*.trades.csv.zst"))])
        yield table(
            rows, {f"> {bp} bp": [e.rows for e in own] for bp, own in labelled.events.items()}
        )
    yield table(*injected_days())


def main(words: Sequence[str] | None = None) -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    print("\n\n".join(tables(parser.parse_args(words).data)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
