"""What lies beside a download: the hashes of its files, and the symbols by instrument and day.

They come from elsewhere, like the files: one that is damaged has no effect, and is reported.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tape.archives.containers import small_file
from tape.archives.skipped import Skipped
from tape.archives.zip_members import member_at
from tape.errors import ArchiveError
from tape.model.fields import U32_MAX
from tape.model.rejected import Rejected

if TYPE_CHECKING:
    from databento_dbn.metadata import MappingIntervalDict

    from tape.archives.discovery import Archive

MANIFEST: Final = "manifest.json"
SYMBOLOGY_JSON: Final = "symbology.json"
SYMBOLOGY_CSV: Final = "symbology.csv"
"""Names that DataBento gives its sidecars."""
UTF8_MARK: Final = b"\xef\xbb\xbf"
DAY_COLUMNS: Final = ("date", "instrument_id", "raw_symbol")

Spans = Mapping[int, Sequence[tuple[str, str, str]]]
"""By instrument: first day, the day behind the last, and the symbol between them."""


class _Listed(msgspec.Struct, frozen=True):
    filename: str
    hash: str


class _Manifest(msgspec.Struct, frozen=True):
    files: list[_Listed]


class _Span(msgspec.Struct, frozen=True):
    d0: str
    d1: str
    s: str | int


class _Symbols(msgspec.Struct, frozen=True):
    result: dict[str, list[_Span]]


def damaged_sidecars(folders: Iterable[Path]) -> list[Skipped]:
    """Return the sidecars in these folders that are there and cannot be read, and why."""
    found = []
    for path in (folder / name for folder in folders for name in _READERS):
        read = _read(path)
        if isinstance(read, str):
            why = f"a damaged sidecar, which has no effect ({read})"
            found.append(Skipped(path, why, "fetch it again, or delete it"))
    return found


def manifest_fault(archive: "Archive") -> Rejected | None:
    """Return why an archive is not the file that its `manifest.json` lists, if it is listed."""
    expected = listed_hashes(archive.path.parent).get(archive.path.name)
    if expected is None or expected == f"sha256:{archive.sha256}":
        return None
    return Rejected("archive_corrupt", "its sha256 is not the one in manifest.json; fetch it again")


def listed_hashes(folder: Path) -> Mapping[str, str]:
    """Return file names and hashes of a folder's `manifest.json`, none if there is none."""
    read = _read(folder / MANIFEST)
    return read if isinstance(read, dict) else {}


class Symbology:
    """Symbols by instrument and day, from `symbology.json` or `symbology.csv`.

    Attributes:
        is_live: the symbols come as records in the stream.
        version: how often one of these changed.
        fault: why there are no symbols beside the files, in words.
    """

    def __init__(self, folder: Path) -> None:
        self._beside: Spans = {}
        self._own: dict[int, list[tuple[str, str, str]]] = {}
        self._from_here: dict[int, str] = {}
        self.is_live = False
        self.version = 0
        self.fault = f"no {SYMBOLOGY_JSON} or {SYMBOLOGY_CSV} beside the file"
        damaged = []
        for name in (SYMBOLOGY_JSON, SYMBOLOGY_CSV):
            read = _read(folder / name)
            if isinstance(read, dict):
                self._beside = read
                return
            if read is not None:
                damaged.append(f"the {name} beside the file is damaged: {read}")
        if damaged:
            self.fault = "; ".join(damaged)

    def __bool__(self) -> bool:
        return self.is_live or bool(self._beside) or bool(self._own)

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
        for spans in (self._beside, self._own):
            for first, end, symbol in spans.get(instrument_id, ()):
                if first <= day < end:
                    return symbol
        return None

    def missing(self, instrument_id: int, day: str) -> str:
        """Return in words that an instrument has no symbol."""
        if self.is_live:
            return f"instrument {instrument_id} has no symbol up to here in the live recording"
        return f"instrument {instrument_id} has no symbol on {day} in the symbology file"

    def add(
        self, mappings: "Mapping[str, Sequence[MappingIntervalDict]]", *, by_instrument: bool
    ) -> None:
        """Add what a DBN header says; with `by_instrument`, its keys are the instruments."""
        for name, spans in mappings.items():
            for span in spans:
                instrument, symbol = (
                    (name, span["symbol"]) if by_instrument else (span["symbol"], name)
                )
                if instrument.isdecimal():
                    entry = (span["start_date"].isoformat(), span["end_date"].isoformat(), symbol)
                    self._own.setdefault(int(instrument), []).append(entry)


def _read(path: Path) -> Any:
    """Return what a sidecar holds, None if it is not there, or in words why it is damaged."""
    member = member_at(path)
    try:
        about = (path if member is None else member.archive).stat()
    except (OSError, ValueError):  # no folder but a zip archive, or nothing there
        return None
    return _held(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=8)
def _held(path: Path, *_state: int) -> Any:
    """Read a sidecar once for all files beside it, as long as it is not changed."""
    try:
        return _READERS[path.name](small_file(path))
    except OSError as error:
        return error.strerror or "it cannot be read"
    except RecursionError:  # msgspec gives up this way, outside its own errors
        return "it is nested too deep"
    except UnicodeError:
        return "it is not UTF-8"
    except msgspec.MsgspecError as error:
        return str(error)
    except (ArchiveError, ValueError) as error:
        return str(error)
    except csv.Error as error:
        return f"it is no CSV: {error}"


def _hashes(data: bytes) -> dict[str, str]:
    files = msgspec.json.decode(data.removeprefix(UTF8_MARK), type=_Manifest).files
    return {file.filename: file.hash for file in files}


def _json_symbols(data: bytes) -> Spans:
    found: dict[int, list[tuple[str, str, str]]] = {}
    symbols = msgspec.json.decode(data.removeprefix(UTF8_MARK), type=_Symbols)
    for symbol, spans in symbols.result.items():
        for span in spans:
            found.setdefault(_instrument(str(span.s)), []).append((span.d0, span.d1, symbol))
    return found


def _csv_symbols(data: bytes) -> Spans:
    found: dict[int, list[tuple[str, str, str]]] = {}
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    for row in csv.DictReader(text, strict=True):
        day, instrument, symbol = (row.get(name) for name in DAY_COLUMNS)
        if day is None or instrument is None or symbol is None:
            raise ValueError(f"its rows do not all have {', '.join(DAY_COLUMNS)}")
        # "~" sorts behind all that is of the day
        found.setdefault(_instrument(instrument), []).append((day, day + "~", symbol))
    return found


def _instrument(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= U32_MAX):
        raise ValueError("an instrument in it is no number of one")
    return int(text)


_READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    MANIFEST: _hashes,
    SYMBOLOGY_JSON: _json_symbols,
    SYMBOLOGY_CSV: _csv_symbols,
}
