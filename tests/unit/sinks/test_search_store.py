"""What real search servers do to a store: frozen, full, read-only, refusing, of another version."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tape.errors import StoreError
from tape.sinks.search import templates
from tape.sinks.search.check import check_search
from tape.sinks.search.place import SearchPlace, search_place
from tape.sinks.search.session import Session
from tape.sinks.search.store import SearchStore
from tape.sinks.search.templates import VERSION, migrate, template_of
from tape.sinks.sink import Item, SinkBusyError
from tests.search_servers import ADMIN, PASSWORD, Elasticsearch, SearchServer
from tests.search_stores import SearchBench, search_bench
from tests.stores import changed, found, newest, put

CANARY = "canary-of-a-password"


@pytest.fixture(params=["elasticsearch", pytest.param("opensearch", marks=pytest.mark.full)])
def server(request: pytest.FixtureRequest) -> SearchServer:
    made: SearchServer = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def bench(server: SearchServer) -> Iterator[SearchBench]:
    made = search_bench(server)
    yield made
    made.close()


def all_there(bench: SearchBench, anomalies: list[Item]) -> None:
    assert bench.rows("anomalies") == newest(anomalies, "anomaly_id")


def busy(store: SearchStore, items: list[Item]) -> str:
    with pytest.raises(SinkBusyError) as caught:
        store.write(items)
    return str(caught.value)


def opened(bench: SearchBench) -> SearchStore:
    store = bench.opened()
    assert isinstance(store, SearchStore)
    return store


def test_a_server_that_is_frozen_or_full_gets_everything_once_it_is_well(
    bench: SearchBench,
) -> None:
    anomalies, _ = found(30)
    store = opened(bench)
    put(store, anomalies[:10])
    impatient = SearchStore(replace(bench.place, timeout_s=1.0))
    impatient.session.wait()
    bench.server.pause()
    try:
        assert "no answer" in busy(impatient, anomalies[10:20])
        assert "no answer" in busy(impatient, anomalies[10:20])  # nor on a new connection
    finally:
        bench.server.resume()
        impatient.close()
    put(store, anomalies[10:20])
    index = f"/{bench.place.prefix}-anomalies-2025.05/_settings"
    for block in ("read_only_allow_delete", "read_only", "write"):  # the first is a full disk's
        bench.server.ask("PUT", index, {"index.blocks": {block: True}})
        assert "block" in busy(store, anomalies[20:])
        bench.server.ask("PUT", index, {"index.blocks": {block: None}})
    put(store, anomalies[20:])
    all_there(bench, anomalies)


def test_a_cluster_without_room_for_one_more_index_is_waited_for(bench: SearchBench) -> None:
    anomalies, episodes = found(3)
    store, setting = opened(bench), "cluster.max_shards_per_node"
    put(store, episodes)
    bench.server.ask("PUT", "/_cluster/settings", {"persistent": {setting: 1}})
    try:
        assert "shards open" in busy(store, anomalies)
    finally:
        bench.server.ask("PUT", "/_cluster/settings", {"persistent": {setting: None}})
    put(store, anomalies)
    all_there(bench, anomalies)


def test_a_record_that_it_can_never_take_is_handed_back_with_its_reason(bench: SearchBench) -> None:
    anomalies, (episode, *_) = found(3)
    nul = Item(anomalies[0].value.replace(b"in one trade", b"in\\u0000one trade"), offset=9)
    large = changed(episode, episode_id="large", flags=2**63)
    (poison,) = put(opened(bench), [*anomalies[1:], large, episode, nul])
    assert poison.item is large
    assert "flags" in poison.reason
    assert str(2**63) not in poison.reason
    all_there(bench, [*anomalies, nul])
    assert list(bench.rows("episodes")) == [json.loads(episode.value)["episode_id"]]


def test_an_episode_whose_states_fall_into_two_months_is_one_document(bench: SearchBench) -> None:
    last_ns = 1_748_735_999 * 10**9  # 2025-05-31T23:59:59Z
    _, (first, *_) = found(1, ts_event_ns=last_ns)
    later = changed(first, last_ts_event="2025-06-01T00:00:00.500000000Z", state="closed")
    later = replace_age(later, 5)
    moved = changed(later, first_ts_event="2025-06-01T00:00:00.000000000Z", flags=9)
    moved = replace_age(moved, 6)
    put(opened(bench), [first])
    put(opened(bench), [moved, later])
    put(opened(bench), [first])
    assert bench.count("episodes") == 1
    (row,) = bench.sources("episodes")
    assert row["flags"] == 9
    assert bench.server.has(f"/{bench.place.prefix}-episodes-2025.05")
    assert not bench.server.has(f"/{bench.place.prefix}-episodes-2025.06")


def replace_age(item: Item, offset: int) -> Item:
    return Item(item.value, item.kind, item.topic, 0, offset, item.appended_ms + offset)


def test_an_index_that_was_deleted_is_made_again_and_one_that_is_not_ours_is_refused(
    bench: SearchBench,
) -> None:
    anomalies, _ = found(4)
    store, name = opened(bench), f"{bench.place.prefix}-anomalies-2025.05"
    put(store, anomalies[:2])
    bench.server.ask("DELETE", f"/{name}")
    put(store, anomalies[2:])
    all_there(bench, anomalies[2:])
    about = bench.server.ask("GET", f"/{name}/_mapping")[name]["mappings"]
    assert about["dynamic"] == "strict"
    bench.server.ask("DELETE", f"/{name}")
    bench.server.ask("DELETE", f"/_index_template/{bench.place.prefix}-anomalies")
    bench.server.ask("PUT", f"/{name}", {"mappings": {"properties": {"a": {"type": "long"}}}})
    with pytest.raises(StoreError, match="not ours"):
        opened(bench)


def test_a_template_that_is_not_ours_or_newer_is_refused_and_nothing_is_changed(
    bench: SearchBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"/_index_template/{bench.place.prefix}-episodes"
    theirs = {"index_patterns": [f"{bench.place.prefix}-episodes-*"], "priority": 7}
    bench.server.ask("PUT", name, theirs)
    with pytest.raises(StoreError, match="not ours"):
        opened(bench)
    (found_one,) = bench.server.ask("GET", name)["index_templates"]
    assert found_one["index_template"]["priority"] == 7
    assert not bench.server.has(f"/_index_template/{bench.place.prefix}-anomalies")
    newer = template_of(bench.place.prefix, "episodes")
    newer["_meta"]["version"] = VERSION + 1
    bench.server.ask("PUT", name, newer)
    with pytest.raises(StoreError, match=f"version {VERSION + 1}, this program knows {VERSION}"):
        opened(bench)


def test_a_template_of_the_same_names_in_the_way_is_said(bench: SearchBench) -> None:
    theirs = {"index_patterns": [f"{bench.place.prefix}-*"], "priority": templates.PRIORITY}
    other = f"/_index_template/{bench.place.prefix}-other"
    bench.server.ask("PUT", other, theirs)
    try:
        with pytest.raises(StoreError, match="cannot be made") as caught:
            opened(bench)
        assert "INDEX_PREFIX" in caught.value.remedy
    finally:
        bench.server.ask("DELETE", other)


def test_templates_and_indexes_of_an_older_version_are_brought_up(
    bench: SearchBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer program knows a colour, and there are documents of the older one."""
    anomalies, episodes = found(4)
    put(opened(bench), anomalies[:2])
    with monkeypatch.context() as tomorrow:
        colour = {**templates.FIELDS["anomalies"], "colour": templates.WORD}
        tomorrow.setitem(templates.FIELDS, "anomalies", colour)
        tomorrow.setattr(templates, "VERSION", VERSION + 1)
        refusing = SearchStore(bench.place, may_migrate=False)
        with pytest.raises(StoreError, match="tape sink migrate"):
            refusing.open()
        refusing.close()
        put(opened(bench), anomalies + episodes)
        session = Session(bench.place)
        assert migrate(session) == []
        session.close()
    all_there(bench, anomalies)
    index = f"{bench.place.prefix}-anomalies-2025.05"
    kept = bench.server.ask("GET", f"/{index}/_mapping")[index]["mappings"]
    assert kept["_meta"]["version"] == VERSION + 1
    assert kept["properties"]["colour"]["type"] == "keyword"
    with pytest.raises(StoreError, match="newer program"):
        opened(bench)


