"""What a shorter COMMIT_INTERVAL_S buys and costs: delay of anomalies and cores over the interval.

`python -m benchmarks.machine.intervals [--symbols 4,10000] [--intervals 1,0.5,0.2,0.1,0.05]
[--seconds 20]` prints a table in Markdown, at 10,000 trades/s on a broker of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer

from benchmarks.machine.by_symbols import broker, latency_by_symbols
from benchmarks.machine.latency import RATE
from benchmarks.machine.machine import machine

SYMBOLS: Final = "4,10000"
INTERVALS: Final = "1,0.5,0.2,0.1,0.05"
SECONDS: Final = 20
"""Of each run, behind its warm-up."""


def as_table(
    figures: Mapping[str, float | None], symbols: Sequence[int], intervals_s: Sequence[float]
) -> str:
    """Return the curve as a table; a figure that is missing is a detector that fell behind.

    >>> found = {"latency_p50_ms_4_symbols_0.1s": 105.6, "latency_cores_4_symbols_0.1s": 0.1114}
    >>> print(as_table(found, [4], [0.1]).splitlines()[-1])
    | 4 | 0.1 | 106 | fell behind | 0.111 |
    """
    lines = ["| symbols | interval, s | p50, ms | p99, ms | cores |", "|---|---|---|---|---|"]
    for count in symbols:
        for interval_s in intervals_s:
            cells = []
            for name, form in (("p50_ms", ".0f"), ("p99_ms", ".0f"), ("cores", ".3f")):
                one = figures.get(f"latency_{name}_{count}_symbols_{interval_s:g}s")
                cells.append("fell behind" if one is None else format(one, form))
            lines.append(f"| {count:,} | {interval_s:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    symbols: Annotated[str, typer.Option(help="Comma-separated.")] = SYMBOLS,
    intervals: Annotated[str, typer.Option(help="Seconds, comma-separated.")] = INTERVALS,
    seconds: Annotated[int, typer.Option(min=2, help="Of each run.")] = SECONDS,
) -> None:
    """Print the curve of this machine."""
    counts = [int(word) for word in symbols.split(",")]
    intervals_s = [float(word) for word in intervals.split(",")]
    with broker() as (address, folder):
        found = latency_by_symbols(address, folder, counts, intervals_s, seconds)
    print(f"{RATE:,} trades/s; {machine()}\n\n{as_table(found, counts, intervals_s)}")


if __name__ == "__main__":
    typer.run(main)
