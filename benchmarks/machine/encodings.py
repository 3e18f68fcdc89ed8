"""From each of DataBento's encodings to messages and to an inspection, beside the usual readers.

`python -m benchmarks.machine.encodings` prints the figures as JSON.
"""

import io
import json
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import zstandard
from databento_dbn import (
    Compression,
    DBNDecoder,
    Encoding,
    Metadata,
    Schema,
    SType,
    TradeMsg,
    Transcoder,
)

from benchmarks.machine.desk import vendor_to_df_rows_per_s
from benchmarks.machine.machine import machine
from tape.archives import find_archives, read_archive
from tape.desk.inspect import Inspecting
from tape.model.fields import TIME_MAX_NS
from tape.synthetic import make_day, write_day
from tape.synthetic.day import SyntheticDay

TRADES = 500_000
REPEATS = 3
VENDOR_ROWS = 100_000

RECORD = np.dtype(
    [
        *(("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4")),
        *(("ts_event", "<u8"), ("price", "<i8"), ("size", "<u4"), ("action", "u1")),
        *(("side", "u1"), ("flags", "u1"), ("depth", "u1"), ("ts_recv", "<u8")),
        *(("ts_in_delta", "<i4"), ("sequence", "<u4")),
    ]
)
"""A trade in DBN (`rust/dbn/src/record.rs`)."""


def encoding_figures(trades: int = TRADES) -> dict[str, float | None]:
    """Return rows a second of CPU time from each encoding, and what the usual readers do."""
    figures: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, made = Path(name), make_day(trades=trades)
        csv, raw = write_day(made, folder), as_dbn(made)
        dbn, lines = folder / "a.trades.dbn.zst", folder / "a.trades.json.zst"
        dbn.write_bytes(zstandard.compress(raw))
        lines.write_bytes(zstandard.compress(_as_json(raw)))
        for kind, path in (("csv", csv), ("json", lines), ("dbn", dbn)):
            _messages(path), _inspect(path)  # compiled, and in the page cache
            figures[f"{kind}_to_messages_rows_per_s"] = _rate(trades, _messages, path)
            figures[f"{kind}_inspect_rows_per_s"] = _rate(trades, _inspect, path)
        figures["pandas_read_csv_rows_per_s"] = _rate(trades, _pandas, csv)
        figures["polars_read_csv_rows_per_s"] = _if_installed(trades, _polars, csv)
        figures["vendor_to_df_rows_per_s"] = vendor_to_df_rows_per_s(dbn, trades)
        some = raw[: len(raw) - (trades - VENDOR_ROWS) * RECORD.itemsize]
        figures["vendor_records_to_json_rows_per_s"] = _rate(VENDOR_ROWS, _vendor_records, some)
    return figures


def as_dbn(made: SyntheticDay) -> bytes:
    """Return a day as a DBN stream, its symbols in the header."""
    rows = np.zeros(len(made.symbol), RECORD)
    rows["length"], rows["action"] = RECORD.itemsize // 4, ord("T")
    rows["ts_event"], rows["ts_recv"] = made.ts_event_ns, made.ts_event_ns + made.lag_ns
    rows["price"], rows["ts_in_delta"] = made.price_nanos, made.ts_in_delta_ns
    for name in ("rtype", "publisher_id", "instrument_id", "size", "side", "flags"):
        rows[name] = getattr(made, name)
    rows["depth"], rows["sequence"] = made.depth, made.sequence
    first, after = made.day, made.day + timedelta(days=2)
    mappings = [
        SimpleNamespace(
            raw_symbol=name,
            intervals=[SimpleNamespace(start_date=first, end_date=after, symbol=str(number))],
        )
        for number, name in {
            int(number): made.symbols[symbol]
            for number, symbol in zip(made.instrument_id, made.symbol, strict=True)
        }.items()
    ]
    metadata = Metadata(
        dataset="XNAS.ITCH",
        start=int(made.ts_event_ns[0]),
        stype_in=SType.from_str("raw_symbol"),
        stype_out=SType.from_str("instrument_id"),
        schema=Schema.from_str("trades"),
        symbols=list(made.symbols),
        partial=[],
        not_found=[],
        mappings=mappings,
    )
    return metadata.encode() + rows.tobytes()


def _as_json(raw: bytes) -> bytes:
    out = io.BytesIO()
    coder = Transcoder(
        out,
        Encoding.from_str("json"),
        Compression.from_str("none"),
        pretty_px=True,
        pretty_ts=True,
        map_symbols=True,
    )
    coder.write(raw)
    coder.flush()
    return out.getvalue()


def _rate(rows: int, work: Callable[[Any], object], given: Path | bytes) -> float:
    """Return rows a second of CPU time, of all threads, the median of some runs."""
    rates = []
    for _ in range(REPEATS):
        start_s = time.process_time()
        work(given)
        rates.append(rows / (time.process_time() - start_s))
    return round(median(rates))


def _if_installed(rows: int, work: Callable[[Path], object], path: Path) -> float | None:
    try:
        return _rate(rows, work, path)
    except ImportError:
        return None


def _messages(path: Path) -> int:
    (archive,) = find_archives(path).archives
    return sum(len(batch.values) for batch in read_archive(archive, latest_ns=TIME_MAX_NS))


def _inspect(path: Path) -> object:
    run = Inspecting("XNYS")
    run.find([path])
    return run.run(lambda _: None)


def _pandas(path: Path) -> object:
    import pandas as pd

    with zstandard.open(path, "rb") as file:
        return pd.read_csv(file)


def _polars(path: Path) -> object:
    import polars

    with zstandard.open(path, "rb") as file:
        return polars.read_csv(file.read())


def _vendor_records(raw: bytes) -> int:
    """Decode with the vendor's decoder and write JSON record by record, as one would."""
    decoder = DBNDecoder()
    decoder.write(raw)
    size = 0
    for record in decoder.decode():
        if isinstance(record, TradeMsg):
            message = {
                "ts_recv": record.ts_recv,
                "ts_event": record.ts_event,
                "instrument_id": record.instrument_id,
                "side": str(record.side),
                "price": record.price / 1e9,
                "size": record.size,
                "sequence": record.sequence,
            }
            size += len(json.dumps(message).encode())
    return size


def main() -> None:
    """Print the figures."""
    print(json.dumps({"machine": machine(), **encoding_figures()}, indent=2))


if __name__ == "__main__":
    main()
