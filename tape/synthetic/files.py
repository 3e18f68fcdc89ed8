"""Writing a made-up day as DataBento's portal would deliver it."""

import csv
import io
from pathlib import Path
from typing import Final

import zstandard

from tape.output_file import OutputFile
from tape.synthetic.day import SyntheticDay
from tape.trade import NANOS, iso_time

HEADER: Final = (
    b"ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    b"ts_in_delta,sequence,symbol\n"
)
LABEL_COLUMNS: Final = (
    "symbol",
    "publisher_id",
    "first_ts_event",
    "first_sequence",
    "last_ts_event",
    "last_sequence",
    "kind",
    "magnitude",
)
ROWS_A_FRAME: Final = 20_000
PUBLISHER: Final = 2
"""XNAS.ITCH in DataBento's list of publishers."""


def write_day(made: SyntheticDay, folder: Path) -> Path:
    """Write the day and its labels into `folder`; returns the path of the trades.

    As in every real file the first zstd frame holds only the header, and frames end on a line.
    """
    name = f"xnas-itch-{made.day:%Y%m%d}"
    path = folder / f"{name}.trades.csv.zst"
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True)
    with OutputFile(path) as file:
        file.write(compressor.compress(HEADER))
        for first in range(0, len(made.symbol), ROWS_A_FRAME):
            rows = range(first, min(first + ROWS_A_FRAME, len(made.symbol)))
            file.write(compressor.compress(_rows(made, rows)))
    with OutputFile(folder / f"{name}.labels.csv") as file:
        file.write(_labels(made))
    return path


def _rows(made: SyntheticDay, rows: range) -> bytes:
    part = slice(rows.start, rows.stop)
    columns = zip(
        made.symbol[part].tolist(),
        made.ts_event_ns[part].tolist(),
        made.ts_in_delta_ns[part].tolist(),
        made.side[part].tolist(),
        made.price_nanos[part].tolist(),
        made.size[part].tolist(),
        made.flags[part].tolist(),
        made.sequence[part].tolist(),
        strict=True,
    )
    lines = [
        f"{iso_time(ts + delta)},{iso_time(ts)},0,{PUBLISHER},{1_000 + symbol},T,{chr(side)},0,"
        f"{price // NANOS}.{price % NANOS:09d},{size},{flags},{delta},{sequence},"
        f"{made.symbols[symbol]}\n"
        for symbol, ts, delta, side, price, size, flags, sequence in columns
    ]
    return "".join(lines).encode()


def _labels(made: SyntheticDay) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LABEL_COLUMNS)
    for label in made.labels:
        ends = [
            value
            for row in (label.row, label.last_row)
            for value in (iso_time(int(made.ts_event_ns[row])), int(made.sequence[row]))
        ]
        symbol = made.symbols[made.symbol[label.row]]
        writer.writerow([symbol, PUBLISHER, *ends, label.kind, f"{label.magnitude:.6g}"])
    return text.getvalue().encode()
