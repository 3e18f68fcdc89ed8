"""The options by which a user says what a file's columns and times mean, and what they become."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tape.archives import Archive
from tape.archives.columns_reader import read_columns_file, zone_named
from tape.archives.given import NOTHING, Given
from tape.settings.detector import DetectorSettings

Paths = Annotated[
    list[Path], typer.Argument(help="Files or folders of DataBento trades.", readable=False)
]
Columns = Annotated[
    Path | None,
    typer.Option("--columns", readable=False, help="A .toml file that says what the columns mean."),
]
TimeZone = Annotated[
    str | None,
    typer.Option("--time-zone", help="Time zone of times without one, such as America/New_York."),
]


def others_of(columns: Path | None, settings: DetectorSettings) -> list[Path]:
    """Return the files that an option or a setting names: read, but none of them is of trades."""
    return [*([] if columns is None else [columns]), *settings.files]


def given_by(columns: Path | None, time_zone: str | None) -> Given:
    """Return what the two options say; raises `SettingsError` for what cannot be read."""
    if columns is None and time_zone is None:
        return NOTHING
    return Given(
        None if columns is None else read_columns_file(columns),
        None if time_zone is None else zone_named(time_zone, "--time-zone"),
    )


def with_given(archives: Iterable[Archive], given: Given) -> list[Archive]:
    """Return files with what their user says of them."""
    return [replace(archive, given=given) for archive in archives]
