"""Rows as Parquet."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from tape.process.origin import MARK
from tape.process.whole_file import OutputFile
from tape.sinks.message_rows import MessageRows
from tape.sinks.sink import Item, Poison

CHUNK: Final = 10_000
"""Rows held before a row group is written."""


class ParquetSink:
    """Writes the rows of a table into an open file, in row groups of `CHUNK`."""

    def __init__(self, file: OutputFile, table: MessageRows) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = table.types(pa)
        columns = [(name, types[name]) for name in table.columns]
        self._source = table
        self._schema = pa.schema(columns, metadata={"creator": MARK.decode()})
        self._table: Callable[..., Any] = pa.Table.from_pylist
        self._writer = pq.ParquetWriter(file.binary, self._schema, compression="zstd")
        self._held: list[dict[str, Any]] = []
        self._is_empty = True

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Take rows, and write a row group when there are enough."""
        rows, poison = self._source.records(items)
        for row in rows:
            self._held.append(row)
            if len(self._held) == CHUNK:
                self.flush()
        return poison

    def flush(self) -> None:
        """Write what is held as a row group; of no row at all an empty one."""
        if self._held or self._is_empty:
            self._writer.write_table(self._table(self._held, schema=self._schema))
            self._held, self._is_empty = [], False

    def close(self) -> None:
        """Write the end of the file, which has to be open."""
        self._writer.close()  # else it would do so later, into a closed file
