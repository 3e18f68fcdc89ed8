"""`tape score`: the clean tape, one row per trade."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.archives import count_rows_hint
from tape.cli.forms import AsForm, AsJson, form_of
from tape.cli.given import Columns, Paths, TimeZone, given_by, others_of
from tape.cli.judged_tape import JudgedTape
from tape.cli.notes import advance
from tape.cli.nothing import nothing_judged
from tape.cli.output import Force, row_bars
from tape.cli.part import From, Limit, Symbols, To, part_of
from tape.desk.clean_tape.clean_form import SUFFIXES, CleanForm, clean_form
from tape.desk.clean_tape.held_rows import held_rows
from tape.desk.clean_tape.row_tables import kind_of_rows, open_rows_table
from tape.desk.clean_tape.scored import Scoring
from tape.desk.clean_tape.usable import usable
from tape.errors import BooksError
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.sinks.tables import FILES, check_table


def score(
    paths: Paths,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File for the rows: .parquet, .csv.zst or .csv; with --clean .csv.zst, .jsonl.zst "
            "or .parquet.",
        ),
    ],
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Write the usable trades only, in the input's own columns."),
    ] = False,
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    limit: Limit = None,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Write the clean tape: each trade with severity, normal prices, and whether it is usable.

    PROFILE=calibrated fills all columns. Flagged rows say what `tape replay` says.
    A trade is not usable if its price was flagged and came back: a misprint.
    Exit code 2 if anything was rejected or skipped; it says what, and the rest is judged.
    If nothing is judged, nothing is written.

    Example: PROFILE=calibrated tape score nasdaq --output scores.parquet
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    part = part_of(symbols, from_, to, limit)
    check_table(output, SUFFIXES if clean else tuple(FILES))
    others = others_of(columns, settings)
    file = OutputFile(output, inputs=[*paths, *others], force=force)
    file.check()
    tape = JudgedTape.of(paths, others, given_by(columns, time_zone), part, settings)
    cleaned = clean_form(tape.run.archives, output.name) if clean else None
    scoring = Scoring(tape.run, kind_of_rows(cleaned))
    own: dict[str, Any] = {"written": 0, "unusable": 0}

    def work() -> None:
        _write(scoring, file, own, cleaned)

    return tape.through(scoring, work, lambda: own, output, form=shape)


def _write(
    scoring: Scoring, output: OutputFile, own: dict[str, Any], form: CleanForm | None
) -> None:
    """Judge everything, then write it; the output appears whole or not at all."""
    with ExitStack() as stack:
        file = stack.enter_context(output)
        bars = stack.enter_context(row_bars())
        held = stack.enter_context(held_rows(output.path.parent, scoring.kind))
        hint = sum(map(count_rows_hint, scoring.run.archives))
        task = bars.add_task("judging", rate=0.0, total=hint)
        for rows in scoring.rows():
            held.add(rows)
            advance(bars, task, scoring.run.rows)
        if not scoring.run.trades:
            raise nothing_judged(scoring.run)
        table = open_rows_table(form, file, scoring)
        stack.callback(table.close)
        for rows in held.blocks():
            is_usable = usable(rows, scoring.book)
            own["unusable"] += int((~is_usable).sum())
            own["written"] += int(is_usable.sum()) if form is not None else len(rows)
            table.write(rows, is_usable)
        table.flush()
        left_out = own["unusable"] if form is not None else 0
        if own["written"] + left_out != scoring.made:
            raise BooksError(
                f"the books do not balance: of {scoring.made:,} judged trades "
                f"{own['written']:,} were written and {left_out:,} are not usable",
                "this is a fault of this program, please report it",
            )
