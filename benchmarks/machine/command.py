"""`tape bench`: what the figures in README and docs come from."""

import json
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.machine.machine import machine, versions
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import notes_console
from tape.synthetic import make_day, write_day

ENGINE_RUNS = (
    ("", 1, 1_000_000),
    ("_100_symbols", 100, 2_000_000),
    ("_1000_symbols", 1_000, 3_000_000),
    ("_10000_symbols", 10_000, 12_000_000),
)
"""Suffix of the key, symbols, trades: at least one refit of every symbol."""


def bench(
    trades: Annotated[
        int, typer.Option(min=10_000, help="Trades of the pipeline runs.")
    ] = 1_000_000,
    broker: Annotated[bool, typer.Option(help="Measure the apps on a local Kafka too.")] = True,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Measure the speed of engine, files, messages and apps here; medians of three runs.

    Example: tape bench --json > benchmarks/results.json
    """
    shape = form_of(form, as_json)
    from benchmarks.machine import (
        by_symbols,
        days,
        desk,
        encodings,
        engine,
        files,
        memory,
        peers,
        pipeline,
        start,
    )

    figures: dict[str, object] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(),
        "python": platform.python_version(),
    }
    with tempfile.TemporaryDirectory() as folder, notes_console().status("measuring") as status:
        for name, symbols, count in ENGINE_RUNS:
            status.update(f"engine, {symbols:,} symbols")
            figures[f"engine_trades_per_s{name}"] = engine.engine_trades_per_s(symbols, count)
        status.update("forests")
        figures["fit_ms"], figures["fit_sklearn_ms"] = engine.fit_ms()
        figures["state_bytes_per_symbol"] = engine.state_bytes_per_symbol()
        status.update("start and memory")
        figures.update(start.start_figures())
        figures.update(memory.memory_figures())
        status.update("peers")
        figures.update(peers.peer_figures())
        status.update("files")
        data, small = Path(folder, "all"), Path(folder, "small")
        path = write_day(make_day(trades=trades), data)
        write_day(make_day(trades=pipeline.SMALL_TRADES), small)
        figures["csv_rows_per_s"] = files.csv_rows_per_s(path)
        figures["pandas_rows_per_s"] = files.pandas_rows_per_s(path)
        status.update("a day at the desk")
        figures.update(desk.desk_figures())
        status.update("thirty days by one process and by two")
        figures.update(days.days_figures())
        status.update("encodings")
        figures.update(encodings.encoding_figures())
        keys, values = files.messages(path)
        figures["decode_messages_per_s"] = files.decode_messages_per_s(keys, values)
        if broker:
            status.update("producer and detector beside the bare client")
            figures.update(pipeline.pipeline_figures(data, small, keys, values))
            status.update("the detector by the number of its symbols")
            figures.update(by_symbols.symbols_figures())
    if shape == "json":  # a line per figure: its file is kept and compared
        typer.echo(json.dumps(figures, indent=2))
    else:
        show(shape, figures, lambda: [_table(figures)])
    return 0


def _table(figures: dict[str, object]) -> Table:
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.4g}" if isinstance(value, float) else str(value))
    return table
