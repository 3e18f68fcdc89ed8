"""Anomalies as files, by suffix: the messages themselves, a table for spreadsheets, Parquet."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from tape.errors import SettingsError
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NANOS, NO_SEQUENCE, iso_time, price_text
from tape.model.trade import Trade
from tape.process.origin import MARK
from tape.process.sheet_text import sheet_cell
from tape.process.whole_file import OutputFile

SUFFIXES: Final = (".jsonl", ".csv", ".parquet")
CHUNK: Final = 10_000
"""Anomalies held before a row group is written."""

TIMES: Final = ("ts_recv", "ts_event")
FIELDS: Final = (
    *("ts_recv", "ts_event", "rtype", "publisher_id", "instrument_id", "action", "side", "depth"),
    *("price", "size", "flags", "ts_in_delta", "sequence", "symbol"),
)
"""A trade's fields, as DataBento names and orders them."""
VERDICT: Final = ("anomaly_id", "episode_id", "anomalies", "severity", "context")


class AnomalyWriter(Protocol):
    """Takes messages of `anomalies`; `end` completes the file, `close` follows in any case."""

    def write(self, value: bytes) -> None:
        """Append one message."""

    def end(self) -> None:
        """Write what is still held."""

    def close(self) -> None:
        """Let go of the file; to be called while it is open."""


def _read(value: bytes) -> Anomaly:
    found = decode_anomaly(value)
    assert isinstance(found, Anomaly)  # noqa: S101 - the judge has made it
    return found


def _trade(trade: Trade) -> dict[str, Any]:
    """Return the fields of a trade; None stands for what it does not have."""
    return {
        "ts_recv": trade.ts_recv_ns or None,
        "ts_event": trade.ts_event_ns,
        "rtype": trade.rtype,
        "publisher_id": trade.publisher_id,
        "instrument_id": trade.instrument_id,
        "action": trade.action,
        "side": trade.side,
        "depth": trade.depth,
        "price": trade.price_nanos / NANOS,
        "size": trade.size,
        "flags": trade.flags,
        "ts_in_delta": trade.ts_in_delta_ns,
        "sequence": None if trade.sequence == NO_SEQUENCE else trade.sequence,
        "symbol": trade.symbol,
    }


def _verdict(found: Anomaly) -> dict[str, Any]:
    return {
        "anomaly_id": found.anomaly_id,
        "episode_id": found.episode_id,
        "anomalies": list(found.rules),
        "severity": found.severity,
        "context": found.context or None,
    }


class _Lines:
    def __init__(self, file: OutputFile) -> None:
        self._file = file

    def write(self, value: bytes) -> None:
        self._file.write(value + b"\n")

    def end(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""


class _Csv:
    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self._row((*FIELDS, *VERDICT, "reasons"))

    def write(self, value: bytes) -> None:
        found = _read(value)
        row = _trade(found.trade) | _verdict(found)
        row |= {name: iso_time(row[name]) for name in TIMES if row[name] is not None}
        row["price"] = price_text(found.trade.price_nanos)
        row["anomalies"] = "; ".join(found.rules)
        why = "; ".join(reason.text for reason in found.reasons)
        self._row([*(row[name] for name in (*FIELDS, *VERDICT)), why])

    def end(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""

    def _row(self, cells: Any) -> None:
        text = io.StringIO()
        safe = [sheet_cell(one) if isinstance(one, str) else one for one in cells]
        csv.writer(text, lineterminator="\n").writerow(safe)
        self._file.write(text.getvalue().encode())


class _Parquet:
    def __init__(self, file: OutputFile) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        whole = {name: pa.int64() for name in FIELDS}
        whole |= {name: pa.timestamp("ns", tz="UTC") for name in TIMES}
        whole |= {name: pa.string() for name in ("action", "side", "symbol")}
        reason = [("rule", pa.string()), ("value", pa.float64()), ("threshold", pa.float64())]
        self._schema = pa.schema(
            [
                *(whole | {"price": pa.float64()}).items(),
                ("anomaly_id", pa.string()),
                ("episode_id", pa.string()),
                ("anomalies", pa.list_(pa.string())),
                ("severity", pa.float64()),
                ("context", pa.string()),
                ("reasons", pa.list_(pa.struct([*reason, ("text", pa.string())]))),
            ],
            metadata={"creator": MARK.decode()},
        )
        self._table: Callable[..., Any] = pa.Table.from_pylist
        self._writer = pq.ParquetWriter(file.binary, self._schema, compression="zstd")
        self._held: list[dict[str, Any]] = []

    def write(self, value: bytes) -> None:
        found = _read(value)
        reasons = msgspec.to_builtins(found.reasons)
        self._held.append(_trade(found.trade) | _verdict(found) | {"reasons": reasons})
        if len(self._held) == CHUNK:
            self._flush()

    def end(self) -> None:
        self._flush()

    def close(self) -> None:
        self._writer.close()  # else it would write its end later, into a closed file

    def _flush(self) -> None:
        self._writer.write_table(self._table(self._held, schema=self._schema))
        self._held = []


_WRITERS: Final[dict[str, Callable[[OutputFile], AnomalyWriter]]] = {
    ".jsonl": _Lines,
    ".csv": _Csv,
    ".parquet": _Parquet,
}


def check_output(path: Path) -> None:
    """Raise `SettingsError` if anomalies cannot be written under this name."""
    if path.suffix not in SUFFIXES:
        raise SettingsError(f"--output {path}: the name must end in {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise SettingsError(f"--output {path}: this is a folder; name a file")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401 - only whether it is there
        except ImportError:
            raise SettingsError(
                "Parquet output needs pyarrow: pip install 'tapewatch[desk]'"
            ) from None


def check_lines(path: Path, option: str) -> None:
    """Raise `SettingsError` if messages cannot be written under this name, one a line."""
    if path.suffix != ".jsonl":
        raise SettingsError(f"{option} {path}: the name must end in .jsonl")
    if path.is_dir():
        raise SettingsError(f"{option} {path}: this is a folder; name a file")


def anomaly_writer(file: OutputFile, suffix: str) -> AnomalyWriter:
    """Return the writer for a suffix that `check_output` let pass."""
    return _WRITERS[suffix](file)
