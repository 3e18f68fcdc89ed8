"""Sinks for files by suffix; the module of one is loaded when it is asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tape.errors import SettingsError
from tape.process.whole_file import OutputFile
from tape.sinks.sink import Sink

FILES: Final = {
    ".jsonl": "tape.sinks.json_lines:JsonLinesSink",
    ".csv": "tape.sinks.csv_table:CsvSink",
    ".parquet": "tape.sinks.parquet:ParquetSink",
}
"""Where each sink is: module and class."""


def file_sink(file: OutputFile, suffix: str) -> Sink:
    """Return the sink that writes into an open file, by a suffix that `check_output` let pass."""
    module, _, kind = FILES[suffix].partition(":")
    found: Any = getattr(import_module(module), kind)(file)
    sink: Sink = found
    return sink


def check_output(path: Path) -> None:
    """Raise `SettingsError` if anomalies cannot be written under this name."""
    if path.suffix not in FILES:
        raise SettingsError(
            f"--output {path} has no known suffix", f"name one that ends in {', '.join(FILES)}"
        )
    if path.is_dir():
        raise SettingsError(f"--output {path}: this is a folder", "name a file")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401 - only whether it is there
        except ImportError:
            raise SettingsError(
                "Parquet output needs pyarrow", "pip install 'tapewatch[desk]'"
            ) from None


def check_lines(path: Path, option: str) -> None:
    """Raise `SettingsError` if messages cannot be written under this name, one a line."""
    if path.suffix != ".jsonl":
        raise SettingsError(f"{option} {path} does not end in .jsonl", "name a .jsonl file")
    if path.is_dir():
        raise SettingsError(f"{option} {path}: this is a folder", "name a file")
