"""38,064,140 trades end to end: made, streamed, judged exactly once, counted, reported."""

import json
import platform
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.machine.machine import machine, versions
from benchmarks.machine.page import as_table_page
from tape.archives import find_archives
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.market.trading_days import next_trading_day
from tape.model.counts import Counts
from tape.ops.demo.pipeline import DemoRun, run_pipeline
from tape.process.own_folder import empty_own, make_own
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.synthetic import make_day, write_day

console = Console(stderr=True)
TRADES = 38_064_140
"""The largest run that anyone reports for this job."""

DAY_TRADES = 2_000_000
FIRST_DAY = date(2025, 3, 3)


def write_days(folder: Path, trades: int) -> None:
    """Write synthetic trading days of up to two million trades each; the same ones each time."""
    left, day = trades, FIRST_DAY
    with console.status("making the tape") as status:
        while left:
            part = min(left, DAY_TRADES)
            write_day(make_day(trades=part, day=day), folder)
            left, day = left - part, next_trading_day(day)
            status.update(f"making the tape: {trades - left:,} of {trades:,} trades")


def _judged_without_a_broker(data: Path, settings: DetectorSettings) -> Iterator[bytes]:
    judge = Judge(settings.parameters(), settings.max_symbols, Counts())
    for shown in Replay(find_archives(data).archives, judge).batches():  # it checks its own books
        yield from shown.flagged


def report(run: DemoRun, made_s: float) -> dict[str, object]:
    """Return the figures of a run: seconds, trades a second, bytes, trades of lag."""
    first_s = next(s for s, written, _ in run.samples if written)
    work_s = run.pipeline_s - first_s
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": versions(),
        "trades": run.books.sent,
        "on_topic": run.books.on_topic,
        "judged": run.books.judged or 0,
        "duplicates": run.books.duplicates,
        "rejected_by_detector": run.books.rejected,
        "anomalies": len(run.anomalies),
        "rejected": sum(run.rejected.values()),
        "restarts": sum(run.restarts.values()),
        "making_the_tape_s": made_s,
        "producer_s": run.producer_s,
        "pipeline_s": run.pipeline_s,
        "first_trade_after_s": first_s,
        "producer_trades_per_s": run.books.sent / (run.producer_s - first_s),
        "pipeline_trades_per_s": run.books.sent / work_s,
        "lag_max_trades": max(written - judged for _, written, judged in run.samples),
        "rss_max_bytes": run.rss_max_bytes,
        "lag_by_time": [
            {"s": round(s, 1), "written": written, "judged": judged}
            for s, written, judged in run.samples[:: max(1, len(run.samples) // 40)]
        ],
    }


def as_page(f: dict[str, object]) -> str:
    """Return the report as a Markdown page."""
    rss = f["rss_max_bytes"]
    assert isinstance(rss, dict)  # noqa: S101
    memory = ", ".join(f"{name} {size / 2**20:,.0f} MB" for name, size in rss.items())
    rows = [
        (
            "trades sent; counted on the topic; judged",
            f"{f['trades']:,}; {f['on_topic']:,}; {f['judged']:,}",
        ),
        ("duplicates dropped", f"{f['duplicates']:,}"),
        ("anomalies a read_committed reader sees", f"{f['anomalies']:,}"),
        ("the same bytes as the detector without a broker", f"{f['equal_to_replay']}"),
        ("rejected; apps restarted", f"{f['rejected']}; {f['restarts']}"),
        ("from start to the last committed verdict", f"{f['pipeline_s']:.0f} s"),
        ("of which before the first trade was on the topic", f"{f['first_trade_after_s']:.1f} s"),
        ("both apps and the broker side by side", f"{f['pipeline_trades_per_s']:,.0f} trades/s"),
        ("the producer while it ran", f"{f['producer_trades_per_s']:,.0f} trades/s"),
        ("largest lag of the detector", f"{f['lag_max_trades']:,} trades"),
        ("largest resident memory", memory),
    ]
    return as_table_page(
        f"{f['trades']:,} trades end to end",
        f"On {f['machine']}, {f['date']}, by `make bench-38m`: synthetic days of two million "
        "trades and four symbols, a local Apache Kafka, producer and detector (exactly once) "
        "on the same cores.",
        rows,
    )


def main(
    trades: Annotated[int, typer.Option(min=1_000)] = TRADES,
    out: Annotated[Path, typer.Option(help="Needs some 5 GB while it runs.")] = Path("out/38m"),
    to: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("benchmarks"),
) -> None:
    """Stream a long tape through the whole pipeline, check every verdict, write a report."""
    empty_own(out)
    make_own(out)
    data = out / "data"
    start_s = time.monotonic()
    write_days(data, trades)
    made_s = time.monotonic() - start_s
    settings = load(DetectorSettings)
    run = run_pipeline(data, out, settings)
    figures = report(run, made_s)
    with console.status("judging the same files without a broker"):
        expected = sorted(_judged_without_a_broker(data, settings))
    figures["equal_to_replay"] = "yes" if sorted(run.anomalies) == expected else "NO"
    (to / "38m.json").write_text(json.dumps(figures, indent=2) + "\n")
    (to / "38m.md").write_text(as_page(figures))
    console.print(as_page(figures))
    empty_own(out)
    if figures["judged"] != trades or figures["equal_to_replay"] != "yes":
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
