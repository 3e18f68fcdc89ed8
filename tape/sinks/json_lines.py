"""Messages as they are, one line each."""

from collections.abc import Sequence

from tape.process.whole_file import OutputFile
from tape.sinks.sink import Item, Poison


class JsonLinesSink:
    """Writes messages of any kind into an open file."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Append messages; one with a line break in it is no line."""
        good = [item for item in items if b"\n" not in item.value]
        if good:
            self._file.write(b"\n".join([*(item.value for item in good), b""]))
        return [Poison(one, "it holds a line break") for one in items if b"\n" in one.value]

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""
