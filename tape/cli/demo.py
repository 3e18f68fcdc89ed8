"""`tape demo`: the whole pipeline from one command."""

from pathlib import Path
from typing import Annotated

import typer

from tape.archives import find_archives
from tape.cli.output import table_console
from tape.errors import ArchiveError
from tape.ops.demo import report, run_pipeline
from tape.process.own_folder import make_private, own_folder
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.synthetic import make_day, write_day

DEFAULT_DATA = Path("nasdaq")


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="Files or folder of DataBento trades; without it, nasdaq/."
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Folder for output and logs: new, empty, or of an earlier demo.",
        ),
    ] = Path("out/demo"),
) -> int:
    """Start a local Apache Kafka, run producer and detector, and show what they found.

    Example: tape demo --data ~/downloads/XNAS-20241227-4MMMNFEELC
    """
    settings = load(DetectorSettings)
    settings.parameters()
    if data is not None:
        find_archives(data)  # said before anything is made
    with own_folder(output):
        run = run_pipeline(_data(data, output), output, settings)
    report(run, table_console())
    return run.producer_exit_code


def _data(given: Path | None, output: Path) -> Path:
    """Return the folder to stream: the one given, else nasdaq/, else a synthetic day."""
    if given is not None:
        return given
    try:
        find_archives(DEFAULT_DATA)
    except ArchiveError:
        table_console().print(
            f"{DEFAULT_DATA}/ holds no trade files yet: streaming a synthetic day of 200,000 trades"
        )
        folder = output / "synthetic"
        make_private(folder)
        write_day(make_day(), folder)
        return folder
    return DEFAULT_DATA
