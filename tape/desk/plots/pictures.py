"""The pictures that one pass over a tape draws: of all of it, and of its worst anomalies."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tape.desk.plots.anomaly import shown_trades
from tape.desk.plots.close_up import CloseUp
from tape.desk.plots.day import Picture, check_matplotlib
from tape.desk.plots.top import TopAnomalies, top_outputs
from tape.errors import SettingsError
from tape.judging.replay import Shown
from tape.process.whole_file import OutputFile

PICTURE_NAME: Final = re.compile(r"\d+-.+-\d")
"""How a picture is named: its place in the list, and the id of the anomaly."""
TOP: Final = 10
MOST_TOP: Final = 1_000
"""Pictures of anomalies that are drawn unless it is said, and at most."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is asked for: a picture of the tape or of one anomaly, and of the worst anomalies."""

    one: Picture | CloseUp | None
    top: TopAnomalies | None

    def add(self, shown: Shown) -> None:
        """Take up a stretch of the tape."""
        if isinstance(self.one, Picture):
            self.one.add(shown.values, shown.flagged, [step.value for step in shown.episodes])
        elif self.one is not None:
            self.one.add(shown.values, shown.flagged)
        if self.top is not None:
            self.top.add(shown_trades(shown.values, shown.flagged))

    def save(self, output: OutputFile) -> None:
        """Draw the one picture."""
        if self.one is not None:
            self.one.save(output)

    def save_top(self, folder: Path | None, *, inputs: list[Path], force: bool) -> tuple[int, int]:
        """Draw the worst anomalies into a folder.

        Returns how many there are, and how many pictures of earlier runs lie beside them.
        """
        if self.top is None or folder is None:
            return 0, 0
        files = top_outputs(folder, self.top, inputs=inputs, force=force)
        self.top.save(files)
        names = {file.path.name for file in files}
        older = (one for one in folder.glob("*.png") if PICTURE_NAME.match(one.name))
        return len(files), sum(one.name not in names for one in older)


def check_folder(folder: Path, option: str) -> None:
    """Raise `SettingsError` if pictures cannot be written into a folder, before any work."""
    check_matplotlib(option)
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise SettingsError(f"{option} {folder}: {there} is a file", "name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"{option}: cannot write into {there}", "choose another place")
