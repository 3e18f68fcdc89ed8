"""Ordinals: equal trades of one file are told apart, however the file is read."""

import json
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from databento_dbn import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.archives import find_archives, read_archive
from tape.archives.ordinals_kernel import REMEMBERED
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS, iso_time
from tape.model.trade import Trade, decode, encode
from tests.vendor import as_dbn, transcoded

NOON_NS = 1_746_450_000_000_000_000
HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)


def trade(symbol: str, at: int, publisher: int, size: int, sequence: int) -> Trade:
    return Trade(
        ts_recv_ns=NOON_NS,
        ts_event_ns=NOON_NS + at,
        publisher_id=publisher,
        instrument_id=ord(symbol[0]),
        side="B",
        price_nanos=-5 * 10**8,
        size=size,
        sequence=sequence,
        symbol=symbol,
    )


few = st.integers(0, 2)
draws = st.lists(
    st.builds(trade, st.sampled_from(["A", "B" * 20]), few, st.sampled_from([1, 2, 9]), few, few)
    .filter(lambda one: one.size > 0)
    .flatmap(lambda one: st.integers(1, 4).map(lambda times: [one] * times)),
    max_size=40,
).map(lambda runs: [one for run in runs for one in run])


def numbered(trades: list[Trade]) -> list[bytes]:
    """The messages by the words of the documentation, without a line of the compiled code."""
    last: dict[str, deque[tuple[bytes, int]]] = {}
    values = []
    for one in trades:
        ring = last.setdefault(one.symbol, deque(maxlen=REMEMBERED))
        own = encode(one)
        equal = [ordinal for raw, ordinal in ring if raw == own]
        ordinal = equal[-1] + 1 if equal else 0
        ring.append((own, ordinal))
        more = b',"ordinal":%d}' % ordinal if ordinal else b"}"
        values.append(own[:-1] + more)
    return values


def csv_row(one: Trade, form: int) -> str:
    """A row of CSV; not all forms of times are read by compiled code."""
    recv, at = iso_time(one.ts_recv_ns), iso_time(one.ts_event_ns)
    if form:
        at = at.replace("T", " ").replace("Z", "+00:00")
    return (
        f"{recv},{at},0,{one.publisher_id},{one.instrument_id},T,{one.side},0,-0.5,{one.size},0,0,"
        f"{one.sequence},{one.symbol}"
    )


def read(path: Path, skip_rows: int = 0) -> list[bytes]:
    (archive,) = find_archives(path).archives
    batches = read_archive(archive, latest_ns=TIME_MAX_NS, skip_rows=skip_rows)
    return [value for batch in batches for value in batch.values]


def written(folder: Path, trades: list[Trade]) -> list[Path]:
    """The same trades in all encodings."""
    raw = as_dbn([encode(one) for one in trades])
    parts = {
        "a.csv": "\n".join([HEADER, *(csv_row(one, 0) for one in trades)]).encode() + b"\n",
        "b.dbn": raw,
        "c.json": transcoded(raw, Encoding.JSON),
        "d.csv": transcoded(raw, Encoding.CSV, pretty_ts=False, pretty_px=False),
    }
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in parts]


@settings(deadline=None, max_examples=40)
@given(draws.filter(bool), st.data())
def test_every_encoding_numbers_equal_trades_alike(
    trades: list[Trade], data: st.DataObject
) -> None:
    expected = numbered(trades)
    skip = data.draw(st.integers(0, len(trades)), "rows behind")
    with TemporaryDirectory() as folder:
        for path in written(Path(folder), trades):
            assert read(path) == expected, path.name
            assert read(path, skip) == expected[skip:], path.name


def test_rows_that_are_read_literally_count_like_the_others(tmp_path: Path) -> None:
    one = trade("A", 1, 2, 5, 7)
    rows = [csv_row(one, n % 2) for n in range(40)]
    rows[3:3] = ["nonsense"] * 2
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    expected = numbered([one] * 40)
    assert read(tmp_path / "a.csv") == expected
    for skip in (1, 4, 5, 20):
        assert read(tmp_path / "a.csv", skip) == expected[skip - min(max(skip - 3, 0), 2) :]


def test_the_memory_is_as_long_as_the_detectors(tmp_path: Path) -> None:
    """An equal trade 1,024 trades of its symbol later is told apart, whatever is in between."""
    first = trade("A", 5, 2, 1, 1)
    others = [trade("A", 6 + n, 2, 1, 2) for n in range(REMEMBERED - 1)]
    noise = [trade("B" * 20, 6 + n, 2, 1, 2) for n in range(5_000)]
    tape = [first, *noise, *others, first, first, *others, *others, first]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, *(csv_row(one, 0) for one in tape)]) + "\n")
    values = read(path)
    assert values == numbered(tape)
    trades = [decode(value) for value, one in zip(values, tape, strict=True) if one is first]
    ordinals = [trade.ordinal for trade in trades if isinstance(trade, Trade)]
    assert ordinals == [0, 1, 2, 0]


@settings(deadline=None, max_examples=20)
@given(draws.filter(bool))
def test_no_two_trades_of_a_file_are_duplicates_or_share_an_id(trades: list[Trade]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        lines = [HEADER, *(csv_row(one, 0) for one in trades)]
        path.write_text("\n".join(lines) + "\n")
        (archive,) = find_archives(path).archives
        counts = Counts()
        judge = Judge(Parameters(volume_threshold=1), 10, counts)
        ids = []
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS):
            judged = judge.judge(batch.keys, batch.values)
            ids += [json.loads(one.value)["anomaly_id"] for one in judged.flagged]
    assert (counts.trades, counts.duplicate) == (len(trades), 0)
    assert len(set(ids)) == len(ids)
    assert len(ids) >= sum(one.size > 1 for one in trades)


@pytest.mark.parametrize("symbols", [1, 400])
def test_many_symbols_and_a_stuck_clock_are_numbered(tmp_path: Path, symbols: int) -> None:
    """3,000 equal trades in a row of one symbol, or of many that take turns."""
    names = [f"S{n}" for n in range(symbols)]
    tape = [trade(names[n % symbols], 1, 2, 1, 1) for n in range(3_000)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, *(csv_row(one, 0) for one in tape)]) + "\n")
    found = [decode(value) for value in read(path)]
    assert [one.ordinal for one in found] == [n // symbols for n in range(3_000)]  # type: ignore[union-attr]
