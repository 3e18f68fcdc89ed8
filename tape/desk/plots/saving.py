"""Saving a picture, whole or not at all, with the mark that it is ours."""

from typing import TYPE_CHECKING, Final

from tape.process.origin import MARK
from tape.process.whole_file import OutputFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METADATA: Final = {
    ".png": {"Software": MARK.decode()},
    ".svg": {"Creator": MARK.decode(), "Date": None},
    ".pdf": {"Creator": MARK.decode(), "CreationDate": None},
}
"""By suffix, where each format keeps who made it; no dates, so that pictures can be compared."""


def save_figure(figure: "Figure", output: OutputFile) -> None:
    """Write a figure in the format that the file's name says."""
    suffix = output.path.suffix.lower()
    with output:
        figure.savefig(output.binary, format=suffix[1:], metadata=METADATA[suffix])
