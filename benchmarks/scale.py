"""Writes `benchmarks/scale.md` and its picture from `benchmarks/scale.json`, or from what is named.

The table is what `python -m benchmarks.machine.by_symbols` measured, and `tape bench` does too; the
second part is arithmetic on those figures, and says so. `python -m benchmarks.scale [RESULTS]`.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
PICTURE: Final = "scale.png"
COLUMNS: Final = (
    ("pipeline_cpu_us", "CPU, µs per trade", "{:.2f}"),
    ("bare_consume_cpu_us", "bare `consume()`, µs", "{:.2f}"),
    ("pipeline_trades_per_s", "trades/s, one process", "{:,.0f}"),
    ("commit_s", "commit, s", "{:.3f}"),
    ("changelog_bytes_per_trade", "changelog, bytes per trade", "{:.1f}"),
    ("rss_mb", "own memory, MB", "{:,.0f}"),
)
"""Key without its number of symbols, title, form."""

FILLED: Final = 0.5
"""Share of its rate at which a process is run: a peak, a restart and a rebalance need the rest."""
CORE_US: Final = 1e6
"""CPU that a core has in a second."""
BROKER_US: Final = 0.7
"""CPU of the broker per trade, written and read once, without replicas (2 cores, 2026-11-28)."""
ROWS: Final = (
    ("one busy symbol, its peak", 1, 20_000),
    ("1,000 symbols, a quiet market", 1_000, 10_000),
    ("10,000 symbols, a day of 100 million trades, on average", 10_000, 4_300),
    ("10,000 symbols, an ordinary peak", 10_000, 100_000),
    ("a full US tape: 10,000 symbols, its peaks", 10_000, 300_000),
    ("ten times that", 100_000, 3_000_000),
)
"""What, symbols, trades a second. A trading day has 23,400 s."""


def symbol_counts(f: Mapping[str, Any]) -> list[int]:
    """Return the numbers of symbols that were measured."""
    start, end = f"{COLUMNS[0][0]}_", "_symbols"
    names = [key for key in f if key.startswith(start) and key.endswith(end)]
    return sorted(int(key.removeprefix(start).removesuffix(end)) for key in names)


def table(f: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of what was measured."""
    yield "| symbols | " + " | ".join(title for _, title, _ in COLUMNS) + " |"
    yield "|---|" + "---|" * len(COLUMNS)
    for count in symbol_counts(f):
        cells = [form.format(f[f"{key}_{count}_symbols"]) for key, _, form in COLUMNS]
        yield f"| {count:,} | " + " | ".join(cells) + " |"


