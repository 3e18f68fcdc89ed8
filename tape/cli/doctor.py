"""`tape doctor`: what usually goes wrong, looked at in order."""

import logging
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.output import table_console
from tape.ops.doctor.examination import examine
from tape.ops.doctor.finding import Finding, Verdict
from tape.process.terminal_text import cell

COLOURS: dict[Verdict, str] = {
    "ok": "green",
    "warning": "yellow",
    "problem": "bold red",
    "not checked": "dim",
}
NARROW = 60
"""Columns below which a finding's text goes under its verdict instead of beside it."""


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Also send a test trade, through topics of its own.")
    ] = False,
    look_s: Annotated[
        float,
        typer.Option("--look-s", min=0.5, max=600, help="Seconds to look at the consumer group."),
    ] = 5.0,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Check what usually goes wrong, and say how to fix it. Exit code 0 only if all is well.

    It changes nothing; --deep creates three topics and removes them again.

    Example: tape doctor --deep
    """
    shape = form_of(form, as_json)
    # What is said once is enough: the findings are the report.
    logging.getLogger("tape").setLevel(logging.ERROR)
    logging.getLogger("quixstreams").setLevel(logging.CRITICAL)
    console = table_console()
    findings = []
    for finding in examine(deep=deep, look_s=look_s):
        findings.append(finding)
        if shape == "table":  # each as soon as it is known
            _print(console, finding)
    bad = [finding for finding in findings if not finding.is_well]
    show(shape, {"well": not bad, "checks": findings}, lambda: [_conclusion(bad)], findings)
    return 1 if bad else 0


def _print(console: Console, finding: Finding) -> None:
    verdict = f"[{COLOURS[finding.verdict]}]{finding.verdict}[/]"
    lines = [cell(finding.text)]
    if finding.fix:
        lines.append(f"→ {cell(finding.fix)}")
    lines += [f"[dim]{cell(detail)}[/]" for detail in finding.details]
    text = "\n".join(lines)
    if console.width < NARROW:
        console.print(f"{verdict} {finding.check}", highlight=False)
        console.print(text, highlight=False)
        return
    row = Table.grid(padding=(0, 2))
    row.add_column(width=len("not checked"))
    row.add_column(width=len("transactions"))
    row.add_column(ratio=1)
    row.add_row(verdict, finding.check, text)
    console.print(row)


def _conclusion(bad: list[Finding]) -> str:
    if not bad:
        return "[green]all is well[/]"
    return f"[bold]needs fixing: {', '.join(finding.check for finding in bad)}[/]"
