"""Fills the compile cache: `python -m tape.ops.warm_up`, at install and when an image is built.

Compiling takes about half a minute once; every start after it takes a second. An app's image
compiles what that app runs: `python -m tape.ops.warm_up producer`, or `sink`.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from tape.archives import find_archives, read_archive
from tape.archives.file_symbols import FileNames
from tape.archives.order_kernel import in_order, keep_order
from tape.codec.batch import decode_batch
from tape.codec.compiling import WARM
from tape.codec.dbn_scanner import LINE_BYTES, convert_dbn, kinds_of, pick, put_line, walk
from tape.codec.eight_bytes import PADDING
from tape.codec.row_fields import rows_for
from tape.codec.symbols import SymbolTable
from tape.desk.inspect import Inspecting
from tape.detection.memory import grown
from tape.detection.parameters import Parameters
from tape.detection.protocol import kernel_columns
from tape.detection.registry import BUILT_IN, make_detector
from tape.detection.ring_kernel import find_duplicates, ring_state
from tape.detection.supervised.columns import COUNT
from tape.detection.supervised.features import Features
from tape.detection.supervised.walk_kernel import LEAF, Trees, contributions
from tape.detection.supervised.walk_kernel import walk as walk_trees
from tape.judging.episodes import Episodes
from tape.model.anomaly import DetectorIdentity
from tape.model.columns import TradeColumns
from tape.model.fields import TIME_MAX_NS, TIME_MIN_NS
from tape.model.trade import Trade, encode
from tape.synthetic import make_day, write_day

PRODUCER: Final = "producer"
SINK: Final = "sink"


def warm(app: str = "") -> None:
    """Run each compiled kernel once; for the producer those of files, for a sink of messages."""
    if app == SINK:
        trade = Trade(
            ts_event_ns=TIME_MIN_NS,
            publisher_id=2,
            side="B",
            price_nanos=1,
            size=1,
            symbol="WARM",
        )
        decode_batch([b"WARM"], [encode(trade)], SymbolTable())
        return
    with TemporaryDirectory() as folder:
        path = write_day(make_day(trades=2_000), Path(folder))
        (archive,) = find_archives(path).archives
        values = [v for b in read_archive(archive, latest_ns=TIME_MAX_NS) for v in b.values]
        _warm_encodings(Path(folder), values)
        if app == PRODUCER:
            return
        run = Inspecting("XNYS")
        run.find([path])
        run.run(lambda _: None)
    _warm_detectors()
    WARM.parent.mkdir(parents=True, exist_ok=True)
    WARM.touch()


def _warm_detectors() -> None:
    """Judge a tape long enough to grow a forest."""
    ticks = np.round(10_000 + np.sin(np.arange(2_500)) * 50).astype(int)
    values = [
        encode(
            Trade(
                ts_recv_ns=1_751_961_600_000_000_000 + n,
                ts_event_ns=1_751_961_600_000_000_000 + n,
                publisher_id=2,
                side="B",
                price_nanos=int(tick) * 10_000_000,
                size=10,
                sequence=n + 1,
                symbol="WARM",
            )
        )
        for n, tick in enumerate(ticks)
    ]
    symbols = SymbolTable()
    batch = decode_batch([b"WARM"] * len(values), values, symbols)
    _warm_model(batch.trades)
    for profile in BUILT_IN:
        if profile == "supervised":
            continue  # there is no model; what it compiles is above
        parameters = Parameters(stride=1, profile=profile)
        detector = make_detector(parameters, symbols)
        verdicts = detector.detect(batch.trades)
        episodes = Episodes(symbols, parameters.episode_gap_s, DetectorIdentity("", ""))
        flagged = range(len(verdicts.flagged))
        why = [detector.explain(batch.trades, verdicts, nth) for nth in flagged]
        episodes.follow(batch.trades, verdicts, why, batch.positions)
        detector.restore(0, detector.snapshot(0))
    state, n = grown(ring_state(), len(symbols.names)), len(batch.trades)
    numbers = np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.uint8)
    find_duplicates(kernel_columns(batch.trades), state, *numbers)


def _warm_model(trades: TradeColumns) -> None:
    """Compute features, and walk a tree of one leaf."""
    features = Features()
    values = features.of(trades).values
    features.restore(0, features.snapshot(0))
    leaf, none = np.full(1, LEAF, np.int32), np.zeros(1, np.int32)
    number = np.zeros(1, np.float32)
    mean = np.zeros(1)
    trees = Trees(none, leaf, leaf, none, number, np.zeros(1, np.uint8), number, mean, number)
    walk_trees(trees, values, np.arange(len(values)), np.empty(len(values), np.float32))
    contributions(trees, values[0], np.zeros(COUNT + 1))


def _warm_encodings(folder: Path, values: list[bytes]) -> None:
    """Run what reads JSON lines, of which our messages are some, foreign CSV, and DBN."""
    path = folder / "a.trades.json"
    path.write_bytes(b"\n".join(values) + b"\n")
    (archive,) = find_archives(path).archives
    for _ in read_archive(archive, latest_ns=TIME_MAX_NS):
        pass
    rows = [b"ts_event;price;size;symbol"]
    rows += [b"2025-03-05 14:30:00.5+01:00;80,0%d;100,0;WARM" % n for n in range(1, 9)]
    foreign = folder / "a.csv"
    foreign.write_bytes(b"\n".join(rows) + b"\n")
    (archive,) = find_archives(foreign).archives
    for _ in read_archive(archive, latest_ns=TIME_MAX_NS):
        pass
    record = bytes([12]) + bytes(47)
    data = np.frombuffer(record + bytes(PADDING + 1), np.uint8)  # read-only, as files are read
    walk(data, 1)
    whole = np.frombuffer(record, np.uint8)
    kinds_of(whole)
    pick(whole, 0, 0, np.empty(len(whole), np.uint8), 0)
    times = np.array([2, 1], np.int64)
    in_order(times, np.empty(2, np.int64))
    keep_order(times, times, np.zeros((2, 3), np.int64))
    put_line(data, 0, np.empty(LINE_BYTES, np.uint8))
    names, text = FileNames(frozenset()), np.empty(PADDING, np.uint8)
    convert_dbn(data, 0, 0, 0, 0, TIME_MAX_NS, names.compiled, text, rows_for(1))


if __name__ == "__main__":
    warm(*sys.argv[1:2])
