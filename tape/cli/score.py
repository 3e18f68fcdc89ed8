"""`tape score`: the clean tape, one row per trade."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tape.archives import count_rows_hint
from tape.cli.given import Columns, TimeZone, given_by
from tape.cli.judged_tape import JudgedTape
from tape.cli.notes import advance
from tape.cli.nothing import nothing_judged
from tape.cli.output import AsJson, Force, row_bars
from tape.cli.part import From, Limit, Symbols, To, part_of
from tape.desk.clean_tape.held_rows import held_rows
from tape.desk.clean_tape.score_table import score_columns, trade_columns
from tape.desk.clean_tape.scored import RAW_ROW, ROW, Scoring
from tape.desk.clean_tape.usable import usable
from tape.errors import BooksError
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.sinks.tables import FILES, check_table, open_table

CLEAN: Final = (".csv.zst", ".parquet")
"""Of trades no file that could be taken for the vendor's own: these two say who made them."""


def score(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders of DataBento trades.", readable=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File for the rows: .parquet, .csv.zst or .csv."),
    ],
    clean: Annotated[
        bool,
        typer.Option(
            "--clean", help="Write the usable trades only, in the columns of DataBento's trades."
        ),
    ] = False,
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    limit: Limit = None,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    as_json: AsJson = False,
) -> int:
    """Write the clean tape: each trade with severity, normal prices, and whether it is usable.

    PROFILE=calibrated fills all columns. Flagged rows say what `tape replay` says.
    A trade is not usable if its price was flagged and came back: a misprint.
    Exit code 2 if anything was rejected or skipped; it says what, and the rest is judged.
    If nothing is judged, nothing is written.

    Example: PROFILE=calibrated tape score nasdaq --output scores.parquet
    """
    settings = load(DetectorSettings)
    part = part_of(symbols, from_, to, limit)
    check_table(output, CLEAN if clean else tuple(FILES))
    inputs = [*paths, *filter(None, [columns]), *settings.files]
    file = OutputFile(output, inputs=inputs, force=force)
    file.check()
    tape = JudgedTape.of(paths, given_by(columns, time_zone), part, settings)
    scoring = Scoring(tape.run, raw=clean)
    own: dict[str, Any] = {"written": 0, "unusable": 0}

    def work() -> None:
        _write(scoring, file, own, clean=clean)

    return tape.through(scoring, work, lambda: own, output, as_json=as_json)


def _write(scoring: Scoring, output: OutputFile, own: dict[str, Any], *, clean: bool) -> None:
    """Judge everything, then write it; the output appears whole or not at all."""
    columns_of = trade_columns if clean else score_columns
    with ExitStack() as stack:
        file = stack.enter_context(output)
        bars = stack.enter_context(row_bars())
        held = stack.enter_context(held_rows(output.path.parent, RAW_ROW if clean else ROW))
        hint = sum(map(count_rows_hint, scoring.run.archives))
        task = bars.add_task("judging", rate=0.0, total=hint)
        for rows in scoring.rows():
            held.add(rows)
            advance(bars, task, scoring.run.rows)
        if not scoring.run.trades:
            raise nothing_judged(scoring.run)
        table = open_table(file, "trades" if clean else "scores")
        stack.callback(table.close)
        for rows in held.blocks():
            own["unusable"] += int((~usable(rows, scoring.book)).sum())
            columns = columns_of(rows, scoring)
            own["written"] += len(columns[0].values)
            table.write(columns)
        table.flush()
        left_out = own["unusable"] if clean else 0
        if own["written"] + left_out != scoring.made:
            raise BooksError(
                f"the books do not balance: of {scoring.made:,} judged trades "
                f"{own['written']:,} were written and {left_out:,} are not usable",
                "this is a fault of this program, please report it",
            )
