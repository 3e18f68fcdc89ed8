"""Labels on a tape that passes by: the trades that `tape evaluate` finds with the day in memory."""

from pathlib import Path

import numpy as np
import pytest

from tape.archives import find_archives
from tape.archives.discovery import Archive
from tape.desk.day import Day, read_day
from tape.desk.evaluate.labels import Label, named, read_labels
from tape.desk.evaluate.matching import match
from tape.desk.train.labelling import NONE, Labelling
from tape.errors import ArchiveError
from tape.model.anomaly import anomaly_id
from tape.model.columns import TradeColumns
from tape.synthetic import inject, make_day, write_day
from tape.synthetic.files import labels_path
from tape.testing.laws import odd_trades, taken

NAMES = ("AA", "BB", "CC")


def label(trades: TradeColumns, first: int, last: int, kind: str = "burst") -> Label:
    return Label(
        symbol=NAMES[trades.symbol[first]],
        publisher_id=int(trades.publisher_id[first]),
        first_ts_event_ns=int(trades.ts_event_ns[first]),
        first_sequence=int(trades.sequence[first]),
        last_ts_event_ns=int(trades.ts_event_ns[last]),
        last_sequence=int(trades.sequence[last]),
        kind=kind,
        source=f"a.csv, line {first}",
    )


def passed(labels: list[Label], trades: TradeColumns, batch: int) -> tuple[np.ndarray, np.ndarray]:
    run = Labelling(labels)
    parts = [
        run.of(taken(trades, slice(n, n + batch)), NAMES) for n in range(0, len(trades), batch)
    ]
    run.check()
    return (
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.event for part in parts]),
    )


@pytest.mark.parametrize("batch", [1, 7, 100, 5_000])
def test_spans_are_all_of_the_symbol_from_the_first_to_the_last(batch: int) -> None:
    trades = odd_trades(4, 4_000)
    own = np.flatnonzero(trades.symbol == 0)
    other = np.flatnonzero(trades.symbol == 1)
    # Two trades that share their place end the second label, as on CME.
    end = int(own[904])
    for name in ("ts_event_ns", "sequence"):
        getattr(trades, name)[own[905]] = getattr(trades, name)[end]
    labels = [
        label(trades, int(own[300]), int(own[320])),
        label(trades, int(own[900]), end, "gap"),
        label(trades, int(other[50]), int(other[50]), "gap"),
    ]
    trades.sequence[own[300]], trades.sequence[own[320]] = 900_001, 900_002
    labels[0] = label(trades, int(own[300]), int(own[320]))
    kind, event = passed(labels, trades, batch)
    expected = np.full(len(trades), NONE)
    expected[own[300:321]] = 0
    expected[own[900:906]] = 1
    expected[other[50]] = 1
    np.testing.assert_array_equal(kind, expected)
    assert len(np.unique(event)) == 4
    assert (np.unique(event[own[300:321]]) == event[own[300]]).all()


def test_a_label_without_its_trades_is_named_with_its_line() -> None:
    trades = odd_trades(4, 500)
    right, wrong = label(trades, 10, 10), label(trades, 20, 20)
    away = taken(trades, np.arange(500) != 20)
    with pytest.raises(ArchiveError, match=r"a\.csv, line 20: these files have no trades of"):
        passed([right, wrong], away, 100)
    other = Label("ZZ", 1, 5, 5, 5, 5, "gap", "b.csv, line 2")
    with pytest.raises(ArchiveError, match=r"b\.csv, line 2: these files have no trade of ZZ"):
        passed([right, other], trades, 100)
    endless = label(trades, 10, 20)
    with pytest.raises(ArchiveError, match="line 10"):
        passed([endless], taken(trades, slice(0, 15)), 100)


def test_the_trades_of_injected_days_are_found_as_by_hand(tmp_path: Path) -> None:
    """By hand: walk over the symbol's trades from the label's first one to its last one."""
    path = write_day(
        inject(make_day(seed=3, trades=20_000, anomalies=0), seed=5, anomalies=35), tmp_path
    )
    (archive,) = find_archives(path).archives
    whole = read_day(archive, 10)
    trades, labels = whole.trades, read_labels(labels_path(path))
    expected: set[tuple[int, str]] = set()
    for one in labels:
        inside = False
        for row in np.flatnonzero(trades.symbol == whole.symbols.index(one.symbol)).tolist():
            at = (int(trades.ts_event_ns[row]), int(trades.sequence[row]))
            inside |= at == (one.first_ts_event_ns, one.first_sequence)
            if inside:
                expected.add((row, one.kind))
            if inside and at == (one.last_ts_event_ns, one.last_sequence):
                break
    run = Labelling(labels)
    found = run.of(trades, whole.symbols)
    run.check()
    told = {
        (row, run.kinds[found.kind[row]]) for row in np.flatnonzero(found.kind != NONE).tolist()
    }
    assert told == expected
    assert len(expected) > 500


def by_id(trades: TradeColumns, row: int, *, shared: bool) -> Label:
    """The label of a line with the id that a trade has as an anomaly."""
    name = anomaly_id(
        NAMES[trades.symbol[row]],
        int(trades.publisher_id[row]),
        int(trades.ts_event_ns[row]),
        int(trades.sequence[row]),
        price_nanos=int(trades.price_nanos[row]),
        size=int(trades.size[row]),
        side=chr(trades.side[row]),
        ordinal=int(trades.ordinal[row]),
        shared=shared,
    )
    return named({"anomaly_id": name}, f"a.csv, line {row}")


def alike(trades: TradeColumns, rows: list[int]) -> None:
    """Make trades that share publisher, time and sequence, as fills of one packet do."""
    for name in ("publisher_id", "ts_event_ns", "sequence", "size"):
        getattr(trades, name)[rows] = getattr(trades, name)[rows[0]]
    trades.sequence[rows] = 7_000_001
    trades.price_nanos[rows] = [100, 101, 100, 101]
    trades.side[rows] = [ord(side) for side in "BBBA"]
    trades.ordinal[rows] = [0, 0, 1, 0]


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("batch", [1, 5_000])
def test_an_id_names_one_of_the_trades_that_share_time_and_sequence(nth: int, batch: int) -> None:
    """The first has the short id: that others would share it nobody knew yet."""
    trades = odd_trades(4, 4_000)
    rows = np.flatnonzero(trades.symbol == 0)[[300, 301, 302, 303]].tolist()
    alike(trades, rows)
    label = by_id(trades, rows[nth], shared=nth > 0)
    kind, _ = passed([label], trades, batch)
    assert np.flatnonzero(kind != NONE).tolist() == [rows[nth]]
    day = Day(Archive(Path("a.csv"), None, "", 0), NAMES, trades)
    ((event,),) = match([label], [day])
    assert event.rows.tolist() == [rows[nth]]


@pytest.mark.parametrize("batch", [1, 7, 5_000])
def test_a_time_names_all_its_trades_however_the_tape_is_cut(batch: int) -> None:
    trades = odd_trades(4, 4_000)
    own = np.flatnonzero(trades.symbol == 0)
    rows = [*own[300:320].tolist(), int(own[500])]  # and one that comes late
    trades.ts_event_ns[rows] = trades.ts_event_ns[rows[0]]
    line = {"symbol": NAMES[0], "ts_event": str(trades.ts_event_ns[rows[0]])}
    kind, event = passed([named(line, "a.csv, line 2")], trades, batch)
    assert np.flatnonzero(kind != NONE).tolist() == rows
    assert set(event[rows].tolist()) == {0}
