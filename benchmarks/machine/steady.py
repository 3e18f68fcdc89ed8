"""Twenty minutes at 50,000 trades a second: does the memory stay, does the lag?"""

import json
import platform
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from benchmarks.machine.machine import machine, versions
from benchmarks.machine.page import as_table_page
from tape.ops.demo.pipeline import DemoRun, run_pipeline
from tape.process.own_folder import empty_own, make_own
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.synthetic import make_day, write_day

console = Console(stderr=True)
TRADES_PER_S = 50_000
SETTLED_S = 120.0
"""Memory is looked at from here on: caches and buffers are full then."""

FIRST_DAY = date(2025, 3, 3)


def write_minutes(folder: Path, minutes: int) -> int:
    """Write one file per minute, each a day's even stream of trades; return the trades of all."""
    trades = TRADES_PER_S * 60
    with console.status("making the tape") as status:
        for number in range(minutes):
            made = make_day(seed=number + 1, trades=trades, day=FIRST_DAY + timedelta(days=number))
            even_ns = made.ts_event_ns[0] + np.arange(trades) * (1_000_000_000 // TRADES_PER_S)
            write_day(replace(made, ts_event_ns=even_ns), folder)
            status.update(f"making the tape: {number + 1} of {minutes} minutes")
    return minutes * trades


def slope_mb_per_h(seconds: list[float], sizes: list[int]) -> float:
    """Return how fast memory grows, MB an hour: the slope of a straight line through all points.

    >>> round(slope_mb_per_h([0.0, 1800.0, 3600.0], [0, 2**20, 2**21]), 6)
    2.0
    """
    return float(np.polyfit(seconds, np.asarray(sizes, float), 1)[0]) * 3600 / 2**20


def report(run: DemoRun) -> dict[str, Any]:
    """Return the figures of a run: seconds, bytes, trades, MB an hour."""
    settled = [(s, sizes) for s, sizes in run.rss_samples if SETTLED_S < s < run.producer_s]
    memory = {}
    for name in ("producer", "anomaly_detector"):
        sizes = [one[name] for _, one in settled]
        memory[name] = {
            "rss_least_bytes": min(sizes),
            "rss_most_bytes": max(sizes),
            "slope_mb_per_h": slope_mb_per_h([s for s, _ in settled], sizes),
        }
    lags = [written - judged for s, written, judged in run.samples if s > SETTLED_S]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": versions(),
        "trades": run.books.sent,
        "trades_per_s": run.books.sent / run.producer_s,
        "producer_s": run.producer_s,
        "anomalies": len(run.anomalies),
        "restarts": sum(run.restarts.values()),
        "memory": memory,
        "lag_median_trades": int(np.median(lags)),
        "lag_p99_trades": int(np.percentile(lags, 99)),
        "rss_by_time": [
            {"s": round(s), **sizes} for s, sizes in run.rss_samples[:: len(run.rss_samples) // 60]
        ],
    }


def as_page(f: dict[str, Any]) -> str:
    """Return the report as a Markdown page."""
    rows = [
        ("trades sent and judged", f"{f['trades']:,}"),
        ("rate over the whole run, start included", f"{f['trades_per_s']:,.0f} trades/s"),
        (
            "lag of the detector, median and 99th percentile",
            f"{f['lag_median_trades']:,} and {f['lag_p99_trades']:,} trades",
        ),
        ("apps restarted", f"{f['restarts']}"),
    ]
    for name, one in f["memory"].items():
        least, most = one["rss_least_bytes"] / 2**20, one["rss_most_bytes"] / 2**20
        rows.append(
            (
                f"resident memory of the {name} after the first two minutes",
                f"{least:,.0f} to {most:,.0f} MB, {one['slope_mb_per_h']:+.1f} MB/h",
            )
        )
    return as_table_page(
        f"{f['producer_s'] / 60:.0f} minutes at {TRADES_PER_S:,} trades a second",
        f"On {f['machine']}, {f['date']}, by `make bench-steady`: synthetic trades of four symbols "
        "at an even rate, a local Apache Kafka, producer and detector (exactly once) on the same "
        "cores.",
        rows,
    )


def main(
    minutes: Annotated[int, typer.Option(min=3)] = 20,
    out: Annotated[Path, typer.Option(help="Needs some 10 GB while it runs.")] = Path("out/steady"),
    to: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("benchmarks"),
) -> None:
    """Stream at an even rate through the whole pipeline, look at memory and lag, write a report."""
    data = out / "data"
    empty_own(out)
    make_own(out)
    trades = write_minutes(data, minutes)
    run = run_pipeline(data, out, load(DetectorSettings), REPLAY_SPEED="1")
    figures = report(run)
    (to / "steady.json").write_text(json.dumps(figures, indent=2) + "\n")
    (to / "steady.md").write_text(as_page(figures))
    console.print(as_page(figures))
    empty_own(out)
    if run.books.sent != trades:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
