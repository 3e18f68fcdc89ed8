"""From a file to message bytes, beside the usual way; and from message bytes to columns."""

import json
import time
from pathlib import Path
from statistics import median

import pandas as pd
import zstandard

from tape.archives import find_archives, read_archive
from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.model.fields import TIME_MAX_NS

USUAL_ROWS = 20_000
BATCH = 1_000


def messages(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Return keys and values of a file's messages."""
    keys: list[bytes] = []
    values: list[bytes] = []
    for archive in find_archives(path).archives:
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS):
            keys += batch.keys
            values += batch.values
    return keys, values


def csv_rows_per_s(path: Path, repeats: int = 3) -> float:
    """Return rows a second of thread CPU time from a compressed file to message bytes."""
    archives = find_archives(path).archives
    rates = []
    for _ in range(repeats):
        rows, start_s = 0, time.thread_time()
        for archive in archives:
            rows += sum(len(b.values) for b in read_archive(archive, latest_ns=TIME_MAX_NS))
        rates.append(rows / (time.thread_time() - start_s))
    return median(rates)


def pandas_rows_per_s(path: Path) -> float:
    """Return rows a second of pandas' `iterrows` and `json.dumps`, as it is usually written."""
    with zstandard.open(path, "rb") as file:
        frame = pd.read_csv(file, nrows=USUAL_ROWS)
    start_s = time.thread_time()
    for _, row in frame.iterrows():
        json.dumps(row.to_dict(), default=str).encode()
    return len(frame) / (time.thread_time() - start_s)


def decode_messages_per_s(keys: list[bytes], values: list[bytes], repeats: int = 3) -> float:
    """Return messages a second of thread CPU time, in batches of 1,000."""
    rates = []
    for _ in range(repeats):
        symbols = SymbolTable()
        start_s = time.thread_time()
        for at in range(0, len(values), BATCH):
            decode_batch(keys[at : at + BATCH], values[at : at + BATCH], symbols)
        rates.append(len(values) / (time.thread_time() - start_s))
    return median(rates)
