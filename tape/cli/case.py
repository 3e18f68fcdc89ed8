"""`tape case`: one episode as a document for whoever has to judge it later."""

import io
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.cli.one_alert import one_alert
from tape.cli.output import Force, notes_console
from tape.errors import SettingsError
from tape.page.case import case_of
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile

KINDS = (".html", ".json", ".zip")
EACH = 100
"""Trades before and after, as on the page."""
AT_ZIP = (1980, 1, 1, 0, 0, 0)
"""The time of files in the archive, so that the same case is the same bytes."""


def case(
    episode: Annotated[
        str, typer.Argument(help="An episode_id or anomaly_id, or how just one of them begins.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File for it: .html, .json, or .zip with both.")
    ],
    force: Force = False,
) -> int:
    """Write all that is known of an episode: trades around it, reasons, decisions, settings.

    It is read from the topics; the trades around it are there for as long as `stocks` keeps them.

    Example: tape case NVDA-2-1751961600171836530-7 --output case.html
    """
    if output.suffix not in KINDS:
        raise SettingsError(f"--output {output} is no case", f"name it {', '.join(KINDS)}")
    file = OutputFile(output, inputs=[], force=force)
    file.check()
    detail, around, unreadable = one_alert(episode, EACH)
    if "error" in around:
        notes_console().print(f"without the trades around it: {cell(around['error'])}")
    with file:
        file.write(_made(detail, around, output.suffix))
    notes_console().print(f"written: {cell(str(output))}")
    return 2 if unreadable else 0


def _made(detail: dict[str, Any], around: dict[str, Any], suffix: str) -> bytes:
    if suffix != ".zip":
        return case_of(detail, around, suffix[1:])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind in ("html", "json"):
            archive.writestr(zipfile.ZipInfo(f"case.{kind}", AT_ZIP), case_of(detail, around, kind))
    return out.getvalue()
