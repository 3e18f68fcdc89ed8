"""The files that a replay writes, checked before its work."""

import os
from dataclasses import dataclass
from pathlib import Path

from tape.errors import SettingsError
from tape.process.whole_file import OutputFile


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that are asked for."""

    anomalies: OutputFile | None
    episodes: OutputFile | None
    plot: OutputFile | None
    bars: OutputFile | None


def outputs_for(
    inputs: list[Path],
    output: Path | None,
    episodes: Path | None,
    plot: Path | None,
    bars: Path | None = None,
    *,
    force: bool,
) -> Outputs:
    """Return the outputs, each checked before any work: it can be written and replaces nothing."""
    given = {"--output": output, "--episodes": episodes, "--plot": plot, "--bars": bars}
    taken: dict[str, str] = {}
    for option, path in given.items():
        if (
            path is not None
            and (other := taken.setdefault(os.path.realpath(path), option)) != option
        ):
            raise SettingsError(f"{option} and {other} are both {path}", "name two files")
    files = [
        None if path is None else OutputFile(path, inputs=inputs, force=force)
        for path in (output, episodes, plot, bars)
    ]
    for file in files:
        if file is not None:
            file.check()
    return Outputs(*files)
