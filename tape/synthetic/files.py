"""Writing a day as DataBento's portal would deliver it, with its labels beside it."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import zstandard

from tape.model.fields import NANOS, iso_time
from tape.process.origin import MARK_FRAME
from tape.process.sheet_text import sheet_cell
from tape.process.whole_file import OutputFile
from tape.synthetic.day import SyntheticDay

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
SUFFIX: Final = ".trades.csv.zst"
ROWS_A_FRAME: Final = 20_000
"""Rows of a zstd frame: DataBento's files have several, so these do."""


def write_day(
    made: SyntheticDay,
    folder: Path,
    name: str | None = None,
    *,
    inputs: Iterable[Path] = (),
    force: bool = False,
) -> Path:
    """Write the day and its labels into `folder`; returns the path of the trades.

    As in every real file the first zstd frame holds only the header, and frames end on a line.
    The last one is skipped by every reader and says who made the file. `name` is that of the
    files without their suffixes; the default is one that no vendor uses. `inputs` are never
    replaced, and files that others made only with `force`.
    """
    name = name or f"synthetic-{made.day:%Y%m%d}"
    path = folder / f"{name}{SUFFIX}"
    labels = OutputFile(labels_path(path), inputs=inputs, force=force)
    labels.check()  # before the day is there without them
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True)
    with OutputFile(path, inputs=inputs, force=force) as file:
        file.write(compressor.compress(HEADER))
        for first in range(0, len(made.symbol), ROWS_A_FRAME):
            rows = range(first, min(first + ROWS_A_FRAME, len(made.symbol)))
            file.write(compressor.compress(_rows(made, rows)))
        file.write(MARK_FRAME)
    with labels:
        labels.write(_labels(made))
    return path


def labels_path(path: Path) -> Path:
    """Return where the labels of a file of trades stand."""
    return path.with_name(f"{path.name.removesuffix(SUFFIX)}.labels.csv")


def _rows(made: SyntheticDay, rows: range) -> bytes:
    part = slice(rows.start, rows.stop)
    columns = zip(
        *(
            getattr(made, name)[part].tolist()
            for name in (
                "ts_event_ns",
                "lag_ns",
                "rtype",
                "publisher_id",
                "instrument_id",
                "side",
                "depth",
                "price_nanos",
                "size",
                "flags",
                "ts_in_delta_ns",
                "sequence",
                "symbol",
            )
        ),
        strict=True,
    )
    names = [f'"{name}"' if "," in name else name for name in made.symbols]
    lines = [
        f"{iso_time(ts + lag)},{iso_time(ts)},{rtype},{publisher},{instrument},T,{chr(side)},"
        f"{depth},{'-' if price < 0 else ''}{abs(price) // NANOS}.{abs(price) % NANOS:09d},"
        f"{size},{flags},{delta},{sequence},{names[symbol]}\n"
        for (
            ts,
            lag,
            rtype,
            publisher,
            instrument,
            side,
            depth,
            price,
            size,
            flags,
            delta,
            sequence,
            symbol,
        ) in columns
    ]
    return "".join(lines).encode()


def _labels(made: SyntheticDay) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LABEL_COLUMNS)
    for label in sorted(made.labels, key=lambda one: one.row):
        ends = [
            value
            for row in (label.row, label.last_row)
            for value in (iso_time(int(made.ts_event_ns[row])), int(made.sequence[row]))
        ]
        symbol = sheet_cell(made.symbols[made.symbol[label.row]])
        publisher = int(made.publisher_id[label.row])
        writer.writerow([symbol, publisher, *ends, label.kind, f"{label.magnitude:.6g}"])
    return text.getvalue().encode()
