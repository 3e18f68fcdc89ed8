"""What every store keeps to, on real ones: each message once, the newest, and nothing lost."""

import dataclasses
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tape.model.fields import NO_SEQUENCE
from tape.model.trade import encode
from tape.sinks.parquet_store import ParquetStore
from tape.sinks.sink import APPENDED_MAX_MS, Item, SinkBusyError
from tape.testing import SettableClock, a_message, a_trade
from tests.search_stores import SearchBench, search_bench
from tests.stores import (
    APPENDED_MS,
    IDS,
    Bench,
    as_item,
    changed,
    files_bench,
    found,
    newest,
    postgres_bench,
    put,
    questdb_bench,
)

Make = Callable[[], Bench]


OPENSEARCH = pytest.param("opensearch", marks=pytest.mark.full)
"""Another server of the same kind, which takes half a minute to start."""


@pytest.fixture(params=["postgres", "files", "questdb", "elasticsearch", OPENSEARCH])
def make(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Make]:
    """What makes benches of a kind, each with a store of its own."""
    made: list[Bench] = []

    def new() -> Bench:
        if request.param == "files":
            made.append(files_bench(tmp_path_factory.mktemp("sink")))
        elif request.param == "questdb":
            made.append(questdb_bench(request.getfixturevalue("questdb")))
        elif request.param != "postgres":
            made.append(search_bench(request.getfixturevalue(request.param), request.param))
        else:
            made.append(postgres_bench(request.getfixturevalue("postgres")))
        return made[-1]

    yield new
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make: Make) -> Bench:
    return make()


def test_what_is_written_twice_is_there_once(bench: Bench) -> None:
    anomalies, episodes = found(50)
    for _ in range(2):  # the second one is the process after a kill
        store = bench.opened()
        for _ in range(2):
            assert put(store, anomalies + episodes) == []
        store.close()
    assert bench.count("anomalies") == 50
    assert bench.rows("anomalies") == newest(anomalies, "anomaly_id")
    assert bench.rows("episodes") == newest(episodes, "episode_id")


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.lists(st.integers(1, 12), max_size=6), min_size=2, max_size=3))
def test_any_cut_into_batches_and_any_kill_between_them_leave_the_same(
    make: Make, cuts: list[list[int]]
) -> None:
    """Each list is a process: it begins at the beginning, is killed, and the last one is not."""
    bench, (anomalies, episodes) = make(), found(30)
    for cut in [*cuts, [7] * 5]:
        store, at = bench.opened(), 0
        for size in cut:
            put(store, anomalies[at : at + size] + episodes[at : at + size])
            at += size
    assert bench.count("anomalies") == 30
    assert bench.rows("anomalies") == newest(anomalies, "anomaly_id")
    assert bench.rows("episodes") == newest(episodes, "episode_id")


def test_an_older_state_of_an_episode_never_takes_the_place_of_a_newer_one(bench: Bench) -> None:
    _, episodes = found(6)
    store = bench.opened()
    put(store, episodes[3:])
    put(store, episodes[:3])  # from another process, which was late
    put(store, episodes[1:2])
    assert bench.rows("episodes") == newest(episodes, "episode_id")


def test_a_topic_that_was_made_again_brings_new_rows_at_old_offsets(bench: Bench) -> None:
    before, episodes = found(5)
    after, again = found(5, symbol="AMD")
    first_id = json.loads(episodes[0].value)["episode_id"]
    store = bench.opened()
    put(store, before + episodes)
    later = [
        Item(i.value, i.kind, i.topic, 0, i.offset, APPENDED_MS + 10**6 + i.offset)
        for i in [*after, changed(again[0], episode_id=first_id)]
    ]
    put(store, later)
    assert bench.rows("anomalies") == newest(before + after, "anomaly_id")
    assert bench.rows("episodes") == newest(episodes + later[-1:], "episode_id")


BAD = {
    "no JSON": b"{",
    "nothing": b"",
    "no anomaly": b"{}",
    "bytes that are no text": b"\xff\xfe",
    "ten megabytes": b'{"text":"' + b"x" * 10_000_000 + b'"}',
}


def test_poison_is_handed_back_with_its_reason_and_the_rest_is_stored(bench: Bench) -> None:
    anomalies, _ = found(20)
    bad = [as_item(value, "anomalies", 100 + n) for n, value in enumerate(BAD.values())]
    bad.append(changed(anomalies[0], size=2**63))
    bad.append(Item(anomalies[0].value.replace(b'"value":30001', b'"value":NaN'), offset=50))
    poison = put(bench.opened(), [*anomalies[:10], *bad, *anomalies[10:]])
    assert {id(one.item) for one in poison} == {id(one) for one in bad}
    assert all(one.reason for one in poison)
    assert bench.rows("anomalies") == newest(anomalies, "anomaly_id")