def test_many_programs_may_begin_at_once(bench: SearchBench) -> None:
    anomalies, _ = found(12)
    failed: list[BaseException] = []

    def work(items: list[Item]) -> None:
        try:
            store = SearchStore(bench.place)
            store.open()
            put(store, items)
            store.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(anomalies[n::3],)) for n in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    all_there(bench, anomalies)


def as_user(place: SearchPlace, name: str, word: str = PASSWORD) -> SearchPlace:
    how = {"prefix": place.prefix, "timeout_s": place.timeout_s}
    return search_place(place.shown, username=name, password=word, **how)  # type: ignore[arg-type]


def refused_at_start(place: SearchPlace) -> str:
    store = SearchStore(place)
    with pytest.raises(StoreError) as caught:
        store.open()
    store.close()
    return str(caught.value)


def test_a_wrong_password_and_missing_rights_are_sentences(
    elasticsearch: Elasticsearch,
) -> None:
    bench, (anomalies, _) = search_bench(elasticsearch), found(2)
    for name in ("nobody", ADMIN):
        refused = refused_at_start(as_user(bench.place, name, CANARY))
        assert f"does not know {name} by this password" in refused
        assert CANARY not in refused
    key = search_place(bench.place.shown, prefix="x", api_key="bm86c3VjaA==")
    assert "does not know the API key" in refused_at_start(key)
    store, blind = (
        SearchStore(as_user(bench.place, name), may_migrate=migrate)
        for name, migrate in (("clerk", True), ("blind", False))
    )
    with pytest.raises(StoreError, match="tape sink migrate"):
        blind.open()
    store.open()
    put(store, anomalies)
    all_there(bench, anomalies)
    blind.open()
    with pytest.raises(StoreError, match="unauthorized") as caught:
        put(blind, found(2, symbol="AMD")[0])
    assert "rights" in caught.value.remedy
    for one in (store, blind):
        one.close()
    told = {
        name: list(check_search(as_user(bench.place, name), ("anomalies",)))
        for name in ("clerk", "blind", "eye")
    }
    assert "clerk lacks: manage on" in told["clerk"][-1].text
    assert "blind lacks: create_index on" in told["blind"][-1].text
    assert not told["eye"][-1].is_well
    assert "unauthorized" in told["eye"][-1].text
    bench.close()
