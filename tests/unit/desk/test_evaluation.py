"""Verdicts held against labels: small cases by hand, scikit-learn for the curve's area."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tape.archives import find_archives
from tape.codec.symbols import SymbolTable
from tape.desk import past_days as judging
from tape.desk.day import Day, before, read_day
from tape.desk.evaluate.curves import (
    average_precision,
    curve,
    intervals,
    weighted_average_precision,
)
from tape.desk.evaluate.figures import by_kind
from tape.desk.evaluate.labels import read_labels
from tape.desk.evaluate.matching import Event, match
from tape.desk.evaluate.metrics import (
    Held,
    alarms_per_10k,
    held_against,
    ordinary_per_10k,
    precision,
    recall,
    together,
)
from tape.desk.past_days import judge_day, others, parameters_of, remembered
from tape.desk.scores import Scores, combined
from tape.detection.composed import taken
from tape.detection.parameters import Parameters
from tape.errors import ArchiveError
from tape.judging.judge import Judge
from tape.market.auctions import auction_prints
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.synthetic import make_day, write_day
from tape.synthetic.files import LABEL_COLUMNS

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it


def held(n: int, events: list[Event], flagged: list[int], symbol: list[int] | None = None) -> Held:
    flags = np.zeros(n, np.bool_)
    flags[flagged] = True
    names = np.array(symbol if symbol is not None else [0] * n, np.int32)
    return held_against(events, names, np.ones(n, np.bool_), flags, flags.astype(np.float64))


def test_events_alarms_and_delays_of_a_tape_judged_by_hand() -> None:
    """Of 300 trades 11 are labelled: a gap at 100–109 (found at 103) and a misprint at 200.

    Flags at 5, 7 (block 0), 103, 119 (block 3, the gap's), 125 (block 4, behind the gap) and 290
    (block 9): four alarms, one true, one of the false ones in an event's aftermath.
    """
    events = [Event("gap", np.arange(100, 110)), Event("small misprint", np.array([200]))]
    one = held(300, events, [5, 7, 103, 119, 125, 290])
    assert one.delay.tolist() == [3, -1]
    assert recall(one) == 0.5
    assert (one.true_alarms.tolist(), one.false_alarms, one.aftermath) == ([1, 0], 3, 1)
    assert precision(one) == 0.25
    assert alarms_per_10k(one) == pytest.approx(10_000 * 3 / 289)
    kinds = by_kind(one)
    names = ("events", "found", "median_delay_trades")
    assert {kind: tuple(of[name] for name in names) for kind, of in kinds.items()} == {
        "gap": (1, 1, 3.0),
        "small misprint": (1, 0, None),
    }
    # 289 ordinary trades, of which 60 + 60 lie behind an event; 5, 7 and 290 are left flagged.
    assert ordinary_per_10k(one, 1.0) == pytest.approx(10_000 * 3 / 169)


def test_blocks_are_of_one_symbol_each() -> None:
    symbol = [0, 1] * 30  # thirty trades of each, interleaved
    one = held(60, [], [0, 1, 58, 59], symbol)
    assert one.false_alarms == 2
    assert held(60, [], [0, 1, 58, 59]).false_alarms == 2
    assert held(61, [], [0, 60]).false_alarms == 2
    assert held(60, [], [58, 59], [0] * 59 + [1]).false_alarms == 2


def test_a_repeated_trade_counts_for_nothing() -> None:
    counted = np.ones(40, np.bool_)
    counted[10:20] = False
    flagged = np.zeros(40, np.bool_)
    flagged[[15, 39]] = True
    events = [Event("burst", np.arange(8, 22))]
    zero = np.zeros(40)
    one = held_against(events, np.zeros(40, np.int32), counted, flagged, zero)
    assert len(one.event) == 30
    assert (one.delay.tolist(), one.false_alarms) == ([-1], 0)  # 39 shares the event's block
    assert one.true_alarms.tolist() == [1]


def test_days_together_are_their_sums() -> None:
    first = held(100, [Event("gap", np.arange(10, 20))], [12])
    second = held(100, [Event("burst", np.arange(50, 60))], [99])
    both = together([first, second])
    assert both.kinds == ("gap", "burst")
    assert both.delay.tolist() == [2, -1]
    assert set(both.event.tolist()) == {-1, 0, 1}
    assert recall(both) == 0.5
    assert precision(both) == 0.5


def test_without_alarms_or_events_there_are_zeros_and_no_error() -> None:
    one = held(50, [], [])
    assert (recall(one), precision(one), alarms_per_10k(one)) == (0, 0, 0)
    assert average_precision(curve(one)) == 0
    assert intervals(one, curve(one), draws=10, seed=1) == {}


def scored(seed: int, decimals: int) -> Held:
    """Random scores, with ties, of 600 trades of which a tenth belong to five events."""
    random = np.random.default_rng(seed)
    event = np.where(random.random(600) < 0.1, random.integers(0, 5, 600), -1)
    score = np.round(random.normal(size=600) + (event >= 0), decimals)
    nothing = np.zeros(5, np.int64)
    flags = score > 2
    return Held(event, event < -1, flags, score, score, ("gap",) * 5, nothing, nothing, 0, 0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_the_area_is_scikit_learns(seed: int, decimals: int) -> None:
    one = scored(seed, decimals)
    expected = average_precision_score(one.event >= 0, one.score)
    assert average_precision(curve(one)) == pytest.approx(expected, abs=1e-12)
    times = np.random.default_rng(seed).multinomial(5, [0.2] * 5, 4).astype(np.float64)
    areas = weighted_average_precision(curve(one), times)
    for row, area in zip(times, areas, strict=True):
        weight = np.where(one.event >= 0, row[one.event], 1.0)
        expected = average_precision_score(one.event >= 0, one.score, sample_weight=weight)
        assert area == pytest.approx(expected, abs=1e-12)


def test_an_interval_holds_the_value_and_is_the_same_by_seed() -> None:
    events = [Event("gap", np.array([40 * n])) for n in range(100)]
    one = held(4_000, events, [40 * n for n in range(70)])
    found = intervals(one, curve(one), draws=400, seed=3)
    assert found == intervals(one, curve(one), draws=400, seed=3)
    assert found != intervals(one, curve(one), draws=400, seed=4)
    low, high = found["recall"]
    # Binomial: a standard error of sqrt(.7 × .3 / 100) = .046 to both sides, twice.
    assert low == pytest.approx(0.61, abs=0.03)
    assert high == pytest.approx(0.79, abs=0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labelled days and a short one."""
    folder = tmp_path_factory.mktemp("days")
    for seed, trades in ((1, 30_000), (2, 30_000), (3, 10)):
        made = make_day(seed, ["AAA", "BBB"], trades, anomalies=21)
        write_day(made, folder, f"day{seed}")
    return folder


def day(folder: Path, nth: int) -> Day:
    (archive,) = find_archives(folder / f"day{nth}.trades.csv.zst").archives
    return read_day(archive, 100)


def test_labels_find_their_own_trades(folder: Path) -> None:
    made = make_day(1, ["AAA", "BBB"], 30_000, anomalies=21)
    (events,) = match(read_labels(folder / "day1.labels.csv"), [day(folder, 1)])
    assert len(events) == len(made.labels) == 21
    for event, label in zip(events, sorted(made.labels, key=lambda one: one.row), strict=True):
        assert (event.kind, event.rows[0], event.rows[-1]) == (
            label.kind,
            label.row,
            label.last_row,
        )
        assert (made.symbol[event.rows] == made.symbol[label.row]).all()


LINE = "AAA,2,2025-03-03T14:30:00.000000001Z,5,2025-03-03T14:30:00.000000001Z,5,gap,0.01"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (LINE, "with the times and sequences of this label"),
        (LINE.replace("AAA", "ZZZ"), "has no trade of ZZZ"),
        (LINE.replace("AAA", "a\x7fb"), "'a\\x7fb' is not a symbol"),
        (LINE.replace("2025-03-03", "2025-03-04"), "the label is of 2025-03-04, and day1.trades"),
        (LINE.replace("gap", "g" * 101), "`kind` has 101 characters"),
        (LINE.replace(",2,2", ",x,2"), "`publisher_id` is not a whole number"),
        (LINE.replace(",5,", ",-5,"), "`first_sequence` is negative"),
        (LINE.replace("T14", "x14"), "`first_ts_event` is not YYYY-MM-DDTHH"),
        ("AAA,2", "`first_ts_event` is not YYYY-MM-DDTHH"),
        (LINE.replace("2025-03-03T14:30:00.000000001Z", "9" * 30), "has 30 digits"),
    ],
)
def test_a_wrong_label_is_told_with_file_and_line(
    line: str, told: str, folder: Path, tmp_path: Path
) -> None:
    good = (folder / "day1.labels.csv").read_text().splitlines()
    path = tmp_path / "own.labels.csv"
    path.write_text("\n".join([*good[:3], line, *good[3:]]) + "\n")
    with pytest.raises(ArchiveError) as error:
        match(read_labels(path), [day(folder, 1)])
    assert f"{path}, line 4: " in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "symbol is missing"),
        (b"a,b\n1,2\n", "symbol is missing"),
        (",".join(LABEL_COLUMNS).encode() + b"\n", "holds no label"),
        (b"\xff\xfe\x00", "is UTF-16; a label file is plain CSV"),
    ],
)
def test_a_file_without_labels_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "own.labels.csv"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=told):
        read_labels(path)


