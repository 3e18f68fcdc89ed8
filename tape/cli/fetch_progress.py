"""What `tape fetch` shows while it waits and works: bars on a terminal, now and then a line."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from tape.archives.databento import Fetched, JobDetails
from tape.cli.output import notes_console
from tape.process.clock import CLOCK

LINE_S = 10.0
LOOK_S = 0.1


@contextmanager
def waiting(job_id: str) -> Iterator[Callable[[JobDetails], None]]:
    """Show the state of a job; the value takes up what each look at it found."""
    console, said = notes_console(), ""
    with console.status(Text(f"job {job_id}")) as status:

        def hear(job: JobDetails) -> None:
            nonlocal said
            share = "" if job.progress is None else f", {job.progress:.0f} %"
            text = f"job {job_id}: {job.state}{share}"
            status.update(Text(text))
            if not console.is_terminal and text != said:
                console.print(Text(text), soft_wrap=True)
            said = text

        yield hear


@contextmanager
def shown(run: Fetched) -> Iterator[None]:
    """Show bytes, rate and time left while a job is fetched."""
    console, end = notes_console(), threading.Event()
    show = _bar if console.is_terminal else _lines
    thread = threading.Thread(target=show, args=(run, console, end), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _bar(run: Fetched, console: Console, end: threading.Event) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("fetching", total=run.bytes_total)
        last = False
        while not last:
            last = end.wait(LOOK_S)
            done = len(run.fetched) + len(run.were_here)
            bars.update(
                task,
                description=f"{done}/{run.files} files",
                completed=run.bytes_here,
            )


def _lines(run: Fetched, console: Console, end: threading.Event) -> None:
    start_s, first = CLOCK.now_s(), run.bytes_here
    while not end.wait(LINE_S):
        rate = (run.bytes_here - first) / (CLOCK.now_s() - start_s)
        left_s = (run.bytes_total - run.bytes_here) / rate if rate > 0 else float("inf")
        console.print(
            f"{run.bytes_here / 1e6:,.1f} of {run.bytes_total / 1e6:,.1f} MB, "
            f"{rate / 1e6:,.2f} MB/s, about {left_s:,.0f} s left",
            soft_wrap=True,
        )
