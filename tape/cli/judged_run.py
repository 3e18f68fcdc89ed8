"""A judge over files, as the commands begin it, and what each of them says of it at its end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tape.archives import find_archives
from tape.archives.given import Given
from tape.cli.given import with_given
from tape.cli.notes import say_idle_model, say_missing, say_order, say_skipped, say_unused
from tape.cli.nothing import NothingJudgedError
from tape.cli.output import counted, notes_console, say_outcome
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay
from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.settings.detector import DetectorSettings


def judged_run(
    paths: list[Path],
    others: Sequence[Path],
    given: Given,
    part: Part,
    settings: DetectorSettings,
    *,
    tells_each: bool = False,
    bars: bool = False,
) -> tuple[Replay, Counts]:
    """Find the files, and prepare the judge that PROFILE asks for; return the run and its counts.

    `others` are files that an option or a setting names: none of trades. With `tells_each` the
    judge tells all of every trade; with `bars` it makes bars.
    """
    discovered = find_archives(paths, others=others)
    counts = Counts()
    judge = Judge(
        settings.parameters(), settings.max_symbols, counts, tells_each=tells_each, bars=bars
    )
    run = Replay(with_given(discovered.archives, given), judge, part)
    run.outcome.skipped += discovered.skipped
    return run, counts


def figures(
    run: Replay, counts: Counts, elapsed_s: float, own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the summary of a run; `own` is what stands in that of its command alone."""
    return {
        "rows": run.rows,
        "rows_skipped": run.skipped,
        "trades": run.trades,
        "records": counts.records + run.unread,
        "judged": counts.trades,
        "elapsed_s": round(elapsed_s, 3),
        "trades_per_s": round(_per_s(counts, elapsed_s)),
        **own,
        "duplicates": counts.duplicate,
        "late": counts.late,
        "late_max_s": counts.late_max_ns / NANOS,
        **run.outcome.as_json(),
    }


def say_figures(run: Replay, counts: Counts, elapsed_s: float, own: str) -> None:
    """Say the same in a sentence for a person."""
    notes_console().print(
        f"{counted(run.trades, 'trade')} in {elapsed_s:.2f} s "
        f"({_per_s(counts, elapsed_s):,.0f} trades/s); {own}; duplicates {counts.duplicate:,}; "
        f"rows rejected {run.outcome.rejected.total():,}"
    )


def say_rest(
    run: Replay, counts: Counts, settings: DetectorSettings, nothing: NothingJudgedError | None
) -> None:
    """Say what else a user should know of a run; raise why nothing was judged, if so."""
    say_order(counts)
    say_skipped(run)
    say_outcome(run.outcome, remedy=nothing is None)
    if nothing is not None:
        raise nothing
    say_missing(run)
    if not run.part.symbols and run.part.limit is None:
        say_unused(run.judge.parameters.overrides, run.judge.symbols.names)
    say_idle_model(settings.model, run)


def _per_s(counts: Counts, elapsed_s: float) -> float:
    return counts.trades / max(elapsed_s, 1e-9)
