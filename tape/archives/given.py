"""What a user says of files that do not say it themselves: their columns and their time zone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tape.archives.columns_file import ColumnsFile


@dataclass(frozen=True, slots=True)
class Given:
    """The columns file of `--columns` and the zone of `--time-zone`, where they are given."""

    columns: "ColumnsFile | None" = None
    time_zone: str | None = None


NOTHING = Given()
