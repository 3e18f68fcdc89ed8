"""Tables as Parquet, a row group per call."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tape.model.fields import NANOS
from tape.process.origin import MARK
from tape.process.whole_file import OutputFile
from tape.sinks.tables import Column


class ParquetTable:
    """Writes a table into an open file."""

    def __init__(self, file: OutputFile, what: str) -> None:
        self._file, self._what = file, what
        self._writer: Any = None

    def write(self, columns: Sequence[Column], /) -> None:
        """Write a row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = [arrow_array(column) for column in columns]
        if self._writer is None:
            creator = f"{MARK.decode()}: {self._what}"
            schema = pa.schema(
                [(one.name, array.type) for one, array in zip(columns, arrays, strict=True)],
                metadata={"creator": creator},
            )
            texts = [one.name for one in columns if one.kind == "text"]
            self._writer = pq.ParquetWriter(
                self._file.binary, schema, compression="zstd", use_dictionary=texts
            )
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._writer.schema))

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Write the end of the file, which has to be open."""
        if self._writer is not None:
            self._writer.close()


def arrow_array(column: Column) -> Any:
    """Return a column as Parquet has it: times of UTC, prices in dollars, texts."""
    import pyarrow as pa

    if column.kind == "number" and column.missing is None:  # NaN becomes null on the way
        return pa.array(np.ascontiguousarray(column.values), pa.float64(), from_pandas=True)
    nulls = column.nulls()
    if column.kind == "text":
        if not column.texts:
            return pa.nulls(len(column.values), pa.string())
        places = pa.array(column.values, pa.int32(), mask=nulls)
        return pa.array(column.texts, pa.string()).take(places)
    if column.kind == "time":
        whole = pa.array(column.values, pa.int64(), mask=nulls)
        return whole.cast(pa.timestamp("ns", tz="UTC"))
    if column.kind == "price":
        return pa.array(column.values / NANOS, pa.float64(), mask=nulls)
    kinds = {"whole": pa.int64(), "number": pa.float64(), "yes": pa.bool_()}
    return pa.array(column.values, kinds[column.kind], mask=nulls)
