"""In how many processes a tape is judged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from tape.archives import count_rows_hint, read_tape_columns
from tape.cli.output import notes_console
from tape.judging.crew import Crew
from tape.judging.crew_member import Work
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS
from tape.settings.detector import DetectorSettings

MANY_ROWS: Final = 2_000_000
"""From here on several processes are worth their start: half a second of some four."""
MANY_SYMBOLS: Final = 16
"""In the first rows of a tape: with fewer one of them may be most of it, and the others wait."""
MOST_JOBS: Final = 64
"""One process reads for all the others; more than ten of them wait for it."""

Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        max=MOST_JOBS,
        help="Processes that judge, each its own symbols; the output is the same. By default one "
        "per core for tapes of many symbols, else 1.",
        show_default=False,
    ),
]


def jobs_for(asked: int | None, run: Replay) -> int:
    """Return in how many processes a run is judged: in one with pictures, or with bars."""
    if not run.as_numbers or run.judge.bars is not None:
        if asked is not None and asked > 1:
            notes_console().print("pictures and bars are made by one process, whatever --jobs says")
        return 1
    if asked is not None:
        return asked
    cores = len(os.sched_getaffinity(0))
    if cores == 1 or sum(map(count_rows_hint, run.archives)) < MANY_ROWS:
        return 1
    return cores if _symbols_at_first(run) >= MANY_SYMBOLS else 1


def _symbols_at_first(run: Replay) -> int:
    """Return how many symbols are in the first trades that are read."""
    tape = read_tape_columns(run.archives, latest_ns=TIME_MAX_NS, symbols=run.part.symbols)
    return next((len(batch.names) for batch in tape if len(batch.values)), 0)


@contextmanager
def crew_for(
    run: Replay, counts: Counts, settings: DetectorSettings, jobs: int, *, tells_steps: bool
) -> Iterator[None]:
    """Have a run judged by that many processes; to be entered before there are threads."""
    if jobs == 1:
        yield
        return
    work = Work(run.judge.parameters, settings.max_symbols, tells_steps)
    with Crew(jobs, work, counts) as crew:
        run.crew = crew
        yield


def say_one_judge(settings: DetectorSettings) -> None:
    """Say why a tape is judged again, by one process."""
    notes_console().print(
        f"more than {settings.max_symbols:,} symbols (MAX_SYMBOLS): who loses a place depends on "
        "all of them, so one process judges them from the beginning",
        soft_wrap=True,
        highlight=False,
    )
