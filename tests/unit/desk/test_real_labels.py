"""Labels that a person writes: any kind, with or without sequence; events by a slow oracle."""

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import zstandard
from sklearn.metrics import average_precision_score

from benchmarks.real_labels import labelled_day
from tape.archives import find_archives
from tape.desk.day import Day, read_day
from tape.desk.evaluate.baselines import BASELINES, NINE, RETURN, RULES, baseline
from tape.desk.evaluate.curves import average_precision, curve, event_curve
from tape.desk.evaluate.evaluate import evaluate
from tape.desk.evaluate.figures import figures
from tape.desk.evaluate.labels import labels_beside, read_labels
from tape.desk.evaluate.matching import Event, judged_rows, match
from tape.desk.evaluate.metrics import Held, held_against, recall_within
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.errors import ArchiveError
from tape.model.anomaly import anomaly_id
from tape.model.fields import iso_time
from tape.synthetic import inject, make_day, write_day

NANOS = 10**9


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    made = make_day(4, ["AAA", "BBB"], 20_000, anomalies=0)
    path = write_day(made, tmp_path_factory.mktemp("days"), "plain")
    return read_day(find_archives(path).archives[0], 10)


def write(path: Path, header: str, lines: list[str]) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def line(day: Day, row: int, *more: object) -> str:
    trades = day.trades
    symbol = day.symbols[trades.symbol[row]]
    time = iso_time(int(trades.ts_event_ns[row]))
    return ",".join(map(str, [symbol, trades.publisher_id[row], time, *more]))


def test_trades_are_labelled_without_a_kind_and_with_columns_of_ones_own(
    day: Day, tmp_path: Path
) -> None:
    rows = [5_000, 9_000, 15_000]
    lines = [line(day, row, day.trades.sequence[row], "20.45,D") for row in rows]
    header = "symbol,publisher_id,ts_event,sequence,excess_bp,venue"
    (events,) = match(read_labels(write(tmp_path / "l.csv", header, lines)), [day])
    assert [event.rows.tolist() for event in events] == [[row] for row in rows]
    assert {(event.kind, event.family) for event in events} == {("labelled", "price")}


def test_a_label_without_a_sequence_names_all_trades_of_its_time(day: Day, tmp_path: Path) -> None:
    ts, symbol = day.trades.ts_event_ns, day.trades.symbol
    same = np.flatnonzero((np.diff(ts) == 0) & (np.diff(symbol) == 0))
    first = int(same[0])
    expected = np.flatnonzero((ts == ts[first]) & (symbol == symbol[first])).tolist()
    notes: list[str] = []
    alone = write(
        tmp_path / "l.csv", "symbol,ts_event", [f"{day.symbols[symbol[first]]},{ts[first]}"]
    )
    (events,) = match(read_labels(alone), [day], notes)
    assert [event.rows.tolist() for event in events] == [expected]
    assert len(expected) > 1
    assert notes[0].startswith("1 of 1 labels name a time at which their symbol has several trades")
    sequence = day.trades.sequence[first]
    exact = write(
        tmp_path / "e.csv", "symbol,publisher_id,ts_event,sequence", [line(day, first, sequence)]
    )
    (events,) = match(read_labels(exact), [day])
    assert first in events[0].rows.tolist()
    assert (day.trades.sequence[events[0].rows] == sequence).all()


def test_the_id_of_an_anomaly_is_a_label(day: Day, tmp_path: Path) -> None:
    trades, row = day.trades, 7_000
    found = anomaly_id(
        day.symbols[trades.symbol[row]],
        int(trades.publisher_id[row]),
        int(trades.ts_event_ns[row]),
        int(trades.sequence[row]),
        price_nanos=int(trades.price_nanos[row]),
        size=int(trades.size[row]),
        side=chr(trades.side[row]),
        shared=True,
    )
    path = write(tmp_path / "l.csv", "anomaly_id,kind", [f"{found},block trade"])
    (events,) = match(read_labels(path), [day])
    assert row in events[0].rows.tolist()
    assert (events[0].kind, events[0].family) == ("block trade", "size")
    with pytest.raises(ArchiveError, match="line 2: 'what' is not the id of an anomaly"):
        read_labels(write(tmp_path / "l.csv", "anomaly_id,kind", ["what,gap"]))


