"""What a user says of files that do not say it themselves: their columns and their time zone."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tape.archives.columns_file import ColumnsFile


COLUMNS_FILE: Final = "tapewatch.toml"
"""Says of the files beside it what their columns mean."""


@dataclass(frozen=True, slots=True)
class Given:
    """The columns file of `--columns` and the zone of `--time-zone`, where they are given."""

    columns: "ColumnsFile | None" = None
    time_zone: str | None = None


NOTHING = Given()


def file_beside(path: Path) -> Path | None:
    """Return the columns file beside a file of trades, or beside the zip archive that holds it."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    file = folder / COLUMNS_FILE
    return file if file.is_file() else None