def test_an_episode_that_can_be_none_is_handed_back_and_the_rest_is_stored(bench: Bench) -> None:
    _, episodes = found(4)
    changes: list[dict[str, Any]] = [
        {"flags": 2**63},
        {"shares": 2**63},
        {"rules": {"High Volume": 2**64}},
        {"price_extreme": "1e400"},
        {"first_ts_event": "yesterday"},
        {"symbol": None},
    ]
    bad = [changed(episodes[0], episode_id=f"bad-{n}", **one) for n, one in enumerate(changes)]
    bad.append(as_item(BAD["ten megabytes"], "episodes", 500))
    raw = episodes[0].value.replace(b'"priority":', b'"priority":NaN,"before":')
    bad.append(Item(raw, "episodes", "episodes", 0, 501, APPENDED_MS))
    poison = put(bench.opened(), [episodes[0], *bad, *episodes[1:]])
    kept = bench.rows("episodes")
    assert all(one.reason for one in poison)
    assert kept.pop(json.loads(episodes[0].value)["episode_id"])
    handed = {id(one.item) for one in poison}
    names = {f"bad-{n}" for n, one in enumerate(bad[:6]) if id(one) not in handed}
    assert names == kept.keys(), "each is there or handed back"
    assert {id(one) for one in bad[3:]} <= handed
    assert {id(one) for one in bad[:2]} <= handed or bench.name in ("elasticsearch", "opensearch")


CLOCKS_MS = (0, 1, APPENDED_MAX_MS - 1, APPENDED_MAX_MS)
"""Of a broker whose clock is off, or that writes down what a client says."""


def test_whoever_s_clock_is_off_the_message_is_stored(bench: Bench) -> None:
    """A store's own clock is not asked: but for PostgreSQL, no row has a time of it."""
    anomalies, episodes = found(len(CLOCKS_MS))
    items = [
        replace(item, appended_ms=ms)
        for items in (anomalies, episodes)
        for item, ms in zip(items, CLOCKS_MS, strict=True)
    ]
    bad = as_item(b"x", "rejected", 0)
    store = bench.opened()
    assert put(store, [*items, replace(bad, appended_ms=CLOCKS_MS[-1])]) == []
    assert bench.rows("anomalies") == newest(anomalies, "anomaly_id")
    assert bench.rows("episodes") == newest(episodes, "episode_id")
    assert bench.count("rejected") == 1


ODD = ("🦆 naïve", "tab\tand\nline", "back\\slash", "quote\"'", "\\N", "{a,b}", "\\.", "-- ; drop")


def test_odd_texts_come_back_as_they_were(bench: Bench) -> None:
    (anomaly, *_), _ = found(1)
    items = []
    for n, odd in enumerate(ODD):
        why = [{"rule": odd, "value": 2**53 + 1, "threshold": 1e-300, "text": odd}]
        item = changed(anomaly, anomaly_id=f"odd-{n}", anomalies=[odd], reasons=why, family=odd)
        items.append(Item(item.value, offset=n, appended_ms=APPENDED_MS))
    assert put(bench.opened(), items) == []
    assert bench.rows("anomalies") == newest(items, "anomaly_id")
    if isinstance(bench, SearchBench):
        rows = bench.sources("anomalies")
        assert [(row["rules"], row["family"], row["reason"]) for row in rows] == [
            ([odd], odd, [odd]) for odd in ODD
        ]
        return
    column = {"postgres": "rules[1]", "files": "anomalies[1]", "questdb": "rules"}[bench.name]
    told = bench.query(f"select anomaly_id, {column}, family from anomalies order by 1")
    assert told == [(f"odd-{n}", odd, odd) for n, odd in enumerate(ODD)]


def test_a_message_of_an_older_program_is_stored_and_a_new_field_is_not_lost(bench: Bench) -> None:
    anomalies, episodes = found(3)
    old = json.loads(anomalies[0].value)
    for name in ("episode_id", "priority"):
        del old[name]
    items = [
        Item(json.dumps(old).encode(), offset=0, appended_ms=APPENDED_MS),
        changed(anomalies[1], colour={"of": "tomorrow"}),
        changed(episodes[0], shares=7, context=None),
    ]
    assert put(bench.opened(), items) == []
    assert bench.rows("anomalies") == newest(items[:2], "anomaly_id")
    assert bench.rows("episodes") == newest(items[2:], "episode_id")


def test_a_trade_a_nanosecond_before_midnight_keeps_its_day_and_its_nanoseconds(
    bench: Bench,
) -> None:
    last_ns = 1_746_489_600 * 10**9 - 1  # 2025-05-05T23:59:59.999999999Z
    (anomaly,), (episode, *_) = found(1, ts_event_ns=last_ns)
    put(bench.opened(), [anomaly, episode])
    if isinstance(bench, SearchBench):
        assert bench.count("anomalies") == 1
        index = f"{bench.place.prefix}-anomalies-2025.05"
        for word, hits in (("gte", 1), ("gt", 0)):
            query = {"query": {"range": {"ts_event": {word: "2025-05-05T23:59:59.999999999Z"}}}}
            assert bench.server.ask("POST", f"/{index}/_count", query)["count"] == hits
        return
    wanted: list[tuple[Any, ...]]
    if bench.name == "postgres":
        told = "ts_event_ns, ts_event::text"
        wanted = [(last_ns, "2025-05-05 23:59:59.999999+00")]
    elif bench.name == "questdb":
        told, wanted = "ts_event::long", [(last_ns,)]
    else:
        told, wanted = "epoch_ns(ts_event), day::text", [(last_ns, "2025-05-05")]
    assert bench.query(f"select {told} from anomalies") == wanted


