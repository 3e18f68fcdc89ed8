"""Anomalies as Parquet."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from tape.process.origin import MARK
from tape.process.whole_file import OutputFile
from tape.sinks.fields import FIELDS, TIMES, cells_of, read, reasons_of
from tape.sinks.sink import Item, Poison

CHUNK: Final = 10_000
"""Anomalies held before a row group is written."""


def anomaly_fields(pa: Any) -> list[tuple[str, Any]]:
    """Return names and types of an anomaly's columns; `pa` is pyarrow, which is slow to load."""
    whole = {name: pa.int64() for name in FIELDS}
    whole |= {name: pa.timestamp("ns", tz="UTC") for name in TIMES}
    whole |= {name: pa.string() for name in ("action", "side", "symbol")}
    reason = [("rule", pa.string()), ("value", pa.float64()), ("threshold", pa.float64())]
    return [
        *(whole | {"price": pa.float64()}).items(),
        ("anomaly_id", pa.string()),
        ("episode_id", pa.string()),
        ("anomalies", pa.list_(pa.string())),
        ("severity", pa.float64()),
        ("priority", pa.float64()),
        ("family", pa.string()),
        ("context", pa.string()),
        ("rank", pa.float64()),
        ("suppressed", pa.bool_()),
        ("reasons", pa.list_(pa.struct([*reason, ("text", pa.string())]))),
    ]


class ParquetSink:
    """Writes anomalies into an open file, in row groups of `CHUNK`."""

    def __init__(self, file: OutputFile) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(anomaly_fields(pa), metadata={"creator": MARK.decode()})
        self._table: Callable[..., Any] = pa.Table.from_pylist
        self._writer = pq.ParquetWriter(file.binary, self._schema, compression="zstd")
        self._held: list[dict[str, Any]] = []
        self._is_empty = True

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Take anomalies, and write a row group when there are enough."""
        anomalies, poison = read(items)
        for found in anomalies:
            self._held.append(cells_of(found) | {"reasons": reasons_of(found)})
            if len(self._held) == CHUNK:
                self.flush()
        return poison

    def flush(self) -> None:
        """Write what is held as a row group; of no anomaly at all an empty one."""
        if self._held or self._is_empty:
            self._writer.write_table(self._table(self._held, schema=self._schema))
            self._held, self._is_empty = [], False

    def close(self) -> None:
        """Write the end of the file, which has to be open."""
        self._writer.close()  # else it would do so later, into a closed file
