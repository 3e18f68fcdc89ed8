"""Bars and reviews in the stores that take them: each once, and the newest of each."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tape.detection.parameters import Parameters
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.ops.local_postgres import LocalPostgres
from tape.settings.load import load
from tape.settings.sink import SinkSettings
from tape.sinks.postgres.history import Range, history, make_bars
from tape.sinks.postgres.store import PostgresStore
from tape.sinks.sink import Item, Store
from tape.testing import a_message
from tests.stores import APPENDED_MS, Bench, admin, as_item, files_bench, postgres_bench, put

SECOND = "2025-05-05T13:30:{:02}Z"
WIDTHS = "open, high, low, close, volume, trades, flagged, lower, upper"
NEWEST_IN_FILES = (
    f"select symbol, bar_start, {', '.join(f'last({name})' for name in WIDTHS.split(', '))} "
    "from (select * from bars order by appended_at, topic_offset) group by 1, 2 order by 1, 2"
)


@pytest.fixture(params=["postgres", "files"])
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    if request.param == "files":
        made = files_bench(tmp_path_factory.mktemp("sink"))
    else:
        made = postgres_bench(request.getfixturevalue("postgres"))
    yield made
    made.close()


@pytest.fixture
def database(postgres: LocalPostgres) -> Iterator[Bench]:
    made = postgres_bench(postgres)
    yield made
    made.close()


@pytest.fixture
def emptied(postgres: LocalPostgres, database: Bench) -> Callable[[], Store]:
    """What empties the tables, and hands out the store that writes them."""
    store = database.opened()

    def empty() -> Store:
        schema = database.env["POSTGRES_SCHEMA"]
        admin(postgres, f"truncate {schema}.bars, {schema}.reviews")
        return store

    return empty


def a_bar(offset: int, second: int = 0, symbol: str = "NVDA", **fields: Any) -> Item:
    """A bar as its topic has it after `offset` trades: the sum of what came so far."""
    message = {
        "symbol": symbol,
        "bar_start": SECOND.format(second),
        **{"open": 100.5, "high": 101.25, "low": 99.999999999, "close": 100.0},
        **{"volume": 100 + offset, "trades": 1 + offset, "flagged": 0},
        **{"lower": None, "upper": None},
        **fields,
    }
    return as_item(json.dumps(message).encode(), "bars", offset, key=b"NVDA")


def a_review(offset: int, *steps: str, episode: str = "e-1", **fields: Any) -> Item:
    """A review whose steps are `state by`."""
    history = [
        {
            **{"state": state, "reason": "bad print", "note": f'"{by}"\t\\', "tags": ["a,b", "{}"]},
            **{"by": by, "at": f"2025-05-05T14:00:{nth:02}.250Z"},
        }
        for nth, (state, by) in enumerate(one.split() for one in steps)
    ]
    message = {"episode_id": episode, **history[-1], "history": history} | fields
    return as_item(json.dumps(message).encode(), "reviews", offset, key=episode.encode())


def bars_in(bench: Bench) -> list[tuple[Any, ...]]:
    """Symbol, second and fields of the newest record of each bar."""
    if bench.name == "files":
        rows = bench.query(NEWEST_IN_FILES)
    else:
        rows = bench.query(f"select symbol, bar_start, {WIDTHS} from bars order by 1, 2")
    return [
        (symbol, start.astimezone(UTC), *(None if one is None else float(one) for one in rest))
        for symbol, start, *rest in rows
    ]


def as_rows(items: list[Item]) -> list[tuple[Any, ...]]:
    """What a reader of the topic knows at its end."""
    found = {}
    for item in sorted(items, key=lambda one: one.offset):
        message = json.loads(item.value)
        numbers = [message[name] for name in WIDTHS.split(", ")]
        start = datetime.fromisoformat(message["bar_start"])
        key = message["symbol"], start
        found[key] = (*key, *(None if one is None else float(one) for one in numbers))
    return [found[key] for key in sorted(found)]


def test_every_commit_s_part_of_a_bar_makes_one_row_with_its_newest_figures(bench: Bench) -> None:
    items = [
        a_bar(0),
        a_bar(1, symbol="AMD", lower=99.5, upper=101.123456),
        a_bar(2, second=1),
        a_bar(3, close=100.75, flagged=2),  # the same second, a commit later
    ]
    for _ in range(2):  # the second one is the process after a kill
        store = bench.opened()
        for _ in range(2):
            assert put(store, items) == []
        store.close()
    assert bars_in(bench) == as_rows(items)
    assert bench.count("bars") == (4 if bench.name == "files" else 3)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=4))
def test_in_whatever_order_and_how_often_bars_come_the_newest_stays(
    emptied: Callable[[], Store], database: Bench, order: list[int], again: list[int]
) -> None:
    items = [a_bar(n, second=n % 2, close=100.0 + n) for n in range(6)]
    store = emptied()
    for nth in [*order, *again]:
        put(store, [items[nth]])
    assert bars_in(database) == as_rows(items)
    assert database.count("bars") == 2


def test_bars_made_of_stored_trades_and_the_detector_s_share_a_table(
    database: Bench,
) -> None:
    store = database.make()
    assert isinstance(store, PostgresStore)
    database.made.append(store)
    store.open()
    trades = [a_message(n, size=30) for n in range(1, 4)]
    put(store, [as_item(one, "stocks", n, key=b"NVDA") for n, one in enumerate(trades)])
    start = json.loads(trades[0])["ts_event"][:19] + "Z"
    day = Range(datetime(2025, 5, 5, tzinfo=UTC), datetime(2025, 5, 6, tzinfo=UTC))
    asked = "select bar_s, volume, notional_usd is null, lower from bars order by bar_s"
    with history(store.session.place) as connection:
        list(make_bars(connection, day, 1))
        list(make_bars(connection, day, 60))
    before = database.query(asked)
    assert [row[:3] for row in before] == [(1, 90, False), (60, 90, False)]
    put(store, [a_bar(7, bar_start=start, volume=85, lower=99.5, upper=101.0)])
    assert [(s, v, gone, low and float(low)) for s, v, gone, low in database.query(asked)] == [
        (1, 85, True, 99.5),
        (60, 90, False, None),
    ]
    with history(store.session.place) as connection:
        list(make_bars(connection, day, 1))
    kept = [(s, v, gone, low and float(low)) for s, v, gone, low in database.query(asked)]
    assert kept[0] == (1, 90, False, 99.5), "counted again, and the band stays"


def test_what_the_detector_writes_is_taken_with_its_band(bench: Bench) -> None:
    """Commit by commit, as it lies on the topic; the store has of each second the last."""
    judge = Judge(Parameters(profile="calibrated"), 10, Counts(), bars=True)
    assert judge.bars is not None
    items: list[Item] = []
    for batch in range(4):
        numbers = range(batch * 500 + 1, batch * 500 + 501)
        judge.judge([b"NVDA"] * 500, [a_message(n, size=100 + n % 7) for n in numbers])
        told = [message for _, message in judge.bars.told()]
        items += [as_item(one, "bars", len(items) + n) for n, one in enumerate(told)]
    assert len(items) > 4
    assert put(bench.opened(), items) == []
    assert bars_in(bench) == as_rows(items)
    assert any(row[-1] is not None for row in bars_in(bench)), "no band was tried"
    seconds, trades = {row[1] for row in bars_in(bench)}, sum(row[7] for row in bars_in(bench))
    assert (len(seconds), trades) == (len(bars_in(bench)), 2_000)


BAD_BARS: list[dict[str, Any]] = [
    {"bar_start": "yesterday"},
    {"bar_start": "2025-05-05T13:30:00"},
    {"bar_start": "2025-05-05T13:30:00.5Z"},
    {"bar_start": "9999-12-31T23:59:59Z"},
    {"open": None},
    {"volume": 2**63},
    {"symbol": None},
]


def test_a_bar_that_can_be_none_is_handed_back_and_the_rest_is_stored(bench: Bench) -> None:
    good = [a_bar(0), a_bar(20, second=2)]
    bad = [a_bar(nth, second=1, **change) for nth, change in enumerate(BAD_BARS, start=1)]
    poison = put(bench.opened(), [good[0], *bad, good[1]])
    assert {id(one.item) for one in poison} == {id(one) for one in bad}
    assert all(one.reason for one in poison)
    assert bars_in(bench) == as_rows(good)


def reviews_in(bench: Bench) -> list[tuple[str, str, str, int]]:
    """Of each episode what counts: state, by whom, and how many decisions there are."""
    if bench.name == "files":
        return bench.query(
            "select episode_id, arg_max(state, (steps, -topic_offset)), "
            'arg_max("by", (steps, -topic_offset)), max(steps) from reviews group by 1 order by 1'
        )
    return bench.query("select episode_id, state, decided_by, steps from reviews order by 1")


DECIDED = [
    a_review(0, "acknowledged ann"),
    a_review(1, "acknowledged ann", "dismissed bob"),
    a_review(2, "acknowledged ann", "escalated cat"),  # at once with bob, whom she did not see
    a_review(3, "acknowledged ann", "dismissed bob", "open cat"),
    a_review(4, "escalated ann", episode="e-2"),
    a_review(5, "dismissed bob", episode="e-2"),
]
COUNTING = [("e-1", "open", "cat", 3), ("e-2", "escalated", "ann", 1)]
"""Of two who decided at once the first on the topic counts, as on the page."""


def test_a_review_has_its_newest_state_and_its_whole_history(bench: Bench) -> None:
    for _ in range(2):
        store = bench.opened()
        for _ in range(2):
            assert put(store, DECIDED) == []
        store.close()
    assert reviews_in(bench) == COUNTING
    if bench.name == "files":
        (last,) = bench.query("select history from reviews where topic_offset = 3")
        assert [(one["state"], one["by"]) for one in last[0]] == [
            *(("acknowledged", "ann"), ("dismissed", "bob"), ("open", "cat")),
        ]
        return
    told = bench.query(
        "select state, decided_by, is_newest, note, tags, decided_at from review_steps "
        "where episode_id = 'e-1' order by step"
    )
    assert [row[:3] for row in told] == [
        *(("acknowledged", "ann", False), ("dismissed", "bob", False), ("open", "cat", True)),
    ]
    assert told[2][3:] == (
        '"cat"\t\\',
        ["a,b", "{}"],
        datetime(2025, 5, 5, 14, 0, 2, 250_000, tzinfo=UTC),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.integers(1, 6), max_size=4))
def test_any_cut_into_batches_leaves_the_same_decision(
    emptied: Callable[[], Store], database: Bench, cuts: list[int]
) -> None:
    store, at = emptied(), 0
    for size in [*cuts, 6]:
        put(store, DECIDED[at : at + size])
        at += size
    assert reviews_in(database) == COUNTING


def test_a_deleted_review_or_bar_stays_in_the_store(bench: Bench) -> None:
    store = bench.opened()
    put(store, [*DECIDED[:1], a_bar(0)])
    gone = [as_item(b"", "reviews", 9, key=b"e-1"), as_item(b"", "bars", 9, key=b"NVDA")]
    assert put(store, gone) == []
    assert reviews_in(bench) == [("e-1", "acknowledged", "ann", 1)]
    assert bench.count("bars") == 1


def test_a_review_that_can_be_none_is_handed_back(bench: Bench) -> None:
    bad = [
        as_item(b"{}", "reviews", 10),
        a_review(11, "dismissed ann", state="forgotten"),
        a_review(12, "dismissed ann", at="noon"),
        a_review(13, "dismissed ann", history=[{"state": "open"}]),
        as_item(a_review(14, "open ann").value.replace(b".250Z", b".250"), "reviews", 14),
    ]
    poison = put(bench.opened(), [*bad, DECIDED[0]])
    assert {id(one.item) for one in poison} == {id(one) for one in bad}
    assert reviews_in(bench) == [("e-1", "acknowledged", "ann", 1)]


@pytest.mark.parametrize("sink", ["questdb", "elasticsearch", "opensearch"])
def test_a_store_without_a_place_for_them_says_so_at_start(
    sink: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINK", sink)
    monkeypatch.setenv("SINK_TOPICS", "anomalies,bars")
    with pytest.raises(SettingsError, match=f"names bars, which SINK={sink} does not store"):
        load(SinkSettings)


def test_topics_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWS_TOPIC", "bars")
    with pytest.raises(SettingsError, match="BARS_TOPIC and REVIEWS_TOPIC"):
        load(SinkSettings)


def test_times_on_the_topic_decide_nothing(database: Bench) -> None:
    """A topic that was made again begins at 0: its bars are newer all the same."""
    store = database.opened()
    put(store, [a_bar(9)])
    again = a_bar(1, close=77.0)
    later = Item(again.value, "bars", "bars", 0, 1, APPENDED_MS + 10**6)
    put(store, [later])
    assert database.query("select close::float from bars") == [(77.0,)]
