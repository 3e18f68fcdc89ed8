"""`tape fetch`: files bought from DataBento, from the order to the checked folder."""

import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Table

from tape.archives.databento import (
    JobFolder,
    Patience,
    Query,
    Service,
    order,
    recent_jobs,
    same_job,
    wait_until_done,
)
from tape.archives.databento.query import SYMBOLS_MAX, Encoding, JobDetails, Schema, as_utc
from tape.cli.fetch_progress import shown, waiting
from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.cli.output import counted, notes_console
from tape.errors import FetchError, SettingsError
from tape.process.terminal_text import cell
from tape.settings.databento import FetchSettings
from tape.settings.load import load

DATASET = re.compile(r"[A-Z0-9]{2,16}\.[A-Z0-9]{1,16}")
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+=^-]{0,31}|ALL_SYMBOLS")
LISTED = timedelta(days=90)
DETAILS_MAX = 20
"""Jobs of which the details are asked for, a request each; of older ones the state is enough."""
DAY_S = 86_400.0


def fetch(
    dataset: Annotated[str, typer.Option(help="DataBento's code, like XNAS.ITCH.")] = "",
    symbols: Annotated[str, typer.Option(help="Symbols, comma-separated.")] = "",
    start: Annotated[str, typer.Option(help="First day or time (UTC).")] = "",
    end: Annotated[str, typer.Option(help="First day or time (UTC) that is not included.")] = "",
    schema: Annotated[str, typer.Option(help="trades, tbbo, mbp-1, mbp-10 or mbo.")] = "trades",
    encoding: Annotated[str, typer.Option(help="dbn or csv.")] = "dbn",
    job: Annotated[str, typer.Option(help="Fetch the files of this job, ordered before.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Show the account's jobs.")] = False,
    only: Annotated[
        str,
        typer.Option(help="Only files with names like '*202412*', and those that describe them."),
    ] = "",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Files go into a folder JOB in this one.")
    ] = Path("nasdaq"),
    parallel: Annotated[
        int, typer.Option(min=1, max=8, help="Files to fetch at the same time.")
    ] = 4,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait until a job is ready.")
    ] = DAY_S,
    new: Annotated[
        bool, typer.Option("--new", help="Order again what was ordered in the last 30 days.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Pay without asking first.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Order trades from DataBento and fetch them, or fetch a job that was ordered before.

    The key comes from DATABENTO_API_KEY. Cost and size are shown before anything is ordered.
    After an interruption, run it again: it continues where it stopped and pays nothing twice.

    Example: tape fetch --dataset XNAS.ITCH --symbols NVDA --start 2024-11-26 --end 2024-12-26
    """
    shape = form_of(form, as_json)
    settings = load(FetchSettings)
    asked = any((dataset, symbols, start, end))
    if sum((asked, bool(job), list_)) != 1:
        raise SettingsError(
            "nothing says what to fetch",
            "give --dataset, --symbols, --start and --end to order, --job ID for what was "
            "ordered, or --list to see the account's jobs",
        )
    query = _query(dataset, symbols, start, end, schema, encoding) if asked else None
    service = Service(settings.gateway, settings.key(), _patience(settings), tell=_note)
    if list_:
        return _list(service, shape)
    job_id = job if query is None else _ordered(service, query, pay=yes, new=new)
    try:
        return _fetch(JobFolder(service, job_id, output, parallel), only, wait_s, shape)
    except KeyboardInterrupt:
        _note(f"interrupted; `tape fetch --job {job_id}` continues where this stopped")
        raise


def _patience(settings: FetchSettings) -> Patience:
    return Patience(connect_s=settings.connect_s, read_s=settings.read_s)


def _query(dataset: str, symbols: str, start: str, end: str, schema: str, encoding: str) -> Query:
    """Return what the options ask for; raises `SettingsError` naming the wrong one."""
    given = {"--dataset": dataset, "--symbols": symbols, "--start": start, "--end": end}
    missing = [name for name, text in given.items() if not text]
    if missing:
        raise SettingsError(f"{missing[0]} is missing", f"an order needs {', '.join(given)}")
    if DATASET.fullmatch(dataset) is None:
        raise SettingsError(f"--dataset: {dataset!r} is no dataset's code", "write XNAS.ITCH")
    names = tuple(dict.fromkeys(name.strip() for name in symbols.split(",") if name.strip()))
    for name in names:
        if SYMBOL.fullmatch(name) is None:
            raise SettingsError(f"--symbols: {name!r} is not a symbol", "write NVDA,AAPL")
    if not 0 < len(names) <= SYMBOLS_MAX:
        raise SettingsError(
            f"--symbols: {len(names):,} symbols",
            f"name 1 to {SYMBOLS_MAX:,} an order, or ALL_SYMBOLS",
        )
    for option, text, known in (
        ("--schema", schema, get_args(Schema)),
        ("--encoding", encoding, get_args(Encoding)),
    ):
        if text not in known:
            raise SettingsError(f"{option}: {text!r} is not known", f"choose {', '.join(known)}")
    times = []
    for option in ("--start", "--end"):
        try:
            times.append(as_utc(given[option]))
        except ValueError:
            raise SettingsError(
                f"{option}: {given[option]!r} is no time", "write 2025-05-05 or 2025-05-05T14:30:00"
            ) from None
    if times[0] >= times[1]:
        raise SettingsError(
            f"--start {start} is not before --end {end} (which is not included)", "swap them"
        )
    return Query(dataset, names, times[0], times[1], schema, encoding)  # type: ignore[arg-type]


def _ordered(service: Service, query: Query, *, pay: bool, new: bool) -> str:
    """Return the id of the job with a query: one of the last 30 days, or a new one if agreed."""
    found = None if new else same_job(service, query)
    if found is not None:
        _note(
            f"job {found.id} of {found.ts_received[:10]} holds the same: taken, nothing is paid "
            "(--new orders again)"
        )
        return found.id
    cost = service.estimate(query)
    _note(f"{query}: {cost.cost_usd:,.2f} USD for {cost.billable_bytes / 1e6:,.1f} MB")
    if not pay:
        if not sys.stdin.isatty():
            raise FetchError(
                "nothing was ordered: there is no terminal to ask at", "--yes orders and pays"
            )
        if not typer.confirm("Order and pay?", err=True):
            raise FetchError("nothing was ordered", "answer y to order, or ask for less")
    try:
        job_id = order(service, query)
    except KeyboardInterrupt:
        _note("interrupted while ordering; call it again: it looks first whether the order arrived")
        raise
    _note(f"ordered: job {job_id}")
    return job_id


def _fetch(folder: JobFolder, only: str, wait_s: float, form: Form) -> int:
    job_id = folder.job_id
    with waiting(job_id) as hear:
        wait_until_done(folder.service, job_id, wait_s, hear)
    files = folder.prepare(only)
    with shown(folder.progress):
        done = folder.fetch(files)
    whole = {
        "job": job_id,
        "folder": str(done.folder),
        "fetched": sorted(done.fetched),
        "were_here": sorted(done.were_here),
        "bytes": done.bytes_total,
    }
    told = (
        f"{counted(done.files, 'file')}, {done.bytes_total / 1e6:,.1f} MB in {done.folder}: "
        f"{len(done.fetched):,} fetched, {len(done.were_here):,} were there; all hashes right"
    )
    show(form, whole, lambda: [cell(told)])
    return 0


def _list(service: Service, form: Form) -> int:
    """Show the jobs of the last 90 days, the newest with what they hold."""
    jobs = recent_jobs(service, LISTED, "queued,processing,done,expired")[::-1]
    rows = [service.details(job.id) for job in jobs[:DETAILS_MAX]]
    rows += [JobDetails(job.id, job.state, job.ts_received) for job in jobs[DETAILS_MAX:]]
    nothing = "no jobs in the last 90 days"
    show(form, {"jobs": rows}, lambda: [_jobs_table(rows) if rows else nothing], rows)
    return 0


def _jobs_table(rows: Sequence[JobDetails]) -> Table:
    table = Table()
    table.add_column("job", no_wrap=True, overflow="fold")  # to be copied
    for name in ("state", "received", "holds"):
        table.add_column(name)
    for row in rows:
        names = row.symbols if isinstance(row.symbols, str) else ",".join(row.symbols)
        days = f"{str(row.start)[:10]} to {str(row.end)[:10]}" if row.start else ""
        holds = f"{row.dataset} {row.schema} {names[:60]} {days} {row.encoding}"
        received = cell(row.ts_received[:16].replace("T", " "))
        table.add_row(cell(row.id), cell(row.state), received, cell(holds))
    return table


def _note(text: str) -> None:
    console = notes_console()
    console.print(text, markup=False, emoji=False, soft_wrap=not console.is_terminal)