def waits(f: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the table of delays."""
    start = "latency_p99_ms_"
    yield "| symbols | commit interval | median, ms | 99 % within, ms | detector, cores |"
    yield "|---|---|---|---|---|"
    for key in (key for key in f if key.startswith(start) and "_symbols_" in key):
        count, interval = key.removeprefix(start).split("_symbols_")
        p50, p99 = f[key.replace("p99", "p50")], f[key]
        cores = f[key.replace("p99_ms", "cores")]
        shown = "none came | none came" if p99 is None else f"{p50:,.0f} | {p99:,.0f}"
        yield f"| {int(count):,} | {interval} | {shown} | {cores:.2f} |"


def paper(f: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of what N partitions and N machines carry, from the figures of one here."""
    counts = symbol_counts(f)
    yield "| load | trades/s | detectors (partitions at least) | symbols each | cores in all |"
    yield "|---|---|---|---|---|"
    for what, symbols, trades_per_s in ROWS:
        like = min(counts, key=lambda n: abs(math.log(n / symbols)))
        rate, cost_us = (f[f"{key}_{like}_symbols"] for key in (COLUMNS[2][0], COLUMNS[0][0]))
        detectors = max(1, math.ceil(trades_per_s / (FILLED * rate)))
        each_us = cost_us + BROKER_US + float(f.get("producer_cpu_us", 0.0))
        cores = max(1, math.ceil(trades_per_s * each_us / CORE_US / FILLED))
        yield (
            f"| {what} | {trades_per_s:,} | {detectors:,} | {math.ceil(symbols / detectors):,} | "
            f"{cores:,} |"
        )


def days(f: Mapping[str, Any]) -> str:
    """Return the sentence on thirty days of files; empty if they were not measured."""
    if "replay_days_1_job_s" not in f:
        return ""
    return (
        f"{f['replay_days']} days of files, {f['replay_days_trades']:,} trades, by `tape replay` "
        f"(`python -m benchmarks.machine.days`): {f['replay_days_1_job_s']:.1f} s in one process "
        f"({f['replay_days_1_job_rss_mb']:,.0f} MB), {f['replay_days_2_jobs_s']:.1f} s in two.\n"
    )


def page(f: Mapping[str, Any], source: str = "scale.json") -> str:
    """Return the whole page; `source` is the file of the figures."""
    restart = f.get("restart_s_10000_symbols")
    again = (
        ""
        if restart is None
        else (
            f"After `kill -9` with the state of 10,000 symbols the next detector judges its first "
            f"trade {restart:.1f} s after its start (`restart_s_10000_symbols`).\n"
        )
    )
    lines = [
        "# What symbols cost, and what more machines carry",
        "",
        f"On {f.get('machine')}, {f.get('date')}, by `python -m benchmarks.machine.by_symbols`; "
        f"written by `python -m benchmarks.scale` from [{source}]({source}). The keys are "
        "explained in [README.md](README.md).",
        "",
        "## Measured: one detector",
        "",
        "A backlog of two million trades spread evenly over the symbols, exactly once, commit "
        "interval 1 s, four partitions, no bars (`BARS=off`), the broker on the same cores. "
        "At 10,000 symbols that is 200 trades each: their whole states are small, and full ones "
        "take more of the changelog.",
        "",
        *table(f),
        "",
        f"![CPU, commit and changelog over the number of symbols]({PICTURE})",
        "",
        "At 10,000 trades/s, one in 100 flagged, from a trade on the topic to a reader that has "
        "its anomaly:",
        "",
        *waits(f),
        "",
        again,
        days(f),
        "## On paper: partitions and machines",
        "",
        "Not measured: arithmetic on the table above. A partition is judged by one process, so "
        "there are at least as many partitions as detectors, and a detector's symbols are those "
        f"of its partitions. Each is filled to {FILLED:.0%} of the rate above: a peak, a restart "
        "and a rebalance need the rest. So are the cores of producer, broker (without replicas, "
        f"{BROKER_US} µs per trade) and detectors, together.",
        "",
        *paper(f),
        "",
        "Where this ends:",
        "",
        "- **One symbol** is one partition and one process: the rate of a process is the most "
        "that a symbol may have. No symbol trades a tenth of it.",
        "- **Partitions** are chosen when the topic is made: another number moves symbols away "
        "from their state ([operations](../docs/operations.md)). Make four times as many as you "
        "have cores; one without much to do costs up to 8 MB of RocksDB's buffers. Kafka "
        "carries thousands of them in a cluster; a detector of several partitions commits them "
        "together.",
        "- **The group**: each detector is a member of one consumer group and has a transaction "
        "per commit. At 100 members and a commit a second the coordinator handles 100 small "
        "transactions a second, far below what it can; a rebalance stops all of them for seconds, "
        "which is why members are static.",
        "- **Beyond that** split the tape before Kafka: a topic and a group per part of the "
        "alphabet or per exchange, each with its own detectors. Symbols share nothing, so no "
        "answer changes; each part has sinks and an alerter of its own, with their own groups.",
        "",
    ]
    return "\n".join(lines)


def picture(f: Mapping[str, Any], path: Path) -> None:
    """Draw what a trade, a commit and the changelog cost over the number of symbols."""
    from matplotlib.figure import Figure

    counts = symbol_counts(f)
    figure = Figure(figsize=(9, 3), layout="constrained")
    shown = (COLUMNS[0], COLUMNS[3], COLUMNS[4])
    for axes, (key, title, _) in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.plot(counts, [f[f"{key}_{n}_symbols"] for n in counts], "o-", color="tab:blue")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("symbols")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main(words: list[str]) -> None:
    """Write page and picture from the figures of a run."""
    results = Path(words[0]) if words else HERE / "scale.json"
    figures = json.loads(results.read_text())
    if not symbol_counts(figures):
        sys.exit(f"{results} has no figures by symbols: `tape bench --json` writes them")
    (HERE / "scale.md").write_text(page(figures, results.name))
    picture(figures, HERE / PICTURE)


if __name__ == "__main__":
    main(sys.argv[1:])
