"""`tape bars`: bars of all trades beside bars of the usable ones."""

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
from tape.cli.output import Force, notes_console, row_bars
from tape.cli.part import From, Symbols, To, part_of
from tape.desk.clean_tape.bar_making import KEPT_TRADES, BarMaking, bar_columns
from tape.desk.clean_tape.scored import Scoring
from tape.errors import SettingsError
from tape.market.bars import every_ns
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.sinks.tables import check_table, open_table

TOO_LATE = 2
"""Exit code where trades are in no bar, as where rows were rejected."""


def bars(
    paths: Paths,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File for the bars: .parquet, .csv.zst or .csv."),
    ],
    every: Annotated[
        str, typer.Option(help="Length of a bar: 1s, 5s, 1m, 5m, 1h, or 1d of New York.")
    ] = "1m",
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Write bars with and without misprints, and what would have been normal prices.

    A bar without a trade is not written. Late trades count in the bar of their time.
    Exit code 2 if anything was rejected, skipped or too late; it says what, and the rest is done.
    If nothing is judged, nothing is written.

    Example: PROFILE=calibrated tape bars nasdaq --every 1m --output bars.parquet
    """
    shape = form_of(form, as_json)
    settings = load(DetectorSettings)
    part = part_of(symbols, from_, to)
    length_ns = every_ns(every)
    if length_ns is None:
        raise SettingsError(
            f"--every {every!r} is no length of a bar", "write 1s, 5s, 1m, 5m, 1h or 1d"
        )
    check_table(output)
    others = others_of(columns, settings)
    file = OutputFile(output, inputs=[*paths, *others], force=force)
    file.check()
    tape = JudgedTape.of(paths, others, given_by(columns, time_zone), part, settings)
    scoring = Scoring(tape.run)
    making = BarMaking(scoring, length_ns)

    def work() -> None:
        _write(making, scoring, file)

    def own() -> dict[str, Any]:
        return {"bars": making.made, "unusable": making.unusable, "too_late": making.too_late}

    code = tape.through(scoring, work, own, output, form=shape)
    if not making.too_late:
        return code
    notes_console().print(
        f"too late: {making.too_late:,} trades are in no bar: more than {KEPT_TRADES:,} trades "
        "after the last one of their day, its bars were written",
        soft_wrap=True,
        highlight=False,
    )
    return code or TOO_LATE


def _write(making: BarMaking, scoring: Scoring, output: OutputFile) -> None:
    """Judge everything, writing days as they end; the output appears whole or not at all."""
    with ExitStack() as stack:
        file = stack.enter_context(output)
        shown = stack.enter_context(row_bars())
        hint = sum(map(count_rows_hint, scoring.run.archives))
        task = shown.add_task("judging", rate=0.0, total=hint)
        table = open_table(file, "bars")
        stack.callback(table.close)
        for made in making.bars(lambda: advance(shown, task, scoring.run.rows)):
            table.write(bar_columns(made, scoring))
        if not scoring.run.trades:
            raise nothing_judged(scoring.run)
        table.flush()
