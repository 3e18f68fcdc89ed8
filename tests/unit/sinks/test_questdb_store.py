"""What QuestDB does to a store: away, frozen, suspended, refusing, of another version."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from tape.errors import StoreAwayError, StoreError
from tape.kafka.local.broker import free_port
from tape.ops.local_postgres import LocalPostgres
from tape.ops.local_questdb import LocalQuestDb
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.migrations import Migration
from tape.sinks.postgres.session import Place
from tape.sinks.questdb import check, store, tables
from tape.sinks.questdb.check import check_questdb
from tape.sinks.questdb.session import QuestSession
from tape.sinks.questdb.store import QuestStore
from tape.sinks.sink import SinkBusyError
from tests.apps import wait_until
from tests.stores import TIMEOUT_S, Bench, as_item, changed, found, newest, put, questdb_bench

CANARY = "canary-of-a-password"


@pytest.fixture
def bench(questdb: LocalQuestDb) -> Iterator[Bench]:
    made = questdb_bench(questdb)
    yield made
    made.close()


def admin(server: LocalQuestDb, *statements: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for one in statements:
            connection.execute(one.encode())


def not_deduplicated(server: LocalQuestDb, table: str) -> bool:
    """Whether the server has taken up that rows of this table are no longer told apart."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        rows = connection.execute(
            b"select dedup from tables() where table_name = '%s'" % table.encode()
        ).fetchall()
    return rows == [(False,)]


def place_of(bench: Bench, url: str = "") -> Place:
    env = bench.env
    return Place(address_of(url or env["DATABASE_URL"]), env["POSTGRES_SCHEMA"], TIMEOUT_S)


def refusal(open_it: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        open_it()
    assert not isinstance(caught.value, StoreAwayError)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)
    return str(caught.value)


@pytest.mark.full
def test_a_server_that_was_frozen_and_killed_gets_everything_once(
    questdb: LocalQuestDb, bench: Bench
) -> None:
    anomalies, _ = found(40)
    opened = bench.opened()
    put(opened, anomalies[:10])
    short = QuestStore(place_of(bench))
    questdb.pause()
    with pytest.raises(SinkBusyError):
        short.write(anomalies[10:20])
    questdb.resume()
    put(short, anomalies[10:20])
    questdb.kill()
    for one in (opened, short):
        with pytest.raises(SinkBusyError):
            one.write(anomalies[20:])
    questdb.start()
    put(opened, anomalies[20:])
    short.close()
    assert bench.rows("anomalies") == newest(anomalies, "anomaly_id")
    assert bench.count("anomalies") == 40


def test_every_state_is_kept_and_the_view_has_the_newest(bench: Bench) -> None:
    _, episodes = found(4)
    opened = bench.opened()
    put(opened, episodes[2:])
    put(opened, [*episodes[:2], *episodes])  # a late process, then one that begins again
    assert bench.query("select count(*) from episode_states") == [(4,)]
    told = bench.query("select state, flags, reason, shares, duration_s from episodes")
    (last,) = newest(episodes, "episode_id").values()
    names = ("state", "flags", "reason", "shares", "duration_s")
    assert told == [tuple(last[name] for name in names)]


