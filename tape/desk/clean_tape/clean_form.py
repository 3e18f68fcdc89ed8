"""How the clean tape is written: in the columns that its input has.

Rows of CSV and of JSON stay as they are, byte by byte. DBN has no text, so its trades are written
in the columns of DataBento's CSV; files in these columns may be mixed with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tape.archives import Archive
from tape.archives.shapes import Shape, shape_of
from tape.errors import ArchiveError, SettingsError
from tape.process.terminal_text import printable

TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "csv": (".csv.zst",),
    "json": (".jsonl.zst", ".json.zst"),
}
"""Suffixes of outputs that keep the rows as they are, by the encoding of the input."""
PARQUET: Final = ".parquet"
SUFFIXES: Final = (".csv.zst", PARQUET, ".jsonl.zst", ".json.zst")
"""Of trades no file that could be taken for somebody else's own: all of these say who made them."""
LISTED: Final = 60
"""Characters of columns that a sentence has room for, per file."""

Way = Literal["lines", "parquet", "vendor"]


@dataclass(frozen=True, slots=True)
class CleanForm:
    """How the clean tape is written.

    Attributes:
        way: the rows as they are, the same as Parquet, or DataBento's columns from numbers.
        shape: the columns of the input.
    """

    way: Way
    shape: Shape


def clean_form(archives: Sequence[Archive], name: str) -> CleanForm:
    """Return how the trades of files are written under a name.

    Raises `ArchiveError` if the files have no columns in common, and `SettingsError` if such a
    name does not fit them. Files that cannot be read as trades have no say.
    """
    shapes = [(one, shape) for one in archives if (shape := shape_of(one)) is not None]
    if not shapes:
        return CleanForm("vendor", Shape("dbn"))
    first, shape = shapes[0]
    same = all(one.says_the_same(shape) for _, one in shapes)
    all_vendors = all(one.is_vendors for _, one in shapes)
    is_whole = shape.has_symbols or not shape.is_vendors  # else the symbols lie beside the file
    if same and is_whole and name.endswith(TEXTS.get(shape.encoding, ())):
        return CleanForm("lines", shape)
    if not name.endswith(tuple(TEXTS["json"])):
        if all_vendors:
            return CleanForm("vendor", shape)
        if same and shape.encoding == "csv":  # its other name ends in .parquet
            return CleanForm("parquet", shape)
    if not same:
        other, its = next((a, s) for a, s in shapes if not s.says_the_same(shape))
        raise ArchiveError(
            f"--clean keeps the columns of the input, but {printable(first.path.name)} has "
            f"{_columns(shape)} and {printable(other.path.name)} has {_columns(its)}",
            "clean files of the same columns together, the others apart",
        )
    fitting = TEXTS.get(shape.encoding, SUFFIXES[:2])
    raise SettingsError(
        f"--output {name}: --clean keeps the lines of the input, and "
        f"{printable(first.path.name)} is {shape.encoding.upper()}",
        f"name a file that ends in {' or '.join(fitting)}",
    )


def _columns(shape: Shape) -> str:
    if shape.encoding != "csv":
        return f"{shape.encoding.upper()}"
    listed = shape.delimiter.join(shape.columns) if shape.has_header else "no header"
    return printable(f"{listed[:LISTED]}…" if len(listed) > LISTED else listed)
