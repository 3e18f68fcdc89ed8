"""What lies beside a download: the hashes of its files, and the symbols by instrument and day."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from databento_dbn.metadata import MappingIntervalDict

from tape.archives.containers import small_file
from tape.archives.discovery import Archive
from tape.rejected import Rejected


def manifest_fault(archive: Archive) -> Rejected | None:
    """Return why an archive is not the file that its `manifest.json` lists, if it is listed."""
    expected = listed_hashes(archive.path.parent).get(archive.path.name)
    if expected is None or expected == f"sha256:{archive.sha256}":
        return None
    return Rejected("archive_corrupt", "its sha256 is not the one in manifest.json; fetch it again")


def listed_hashes(folder: Path) -> dict[str, str]:
    """Return file names and hashes of a folder's `manifest.json`, none if there is none."""
    try:
        files = json.loads(small_file(folder / "manifest.json"))["files"]
        return {str(file["filename"]): str(file["hash"]) for file in files}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # none there, or not one of DataBento's


class Symbology:
    """Symbols by instrument and day, from `symbology.json` or `symbology.csv`.

    Attributes:
        is_live: the symbols come as records in the stream.
        version: how often one of these changed.
    """

    def __init__(self, folder: Path) -> None:
        self._spans: dict[int, list[tuple[str, str, str]]] = {}
        self._from_here: dict[int, str] = {}
        self.is_live = False
        self.version = 0
        try:
            self._read_json(folder / "symbology.json")
        except (OSError, ValueError, KeyError, TypeError):
            try:
                self._read_csv(folder / "symbology.csv")
            except (OSError, ValueError, KeyError, TypeError):
                self._spans = {}

    def __bool__(self) -> bool:
        return self.is_live or bool(self._spans)

    def changes(self, instrument_id: int, symbol: str) -> bool:
        """Return whether an instrument has another symbol, or none, up to here."""
        return self._from_here.get(instrument_id) != symbol

    def map_from_here(self, instrument_id: int, symbol: str) -> None:
        """Let an instrument have a symbol from this place of the stream on, whatever the day."""
        if self.changes(instrument_id, symbol):
            self._from_here[instrument_id] = symbol
            self.version += 1

    def symbol(self, instrument_id: int, day: str) -> str | None:
        """Return the symbol of an instrument on a day (YYYY-MM-DD), or None."""
        if instrument_id in self._from_here:
            return self._from_here[instrument_id] or None
        for first, end, symbol in self._spans.get(instrument_id, ()):
            if first <= day < end:
                return symbol
        return None

    def missing(self, instrument_id: int, day: str) -> str:
        """Return in words that an instrument has no symbol."""
        if self.is_live:
            return f"instrument {instrument_id} has no symbol up to here in the live recording"
        return f"instrument {instrument_id} has no symbol on {day} in the symbology file"

    def add(
        self, mappings: Mapping[str, Sequence[MappingIntervalDict]], *, by_instrument: bool
    ) -> None:
        """Add what a DBN header says; with `by_instrument`, its keys are the instruments."""
        for name, spans in mappings.items():
            for span in spans:
                instrument, symbol = (
                    (name, span["symbol"]) if by_instrument else (span["symbol"], name)
                )
                if instrument.isdecimal():
                    entry = (span["start_date"].isoformat(), span["end_date"].isoformat(), symbol)
                    self._spans.setdefault(int(instrument), []).append(entry)

    def _read_json(self, path: Path) -> None:
        for symbol, spans in json.loads(small_file(path))["result"].items():
            for span in spans:
                entry = (span["d0"], span["d1"], symbol)
                self._spans.setdefault(int(span["s"]), []).append(entry)

    def _read_csv(self, path: Path) -> None:
        text = small_file(path).decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            entry = (row["date"], row["date"] + "~", row["raw_symbol"])  # "~" sorts behind
            self._spans.setdefault(int(row["instrument_id"]), []).append(entry)
