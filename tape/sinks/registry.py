"""Sinks for files by suffix; the module of one is loaded when it is asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from tape.errors import SettingsError
from tape.process.whole_file import OutputFile
from tape.sinks.sink import Sink

FILES: Final = {
    ".jsonl": "tape.sinks.json_lines:JsonLinesSink",
    ".csv": "tape.sinks.csv_table:CsvSink",
    ".parquet": "tape.sinks.parquet:ParquetSink",
}
"""Where each sink is: module and class."""
MESSAGES: Final = ".jsonl"
"""Takes messages of any kind as they are; the others are tables of one kind."""

What = Literal["anomalies", "episodes"]
TABLES: Final[dict[What, str]] = {
    "anomalies": "tape.sinks.fields:TABLE",
    "episodes": "tape.sinks.episode_rows:TABLE",
}
"""How each kind of message is a table's rows: module and object."""


def file_sink(file: OutputFile, suffix: str, what: What = "anomalies") -> Sink:
    """Return the sink that writes into an open file, by a suffix that `check_output` let pass."""
    kind = _named(FILES[suffix])
    sink: Sink = kind(file) if suffix == MESSAGES else kind(file, _named(TABLES[what]))
    return sink


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def check_output(path: Path, option: str = "--output") -> None:
    """Raise `SettingsError` if messages cannot be written under this name."""
    if path.suffix not in FILES:
        raise SettingsError(
            f"{option} {path} has no known suffix", f"name one that ends in {', '.join(FILES)}"
        )
    if path.is_dir():
        raise SettingsError(f"{option} {path}: this is a folder", "name a file")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401 - only whether it is there
        except ImportError:
            raise SettingsError(
                "Parquet output needs pyarrow", "pip install 'tapewatch[desk]'"
            ) from None