def test_a_suspended_table_is_waited_for_until_a_person_resumes_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own flag is told by a stand-in: it may take it back by itself."""
    anomalies, _ = found(2)
    opened, table = bench.opened(), f"{bench.env['POSTGRES_SCHEMA']}_anomalies"
    put(opened, anomalies[:1])
    with monkeypatch.context() as stopped:
        for module in (store, check):
            stopped.setattr(module, "suspended", lambda connection, session: [table])
        with pytest.raises(SinkBusyError, match="RESUME WAL"):
            opened.write(anomalies[1:])
        (*_, rows) = check_questdb(place_of(bench))
        assert (rows.is_well, rows.check) == (False, "rows")
        assert table in rows.fix
    put(opened, anomalies[1:])
    assert bench.count("anomalies") == 2
    assert all(one.is_well for one in check_questdb(place_of(bench)))


def test_a_letter_that_cannot_be_sent_is_poison_and_large_texts_are_none(bench: Bench) -> None:
    (one, other, third), (episode, *_) = found(3)
    nul = changed(one, family="a\0b")
    large = changed(other, note="x" * 60_000)
    wide = changed(episode, shares=2**63)
    record = as_item(bytes(64 * 1024), "rejected", 0)
    poison = put(bench.opened(), [nul, large, third, wide, record])
    assert {id(bad.item) for bad in poison} == {id(nul), id(wide)}
    assert bench.rows("anomalies") == newest([large, third], "anomaly_id")
    assert bench.query("select length(value_base64) from rejected") == [(87_384,)]


def test_tables_that_are_not_ours_are_refused(questdb: LocalQuestDb) -> None:
    def made(*statements: str) -> str:
        bench = questdb_bench(questdb)
        prefix = bench.env["POSTGRES_SCHEMA"]
        admin(questdb, *(one.replace("{p}", prefix) for one in statements))
        said = refusal(bench.opened).replace(prefix, "{p}")
        bench.close()
        return said

    ours = "create table {p}_schema_version (at timestamp, version int, name varchar)"
    assert "not ours: {p}_trades" in made("create table {p}_trades (id int)")
    assert "not ours: {p}_schema_version" in made("create table {p}_schema_version (id int)")
    assert "not ours: {p}_rejected (it has no app" in made(
        ours, "create table {p}_rejected (x int)"
    )
    newer = f"{ours} timestamp(at) partition by year bypass wal"
    assert "of version 99" in made(newer, "insert into {p}_schema_version values (0, 99, 'x')")


def test_a_table_whose_rows_would_be_doubled_is_refused(
    questdb: LocalQuestDb, bench: Bench
) -> None:
    bench.opened()
    table = f"{bench.env['POSTGRES_SCHEMA']}_anomalies"
    admin(questdb, f"alter table {table} dedup disable")
    wait_until(lambda: not_deduplicated(questdb, table), "rows are no longer told apart")
    said = refusal(bench.opened)
    assert "would be doubled" in said
    admin(questdb, said[said.index("ALTER TABLE") :])  # what it tells to do
    bench.opened()


def test_tables_of_an_older_version_are_upgraded_and_keep_their_rows(
    questdb: LocalQuestDb, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    anomalies, _ = found(3)
    put(bench.opened(), anomalies[:2])
    step = Migration(
        2, "colour", "alter table {p}_anomalies add column if not exists colour symbol"
    )
    both = [*tables.steps(), step]
    monkeypatch.setattr(tables, "steps", lambda: both)
    fixed = QuestStore(place_of(bench), may_migrate=False)
    assert "this program needs 2" in refusal(fixed.open)
    fixed.close()
    for _ in range(2):
        put(bench.opened(), anomalies[1:])
    assert bench.query("select count(*), count(colour) from anomalies") == [(3, 0)]
    with closing(QuestSession(dataclasses.replace(place_of(bench), timeout_s=30))) as session:
        assert tables.migrate(session) == []


def test_a_refusal_is_one_sentence_without_the_password(
    questdb: LocalQuestDb, postgres: LocalPostgres, bench: Bench
) -> None:
    bench.opened()
    wrong = {
        questdb.url(password=CANARY): "invalid username/password",
        questdb.url("user", "quest"): "permission denied",
        f"{questdb.url()}?sslmode=require": "SSL",
        postgres.url(): "is no QuestDB",
    }
    anomalies, _ = found(1)
    for url, said in wrong.items():
        quest = QuestStore(place_of(bench, url))

        def work(quest: QuestStore = quest) -> None:
            quest.open()
            quest.write(anomalies)

        assert said.lower() in refusal(work).lower()
        quest.close()


def test_nobody_there_is_said_after_the_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "WAIT_S", 0.2)
    url = f"postgresql://me:{CANARY}@127.0.0.1:{free_port()}/qdb"
    with pytest.raises(StoreAwayError, match="no QuestDB") as caught:
        QuestSession(place_of(bench, url)).wait(wait_s=0.2)
    assert CANARY not in str(caught.value)
    (told,) = check_questdb(place_of(bench, url))
    assert CANARY not in told.text + told.fix
