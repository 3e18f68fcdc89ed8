"""What a person sees at the end of the demo."""

import platform
from os import cpu_count

from rich.console import Console
from rich.table import Table

from tape.desk.summary import findings
from tape.desk.telling import TellingAnomalies
from tape.ops.demo.books import Books
from tape.ops.demo.pipeline import DemoRun
from tape.ops.demo.store import Stored
from tape.process.terminal_text import cell, printable


def report(run: DemoRun, console: Console) -> None:
    """Print the most telling anomalies and a summary of the run."""
    found = findings(run.anomalies)
    console.print(TellingAnomalies(found))
    rows = [
        ("data", str(run.data)),
        ("trades on stocks", _judged(run.books)),
        ("flagged", f"{found.count:,} trades, in {found.episodes:,} episodes"),
        *((f"  {rule}", f"{count:,}") for rule, count in found.by_rule.most_common()),
        ("rejected", _rejected(run)),
        ("producer", f"{_rate(run.books.sent, run.producer_s)} from its start to its end"),
        ("pipeline", f"{_rate(run.books.sent, run.pipeline_s)} from start to the last commit"),
        ("memory, largest", ", ".join(f"{n} {b / 2**20:.0f} MB" for n, b in _memory(run))),
        ("machine", f"{cpu_count()} cores, {platform.machine()}"),
        ("output", str(run.anomalies_file)),
    ]
    again = {name: count for name, count in run.restarts.items() if count}
    if again:
        text = ", ".join(f"{name} {count} times" for name, count in again.items())
        rows.append(("killed and restarted", text))
    if run.stored is not None:
        held = ", ".join(f"{name} {count:,}" for name, count in run.stored.rows.items() if count)
        rows.append(("stored in", run.stored.where))
        rows.append(("  rows", f"{held or 'none'}, in {run.stored.took_s:.1f} s"))
        console.print(_stored_table(run.stored))
    if run.producer_exit_code:
        rows.append(
            ("not everything was sent", f"see {run.anomalies_file.parent / 'producer.log'}")
        )
    table = Table(show_header=False, box=None, title="Summary", title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _stored_table(stored: Stored) -> Table:
    """Return what was read back from the store."""
    title = f"Read back from {stored.where}"
    table = Table(title=title, title_justify="left")
    for name in ("symbol", "time (UTC)", "price", "size", "rules", "reason"):
        table.add_column(name, overflow="fold")
    for symbol, time, price, size, rules, reason in stored.top:
        told = (symbol, time, f"{float(price):,.2f}", f"{size:,}", ", ".join(rules), reason or "")
        table.add_row(*(cell(printable(text)) for text in told))
    return table


def _judged(books: Books) -> str:
    if books.judged in (None, books.sent):  # the offsets say so of a detector started again
        return f"{books.sent:,}, all judged"
    return (
        f"{books.sent:,}: {books.judged:,} judged, {books.duplicates:,} duplicates dropped, "
        f"{books.rejected:,} rejected"
    )


def _rejected(run: DemoRun) -> str:
    if not run.rejected:
        return "none"
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(run.rejected.items()))


def _rate(trades: int, elapsed_s: float) -> str:
    return f"{elapsed_s:.1f} s, {trades / max(elapsed_s, 1e-9):,.0f} trades/s"


def _memory(run: DemoRun) -> list[tuple[str, int]]:
    return [(name, size) for name, size in run.rss_max_bytes.items() if size]
