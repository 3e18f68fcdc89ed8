"""The bars of a replay as lines of a file: each once, when no trade can change it any more."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tape.errors import SettingsError
from tape.judging.bars import SecondBars
from tape.judging.replay import Replay
from tape.model.fields import NANOS
from tape.process.whole_file import OutputFile
from tape.sinks.registry import MESSAGES


def check_bars(path: Path | None) -> None:
    """Raise `SettingsError` unless a file's name says that it takes messages."""
    if path is not None and path.suffix != MESSAGES:
        raise SettingsError(
            f"--bars {path} does not end in {MESSAGES}",
            "name it so, or make tables of bars with `tape bars`",
        )


@dataclass(frozen=True, slots=True)
class BarLines:
    """Writes the bars of the wanted part; without a file it does nothing."""

    file: OutputFile | None
    run: Replay

    @classmethod
    def of(cls, file: OutputFile | None, stack: ExitStack, run: Replay) -> Self:
        """Return the lines into a file, which is closed with the stack."""
        return cls(None if file is None else stack.enter_context(file), run)

    def write_finished(self) -> None:
        """Write the bars that are done with."""
        self._write(at_end=False)

    def write_rest(self) -> None:
        """Write those that are held, too."""
        self._write(at_end=True)

    def _write(self, *, at_end: bool) -> None:
        bars: SecondBars | None = self.run.judge.bars
        if self.file is None or bars is None:
            return
        for value in bars.finished(self._is_wanted, and_held=at_end):
            self.file.write(value + b"\n")

    def _is_wanted(self, second: int) -> bool:
        part = self.run.part
        return part.from_ns - NANOS < second * NANOS < part.to_ns