@pytest.mark.parametrize("pack", [zstandard.compress, gzip.compress])
def test_a_packed_label_file_is_refused_by_what_it_is(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "l.csv.zst"
    path.write_bytes(pack(b"symbol,ts_event\nAAA,1381240127517000000\n"))
    with pytest.raises(ArchiveError, match=r"l\.csv\.zst is compressed.*name it in --labels"):
        read_labels(path)


@pytest.mark.parametrize(
    ("kind", "family", "expected"),
    [
        ("fat_finger", "", "price"),
        ("Volume Spike", "", "size"),
        ("layering", "", "feed"),
        ("wash trade", "", "price"),
        ("wash trade", "size", "size"),
    ],
)
def test_any_kind_has_a_family(
    kind: str, family: str, expected: str, day: Day, tmp_path: Path
) -> None:
    lines = [line(day, 5_000, kind, family)]
    (label,) = read_labels(
        write(tmp_path / "l.csv", "symbol,publisher_id,ts_event,kind,family", lines)
    )
    assert (label.kind, label.family) == (kind, expected)


def test_a_family_that_there_is_not_is_named_with_its_line(day: Day, tmp_path: Path) -> None:
    path = write(
        tmp_path / "l.csv",
        "symbol,publisher_id,ts_event,kind,family",
        [line(day, 5_000, "gap", "spread")],
    )
    with pytest.raises(ArchiveError, match="line 2: 'spread' is not a family; choose from price"):
        read_labels(path)


@dataclass
class _Slow:
    """Events as they are defined, by loops over all pairs of neighbours."""

    symbol: list[int]
    ts_ns: list[int]
    labelled: list[bool]

    def events(self) -> list[list[int]]:
        found: list[list[int]] = []
        for one in sorted(set(self.symbol)):
            rows = [row for row, other in enumerate(self.symbol) if other == one]
            last = None
            for place, row in enumerate(rows):
                if not self.labelled[row]:
                    continue
                if last is not None and (
                    place - last <= 60 or self.ts_ns[row] - self.ts_ns[rows[last]] <= 2 * NANOS
                ):
                    found[-1].append(row)
                else:
                    found.append([row])
                last = place
        return found

    def average_precision(self, score: list[float]) -> float:
        """Average precision by scikit-learn, an event being one item with its best score."""
        events = self.events()
        best = [max(score[row] for row in event) for event in events]
        rest = [
            one for one, is_labelled in zip(score, self.labelled, strict=True) if not is_labelled
        ]
        truth = [1] * len(best) + [0] * len(rest)
        return float(average_precision_score(truth, best + rest))


@pytest.mark.parametrize("seed", range(6))
def test_events_and_their_area_are_those_of_the_definition(
    seed: int, day: Day, tmp_path: Path
) -> None:
    random = np.random.default_rng(seed)
    near = random.integers(0, len(day.trades) - 400, 12)
    rows = np.unique(np.concatenate([near, near + random.integers(1, 400, 12)]))
    lines = [line(day, row, day.trades.sequence[row]) for row in random.permutation(rows)]
    path = write(tmp_path / "l.csv", "symbol,publisher_id,ts_event,sequence", lines)
    (events,) = match(read_labels(path), [day])
    labelled = np.zeros(len(day.trades), bool)
    labelled[np.concatenate([event.rows for event in events])] = True
    slow = _Slow(day.trades.symbol.tolist(), day.trades.ts_event_ns.tolist(), labelled.tolist())
    assert sorted(event.rows.tolist() for event in events) == sorted(slow.events())
    assert len(events) < len(lines)
    score = np.round(random.normal(size=len(labelled)) + 2 * labelled, seed % 3)
    held = of(day, events, score)
    assert average_precision(event_curve(held)) == pytest.approx(
        slow.average_precision(score.tolist()), abs=1e-12
    )
    assert average_precision(curve(held)) == pytest.approx(
        average_precision_score(labelled, score), abs=1e-12
    )


def of(
    day: Day, events: list[Event], score: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> Held:
    every = np.ones(len(score), np.bool_)
    flagged, ts_ns = score > 2.5, day.trades.ts_event_ns
    return held_against(events, day.trades.symbol, every, flagged, score, ts_event_ns=ts_ns)


def test_families_and_kinds_are_held_against_their_own_events_only() -> None:
    """Eight trades; two events. Ranked: the size's, an ordinary one, the price's, the rest."""
    score = np.array([9.0, 1.0, 8.0, 7.0, 2.0, 2.0, 2.0, 2.0])
    events = [Event("block", np.array([0]), "size"), Event("misprint", np.array([3, 4]), "price")]
    flagged = score > 7.5
    families = np.array([2, 0, 1, 0, 0, 0, 0, 0], np.uint8)  # by size, and by price
    every = np.ones(8, np.bool_)
    held = held_against(
        events, np.zeros(8, np.int32), every, flagged, score, ts_event_ns=None, families=families
    )
    found = figures(held)
    by_family = found["by_family"]
    assert by_family["size"]["pr_auc"] == by_family["size"]["recall"] == 1.0
    # Of the price's trades the first ranks behind one ordinary trade: 1/2. The second shares its
    # score with three: 2 of 6. The size's trade, above both, is skipped.
    assert by_family["price"]["pr_auc"] == pytest.approx((1 / 2 + 2 / 6) / 2, abs=1e-6)
    assert by_family["price"]["event_pr_auc"] == 0.5
    assert by_family["price"]["recall"] == 0.0
    assert set(by_family) == {"size", "price"}
    assert found["by_kind"]["misprint"]["pr_auc"] == by_family["price"]["pr_auc"]
    assert found["false_alarms_by_family"] == {"price": 0, "size": 0, "feed": 0}  # one block


def test_each_family_has_the_false_alarms_of_its_own_flags() -> None:
    symbol = np.zeros(90, np.int32)
    flagged, families = np.zeros(90, np.bool_), np.zeros(90, np.uint8)
    for row, bits in ((0, 1), (31, 3), (61, 4), (62, 4)):
        flagged[row], families[row] = True, bits
    every = np.ones(90, np.bool_)
    events = [Event("block", np.array([89]), "size")]
    held = held_against(events, symbol, every, flagged, flagged * 1.0, families=families)
    found = figures(held)
    assert found["false_alarms_by_family"] == {"price": 2, "size": 1, "feed": 0}
    assert found["by_family"]["size"]["alarms_per_10k"] == pytest.approx(10_000 / 89, abs=1e-4)


def test_events_are_found_within_trades_and_seconds_of_their_first() -> None:
    """One event of every third trade, 0.4 s apart; its second labelled trade is flagged."""
    events = [Event("slow", np.array([0, 3, 6]))]
    flagged = np.arange(10) == 3
    times_ns = np.arange(10) * 4 * NANOS // 10
    every = np.ones(10, np.bool_)
    held = held_against(
        events, np.zeros(10, np.int32), every, flagged, flagged * 1.0, ts_event_ns=times_ns
    )
    assert recall_within(held) == {
        "trades": {"1": 0.0, "5": 1.0, "25": 1.0},
        "seconds": {"1": 0.0, "5": 1.0, "25": 1.0},
    }


def test_only_trades_with_a_quote_are_judged(day: Day, tmp_path: Path) -> None:
    header = "symbol,publisher_id,ts_event,sequence,bid,ask"
    rows = range(0, 2_000)
    lines = [
        line(day, row, day.trades.sequence[row], *(("0", "0.0") if row % 4 else ("1.5", "1.6")))
        for row in rows
    ]
    notes: list[str] = []
    lines.append(line(day, 5, 4_000_000_000, 1, 2))
    (judged,) = judged_rows([write(tmp_path / "q.csv", header, lines)], [day], notes)
    assert set(np.flatnonzero(judged).tolist()) >= {*range(0, 2_000, 4)}
    assert judged.sum() < 520  # equal time and sequence share a line
    assert notes == ["--judged: 1 of 501 lines name no trade of these days"]
    with pytest.raises(ArchiveError, match="--judged names no trade of plain"):
        judged_rows([write(tmp_path / "q.csv", header, lines[-1:])], [day], notes)


@pytest.mark.parametrize(
    ("columns", "sides", "is_judged"),
    [
        ("bid,ask", "0,0", False),
        ("bid,ask", ",", False),
        ("bid,ask", "0,10.5", True),
        ("bid_px_00,ask_px_00", "9223372036.854775807,9223372036854775807", False),
        ("bid_px_00,ask_px_00", "10.490000000,10.500000000", True),
        ("note", "0", True),
    ],
)
def test_a_quote_is_there_or_not(
    columns: str, sides: str, is_judged: bool, day: Day, tmp_path: Path
) -> None:
    lines = [line(day, 100, "1.5," * (columns.count(",")) + "1.5"), line(day, 5_000, sides)]
    path = write(tmp_path / "q.csv", f"symbol,publisher_id,ts_event,{columns}", lines)
    (judged,) = judged_rows([path], [day], [])
    assert judged[100]
    assert judged[5_000] == is_judged


def test_labels_lie_beside_the_day_that_inject_wrote(tmp_path: Path) -> None:
    made = make_day(4, ["AAA"], 3_000, anomalies=0)
    assert labels_beside(write_day(made, tmp_path, "plain")) is None  # it has none to tell
    path = write_day(inject(made, seed=1, anomalies=7), tmp_path, "labelled")
    assert labels_beside(path) == tmp_path / "labelled.labels.csv"
    assert labels_beside(tmp_path / "other.csv") is None


def test_the_baselines_are_what_their_names_say(day: Day) -> None:
    """Each is computed again in the plainest way, trade by trade, for the first symbol."""
    every = np.ones(len(day.trades), np.bool_)
    limits = SymbolThresholds(volume_threshold=300, change_threshold=0.002)
    parameters = Parameters(overrides={day.symbols[0]: limits})
    verdicts = {name: baseline(name, day, [day], every, parameters) for name in BASELINES}
    rows = np.flatnonzero(day.trades.symbol == 0)
    price, size = day.trades.price_nanos[rows].tolist(), day.trades.size[rows].tolist()
    for n in range(20, 400):
        moved = abs(price[n] - price[n - 1]) / price[n - 1]
        median = sorted(price[n - 9 : n])[4]
        expected = {
            RETURN: moved,
            NINE: abs(price[n] - median) / median,
            RULES: max(size[n] / 300, moved / 0.002),
        }
        for name, value in expected.items():
            assert verdicts[name].score[rows[n]] == pytest.approx(value, abs=1e-12)
        assert verdicts[RULES].flagged[rows[n]] == (size[n] > 300 or moved > 0.002)


def test_a_baseline_has_as_many_alarms_as_the_budget_on_the_days_it_is_tuned_on(day: Day) -> None:
    every = np.ones(len(day.trades), np.bool_)
    for name in (RETURN, NINE):
        verdict = baseline(name, day, [day], every, Parameters(alerts_per_10k=5))
        alarms = 0
        for one in (0, 1):
            places = np.flatnonzero(verdict.flagged[day.trades.symbol == one])
            alarms += len({place // 30 for place in places.tolist()})
        assert 5 <= alarms <= 5 * len(day.trades) // 10_000


NBBO = Path(__file__).resolve().parents[4] / "shared/data/nbbo"


@pytest.mark.skipif(not NBBO.is_dir(), reason="../shared/data/nbbo is not here")
@pytest.mark.parametrize(("least", "trades"), [(10, 23), (20, 9), (50, 1)])
def test_the_labels_of_a_real_day_are_found(least: int, trades: int) -> None:
    (archive,) = find_archives(NBBO / "nbbo-20131008.trades.csv.zst").archives
    whole = read_day(archive, 10)
    path = NBBO / f"labels-{least}bp.csv"
    (events,) = match(read_labels(path), [whole])
    rows = np.concatenate([event.rows for event in events])
    assert len(rows) == trades
    named = {
        (one["symbol"], int(one["publisher_id"]), int(one["sequence"]))
        for one in csv.DictReader(path.read_text().splitlines())
    }
    columns = whole.trades
    assert named == {
        (
            whole.symbols[columns.symbol[row]],
            int(columns.publisher_id[row]),
            int(columns.sequence[row]),
        )
        for row in rows.tolist()
    }
    assert {event.kind for event in events} == {"labelled"}


@pytest.mark.skipif(not NBBO.is_dir(), reason="../shared/data/nbbo is not here")
@pytest.mark.parametrize("least", [10, 20])
def test_figures_of_the_real_day_are_those_of_the_definitions(least: int) -> None:
    """By scikit-learn and by loops, on trades with a quote; and they are as good as they were."""
    labelled = labelled_day(NBBO)
    task = labelled.task(least)
    result = evaluate(
        [task], "calibrated", Parameters(), 10, learn=lambda _, own: own, draws=0, seed=1
    )
    (verdict,) = result.verdicts
    truth = np.zeros(len(verdict.score), bool)
    truth[np.concatenate([event.rows for event in task.events])] = True
    quoted = labelled.quoted
    expected = average_precision_score(truth[quoted], verdict.score[quoted])
    assert result.figures["pr_auc"] == pytest.approx(expected, abs=1e-6)
    assert result.figures["by_family"]["price"]["pr_auc"] == result.figures["pr_auc"]
    trades = labelled.day.trades
    slow = _Slow(
        trades.symbol[quoted].tolist(), trades.ts_event_ns[quoted].tolist(), truth[quoted].tolist()
    )
    by_event = slow.average_precision(verdict.score[quoted].tolist())
    assert result.figures["event_pr_auc"] == pytest.approx(by_event, abs=1e-6)
    assert result.figures["pr_auc"] > 0.85
    assert result.figures["event_pr_auc"] > 0.9
    found = {
        number for number, event in enumerate(task.events) if verdict.flagged[event.rows].any()
    }
    assert result.figures["found"] == len(found)
