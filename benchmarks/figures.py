"""Writes the README's table of figures from `benchmarks/results.json`."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- figures -->", "<!-- end of figures -->"


def table(f: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""

    def million(key: str) -> str:
        return f"{f[key] / 1e6:.1f} million trades/s"

    rows = [
        ("engine with all refits, 1 symbol", million("engine_trades_per_s")),
        (
            "engine, 100, 1,000 and 10,000 symbols, all with full histories",
            ", ".join(
                f"{f[f'engine_trades_per_s_{n}_symbols'] / 1e6:.1f}" for n in (100, 1000, 10000)
            )
            + " million trades/s",
        ),
        (
            "one forest (100 trees, 1,000 values)",
            f"{f['fit_ms']:.2f} ms; scikit-learn {f['fit_sklearn_ms']:.0f} ms, "
            f"{f['fit_sklearn_ms'] / f['fit_ms']:.0f} times as long",
        ),
        (
            "csv.zst to message bytes",
            f"{f['csv_rows_per_s']:,.0f} rows/s; pandas `iterrows` + `json.dumps` "
            f"{f['pandas_rows_per_s']:,.0f}",
        ),
        *_encodings(f),
        ("message bytes to columns", f"{f['decode_messages_per_s'] / 1e6:.1f} million messages/s"),
        (
            "detector, exactly once, beside bare `consume()`",
            f"{f['detector_cpu_us']:.1f} µs of CPU per trade beside {f['consume_cpu_us']:.1f} "
            f"(ratio {f['detector_cpu_ratio']:.2f})",
        ),
        (
            "producer beside bare `produce()`",
            f"{f['producer_cpu_us']:.1f} µs of CPU per trade beside {f['produce_cpu_us']:.1f} "
            f"(ratio {f['producer_cpu_ratio']:.2f})",
        ),
        (
            "from a trade on the topic to its committed anomaly, at "
            f"{f['latency_trades_per_s']:,} trades/s",
            f"median {f['latency_p50_ms']:.0f} ms, 99 % within {f['latency_p99_ms']:.0f} ms "
            "(commit interval 1 s)",
        ),
        (
            "from nothing to the first verdict",
            f"{f['start_warm_s']:.1f} s; {f['start_cold_s']:.0f} s before anything is compiled",
        ),
        (
            "state; process with 10,000 symbols",
            f"{f['state_bytes_per_symbol']:,} bytes per symbol; "
            f"{f['rss_bytes_10000_symbols'] / 2**20:,.0f} MB resident{_own(f)}",
        ),
        (
            "others, trades/s of CPU time: scikit-learn per tick; river's half-space trees; "
            "rrcf; Quix Streams message by message with our detector",
            "; ".join(
                "not installed" if f[key] is None else f"{f[key]:,.0f}"
                for key in (
                    "peer_sklearn_per_tick_trades_per_s",
                    "peer_river_half_space_trees_trades_per_s",
                    "peer_rrcf_trades_per_s",
                    "peer_quix_message_by_message_trades_per_s",
                )
            ),
        ),
    ]
    lines = [
        f"On {f['machine']}, {f['date']}, by `make bench`:",
        "",
        "| what | figure |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| {what} | {figure} |" for what, figure in rows)])


def _own(f: dict[str, Any]) -> str:
    """Return how much of the resident memory no file stands behind; older results do not say."""
    own = f.get("anon_bytes_10000_symbols")
    return f", {own / 2**20:,.0f} MB of it its own, not mapped from files" if own else ""


def _encodings(f: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rows of `benchmarks.machine.encodings`; results of before it have none."""
    if "dbn_inspect_rows_per_s" not in f:
        return []

    def rates(*keys: str) -> str:
        return ", ".join("not installed" if f[k] is None else f"{f[k] / 1e6:.1f}" for k in keys)

    kinds = ("csv", "json", "dbn")
    messages = rates(*(f"{kind}_to_messages_rows_per_s" for kind in kinds))
    inspected = rates(*(f"{kind}_inspect_rows_per_s" for kind in kinds))
    readers = rates("pandas_read_csv_rows_per_s", "polars_read_csv_rows_per_s")
    vendor = rates("vendor_to_df_rows_per_s", "vendor_records_to_json_rows_per_s")
    return [
        (
            "to message bytes from CSV, JSON lines, DBN, all zstd",
            f"{messages} million rows/s; the vendor's records to `json.dumps`, and its `to_df` "
            f"alone: {', '.join(reversed(vendor.split(', ')))}",
        ),
        (
            "`tape inspect` of CSV, JSON lines, DBN",
            f"{inspected} million rows/s; `read_csv` alone, pandas and polars: {readers}",
        ),
        *_desk(f),
    ]


def _desk(f: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the row of `benchmarks.machine.desk`; results of before it have none."""
    if "replay_day_s" not in f:
        return []
    return [
        (
            f"`tape replay` of a day of one symbol, {f['replay_day_trades']:,} trades, from its "
            "start-up on",
            f"{f['replay_day_s']:.1f} s; pandas' `read_csv`, the two rules as columns and "
            f"scikit-learn refitted every 1,000 trades {f['notebook_day_s']:.0f} s",
        )
    ]


def main() -> None:
    """Replace what stands between the two marks."""
    readme = ROOT / "README.md"
    figures = json.loads((ROOT / "benchmarks/results.json").read_text())
    text = re.sub(
        f"{START}.*?{END}",
        lambda _: f"{START}\n{table(figures)}\n{END}",
        readme.read_text(),
        flags=re.DOTALL,
    )
    readme.write_text(text)


if __name__ == "__main__":
    main()
