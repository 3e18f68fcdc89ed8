"""What lies in the Parquet files of a folder, for people."""

from pathlib import Path
from typing import Any, Final

from tape.sinks.sink import KINDS

SHOWN: Final = ("symbol", "price", "size", "anomalies", "reasons")
"""Columns of the stored anomalies that a look shows: of the reasons the first."""


def look_at_files(folder: Path, *, top: int = 5) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Return how many rows each kind has, and the anomalies to be looked at first.

    Each of these has symbol, time in UTC, price, size, rules and the first reason.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows: dict[str, int] = {}
    anomalies = []
    for kind in KINDS:
        files = sorted((folder / f"topic={kind}").glob("day=*/*.parquet"))
        rows[kind] = sum(pq.read_metadata(file).num_rows for file in files)
        if kind == "anomalies":
            anomalies = [pq.ParquetFile(file).read() for file in files]
    if not anomalies:
        return rows, []
    table = pa.concat_tables(anomalies)
    order = pc.sort_indices(table, [("priority", "descending"), ("ts_event", "ascending")])
    found: list[tuple[Any, ...]] = []
    for one in table.take(order[:top]).to_pylist():
        time = str(one["ts_event"])[:26]
        symbol, *trade, reasons = (one[name] for name in SHOWN)
        found.append((symbol, time, *trade, reasons[0]["text"] if reasons else ""))
    return rows, found