def test_times_of_labels_may_be_nanoseconds(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.labels.csv"
    one = day(folder, 1)
    ts, sequence = int(one.trades.ts_event_ns[50]), int(one.trades.sequence[50])
    symbol = one.symbols[one.trades.symbol[50]]
    header = ",".join(LABEL_COLUMNS[:-1])  # no magnitude: nobody needs to know it
    path.write_text(f"{header}\n{symbol},2,{ts},{sequence},{ts},{sequence},gap\n")
    assert match(read_labels(path), [one])[0][0].rows.tolist() == [50]


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def at(folder: Path, *times: str) -> Day:
    """A day with trades at these times, UTC."""
    one = day(folder, 3)
    columns = [getattr(one.trades, name)[: len(times)].copy() for name in TradeColumns.__slots__]
    return replace(
        one, trades=replace(TradeColumns(*columns), ts_event_ns=np.array(list(map(ns, times))))
    )


def test_calibration_days_come_before_at_the_same_time_in_new_york(folder: Path) -> None:
    judged = at(folder, "2024-11-29T14:30:00")
    summer = at(folder, "2025-07-03T13:30:00", "2025-07-03T17:00:00")  # 09:30 and 13:00
    earlier = at(folder, "2024-11-27T14:30:00")
    moved = before([summer, earlier], judged)
    # 3 July is a Thursday; so is 28 November, the last one before the judged day.
    assert [one.trades.ts_event_ns.tolist() for one in moved] == [
        [ns("2024-11-27T14:30:00")],
        [ns("2024-11-28T14:30:00"), ns("2024-11-28T18:00:00")],
    ]


def test_auction_prints_are_told_by_clock_size_and_side(folder: Path) -> None:
    made = make_day(1, ["AAA", "BBB"], 30_000, anomalies=21)  # a print a symbol after each bell
    opening = np.flatnonzero(made.size >= 600_000)[:2]  # those at the close are minutes late
    assert auction_prints(day(folder, 1).trades).tolist() == opening.tolist()
    half = at(folder, "2024-11-29T14:30:01", "2024-11-29T18:00:01", "2024-11-29T18:00:20")
    half.trades.size[:], half.trades.side[:] = 1_000_000, ord("N")
    assert auction_prints(half.trades).tolist() == [0, 1]  # the last one is late
    whole = at(folder, "2025-05-05T17:00:00", "2025-05-05T20:00:00")  # 13:00 is no bell that day
    whole.trades.size[:], whole.trades.side[:] = 1_000_000, ord("N")
    whole.trades.symbol[:] = 0
    assert auction_prints(whole.trades).tolist() == [1]
    whole.trades.size[1] = 49_999
    assert auction_prints(whole.trades).tolist() == [0]


def test_a_day_never_calibrates_itself(folder: Path, tmp_path: Path) -> None:
    made = make_day(1, ["AAA", "BBB"], 30_000, anomalies=21)
    cheaper = replace(made, price_nanos=made.price_nanos - 10**7)  # as if anomalies were put in
    (archive,) = find_archives(write_day(cheaper, tmp_path, "copy")).archives
    copy = read_day(archive, 100)
    past = others(day(folder, 1), [day(folder, 1), copy, day(folder, 2)])
    assert [one.name for one in past] == ["day2.trades.csv.zst"]


@pytest.mark.parametrize(
    "profile", ["classic", pytest.param("classic-window", marks=pytest.mark.full)]
)
def test_what_the_classic_rules_forget_may_be_left_out(
    profile: Literal["classic", "classic-window"], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Parameters(window=100, stride=5, history=60, refit_every=1_000, trees=10)
    parameters = parameters_of(profile, small)
    judged = day(folder, 2)
    judged = replace(judged, trades=taken(judged.trades, np.arange(4_000)))
    (past,) = others(judged, [day(folder, 1)])
    past = replace(past, trades=taken(past.trades, np.arange(12_000)))
    assert len(remembered(past, parameters)) < 6_000
    short = judge_day(judged, [past], parameters, 100)
    monkeypatch.setattr(judging, "remembered", lambda one, _: np.arange(len(one.trades)))
    whole = judge_day(judged, [past], parameters, 100)
    assert np.array_equal(short.flagged, whole.flagged)
    assert np.array_equal(short.score, whole.score)
    cold = judge_day(judged, [], parameters, 100)
    assert not np.array_equal(cold.flagged, whole.flagged)


def test_a_trade_that_a_rule_flags_scores_above_all_others(folder: Path) -> None:
    small = Parameters(window=100, stride=5, history=60, refit_every=200, trees=10)
    verdict = judge_day(day(folder, 1), [], small, 100)
    assert 0 < verdict.flagged.sum() < 10_000
    assert verdict.score[verdict.flagged].min() >= 1
    assert verdict.score[~verdict.flagged].max() <= 1


def test_a_score_of_the_classic_rules_worked_by_hand(folder: Path) -> None:
    """Sizes over 20,000; moves over 1 %: from 100 to 100.5, by half of it; a repeated trade."""
    table, judge = SymbolTable(), Judge(Parameters(), 10, Counts())
    judge.symbols, judge.detector.symbols = table, table  # type: ignore[attr-defined]
    table.number("AAA")
    table.number("BBB")
    trades = TradeColumns(
        symbol=np.array([0, 1, 0, 1, 1], np.int32),
        publisher_id=np.full(5, 2, np.int32),
        ts_event_ns=np.array([1, 2, 3, 4, 4]) + 1_751_990_400 * 10**9,
        price_nanos=np.array([100_000, 50_000, 100_500, 50_000, 50_000]) * 10**6,
        size=np.array([1_000, 40_000, 200, 2_000, 2_000]),
        side=np.full(5, 65, np.uint8),
        sequence=np.array([1, 2, 3, 4, 4]),
        ordinal=np.zeros(5, np.int32),
    )
    scores = combined(Scores(judge).of(trades, judge.detector.detect(trades)))
    assert scores.tolist() == pytest.approx([0.05, 2.0, 0.5, 0.1, -1.0])