def test_rejected_records_are_kept_whatever_they_are(bench: Bench) -> None:
    raw = bytes(range(256))
    headers = (("reason", b"message_not_json"), ("detail", b"a\0b\xff"), ("size", b"9" * 30))
    items = [
        as_item(raw, "rejected", 0, key=raw, headers=headers),
        as_item(b"", "rejected", 1),
    ]
    store = bench.opened()
    assert put(store, items) == put(store, items) == []
    if isinstance(bench, SearchBench):
        one, other = bench.sources("rejected")
        assert (one["reason"], other["value"]) == ("message_not_json", "")
        assert b64decode(one["key"]) == b64decode(one["value"]) == raw
        return
    columns = "key_base64, value_base64" if bench.name == "questdb" else "key, value"
    told = bench.query(f"select reason, {columns} from rejected order by topic_offset")
    if bench.name == "questdb":
        told = [(why, *(b64decode(one or "") for one in raws)) for why, *raws in told]
    assert told[0] == ("message_not_json", raw, raw)
    assert told[1][2] == b""
    assert bench.count("rejected") == 2


def test_a_deleted_episode_is_no_poison_and_no_row(bench: Bench) -> None:
    _, episodes = found(2)
    assert put(bench.opened(), [*episodes, as_item(b"", "episodes", 9)]) == []
    assert bench.count("episodes") == (2 if bench.name == "files" else 1)


def test_every_identity_is_that_of_its_message() -> None:
    anomalies, episodes = found(2)
    assert all(IDS["anomalies"] in json.loads(one.value) for one in anomalies)
    assert all(IDS["episodes"] in json.loads(one.value) for one in episodes)


def test_trades_are_there_once_with_their_price_to_the_last_digit(bench: Bench) -> None:
    prices = (157_570_000_000, 1, -37_630_000_000, 9_999 * 10**9, 10_000 * 10**9, 123_456_789_987)
    values = [a_message(n, price_nanos=price) for n, price in enumerate(prices, start=1)]
    values.append(a_message(1, price_nanos=prices[0], ordinal=1))
    values.append(encode(replace(a_trade(1, symbol="BRK.B"), sequence=NO_SEQUENCE)))
    keys = [b"NVDA"] * 7 + [b"BRK.B"]
    items = [
        as_item(v, "stocks", n, key=k) for n, (k, v) in enumerate(zip(keys, values, strict=True))
    ]
    bad = as_item(values[0], "stocks", 99, key=b"AMD")
    store = bench.opened()
    assert [one.item for one in put(store, [*items, bad])] == [bad]
    put(bench.opened(), items)  # another process, from the beginning
    if isinstance(bench, SearchBench):
        rows = bench.sources("stocks")
        assert [(row["symbol"], row["price_nanos"]) for row in rows] == [
            *(("NVDA", p) for p in (*prices, prices[0])),
            ("BRK.B", 100 * 10**9),
        ]
        return
    name, price = ("stocks", "price_nanos") if bench.name == "files" else ("trades", "price")
    told = bench.query(f"select symbol, {price} from {name}")
    found_nanos = sorted((s, int(p * 10**9) if name == "trades" else p) for s, p in told)
    assert found_nanos == sorted(
        [("NVDA", p) for p in (*prices, prices[0])] + [("BRK.B", 100 * 10**9)]
    )


def test_files_are_for_their_owner_only_and_none_is_half(tmp_path: Path) -> None:
    bench, (anomalies, _) = files_bench(tmp_path / "sink"), found(3)
    put(bench.opened(), anomalies)
    bench.close()
    files = [path for path in (tmp_path / "sink").rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".parquet"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_process_that_was_frozen_writes_no_file_after_it_woke_up(tmp_path: Path) -> None:
    """Its partition is another's by then, who has written these rows."""
    clock, (anomalies, _) = SettableClock(), found(3)
    store = ParquetStore(tmp_path / "sink", clock=clock)
    store.open()
    put(store, anomalies[:1])
    table = store._tables["anomalies"]

    def frozen(*args: object, **how: object) -> object:
        clock.advance(10.0)
        return table.make(*args, **how)

    store._tables["anomalies"] = dataclasses.replace(table, make=frozen)
    with pytest.raises(SinkBusyError, match="others may have this"):
        store.write(anomalies[1:])
    assert files_bench(tmp_path / "sink").count("anomalies") == 1
