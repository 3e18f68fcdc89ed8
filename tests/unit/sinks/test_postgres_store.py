"""What PostgreSQL does to a store: away, frozen, slow, full, refusing, of another version."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tape.errors import SettingsError, StoreAwayError, StoreError
from tape.kafka.local.broker import free_port
from tape.ops.local_postgres import LocalPostgres, server_programs
from tape.sinks.postgres import migrations
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.migrations import grants, migrate, newest, version_of
from tape.sinks.postgres.session import Place, Session
from tape.sinks.postgres.store import PostgresStore
from tape.sinks.sink import Item, SinkBusyError
from tape.testing import a_message
from tests.certificates import Authority
from tests.small_disk import fill, mounted
from tests.stores import TIMEOUT_S, Bench, admin, changed, found, postgres_bench, put
from tests.stores import newest as newest_of

CANARY = "canary-of-a-password"


@pytest.fixture
def bench(postgres: LocalPostgres) -> Iterator[Bench]:
    made = postgres_bench(postgres)
    yield made
    made.close()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[LocalPostgres]:
    """A server of the test's own, to be killed, paused and filled; not yet started."""
    try:
        server_programs()
    except SettingsError as missing:
        pytest.skip(str(missing))
    server = LocalPostgres(tmp_path / "postgres", free_port(), durable=False)
    yield server
    server.stop()


def schema_of(bench: Bench) -> str:
    (row,) = bench.query("select current_schema")
    return str(row[0])


def all_there(bench: Bench, anomalies: list[Item]) -> None:
    assert bench.rows("anomalies") == newest_of(anomalies, "anomaly_id")


def busy(store: PostgresStore, items: list[Item]) -> SinkBusyError:
    with pytest.raises(SinkBusyError) as caught:
        store.write(items)
    return caught.value


def test_a_server_that_was_killed_away_and_frozen_gets_everything_once(
    own_postgres: LocalPostgres,
) -> None:
    anomalies, _ = found(40)
    bench = postgres_bench(own_postgres.start())
    store = bench.opened()
    put(store, anomalies[:10])
    own_postgres.kill()
    waits = [busy(store, anomalies[10:20]).retry_after_s for _ in range(4)]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0] > 0
    own_postgres.start()
    put(store, anomalies[10:20])
    own_postgres.pause()
    busy(store, anomalies[20:])  # neither the driver nor the kernel would end this wait
    busy(store, anomalies[20:])  # nor this one, of a new connection
    own_postgres.resume()
    put(store, anomalies[20:])
    all_there(bench, anomalies)
    bench.close()


def test_a_full_disk_is_waited_for_and_then_everything_is_there(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", size_mb=120) as disk:
        server = LocalPostgres(
            disk / "postgres", free_port(), config={"max_wal_size": "32MB"}, durable=False
        )
        try:
            bench, (anomalies, _) = postgres_bench(server.start()), found(3_000)
            store = bench.opened()
            put(store, anomalies[:10])
            ballast = fill(disk)
            said = str(busy(store, anomalies))
            assert "space" in said or "closed" in said, said  # its log may be full, too: it ends
            ballast.unlink()
            if server.has_ended():
                server.start()
            put(store, anomalies)
            all_there(bench, anomalies)
            bench.close()
        finally:
            server.stop()


def test_a_database_that_is_only_to_be_read_for_a_while_is_waited_for(
    postgres: LocalPostgres, bench: Bench
) -> None:
    anomalies, _ = found(5)
    store = bench.opened()
    with store.session.work() as connection:  # type: ignore[attr-defined]
        connection.execute("set default_transaction_read_only to on")
    assert "read-only" in str(busy(store, anomalies))  # type: ignore[arg-type]
    put(store, anomalies)  # on a new connection
    all_there(bench, anomalies)


def test_a_table_that_somebody_has_locked_is_waited_for(
    postgres: LocalPostgres, bench: Bench
) -> None:
    anomalies, _ = found(5)
    store = bench.opened()
    with psycopg.connect(postgres.url()) as other:
        other.execute(f"lock table {schema_of(bench)}.anomalies in access exclusive mode".encode())
        busy(store, anomalies)  # type: ignore[arg-type]
    put(store, anomalies)
    all_there(bench, anomalies)


def test_a_slow_server_gets_fewer_rows_at_a_time_until_they_are_in(
    postgres: LocalPostgres, bench: Bench
) -> None:
    anomalies, _ = found(200)
    store = bench.opened()
    schema = schema_of(bench)
    admin(
        postgres,
        f"create function {schema}.slow() returns trigger language plpgsql as "
        "'begin perform pg_sleep(0.01); return new; end'",
        f"create trigger slow before insert on {schema}.anomalies for each row "
        f"execute function {schema}.slow()",
    )
    busy(store, anomalies)  # type: ignore[arg-type]  # 2 s of work in at most 1.35 s
    put(store, anomalies)
    all_there(bench, anomalies)


def test_a_reader_never_stops_the_day_s_first_trade(postgres: LocalPostgres, bench: Bench) -> None:
    store = bench.opened()
    with psycopg.connect(postgres.url()) as reader:
        reader.execute(f"select count(*) from {schema_of(bench)}.trades".encode())
        put(store, [Item(a_message(1), "stocks", key=b"NVDA")], tries=1)
        (row,) = bench.query("select count(*) from trades")
        assert row == (1,)


def test_two_programs_that_write_the_same_wait_for_one_another(
    postgres: LocalPostgres, bench: Bench
) -> None:
    anomalies, episodes = found(400)
    items, failed = anomalies + episodes, []

    def work(order: int) -> None:
        try:
            store = bench.opened()
            for at in range(0, 800, 100):
                put(store, items[at : at + 100][::order])
        except BaseException as error:
            failed.append(error)

    both = [threading.Thread(target=work, args=(order,)) for order in (1, -1)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert not failed, failed
    all_there(bench, anomalies)
    assert bench.rows("episodes") == newest_of(episodes, "episode_id")


@pytest.mark.parametrize("before", [1, 2, 3, 4])
def test_a_program_that_asks_while_another_makes_the_tables_takes_them_for_its_own(
    postgres: LocalPostgres, bench: Bench, before: int
) -> None:
    """The other one commits before the first, second, third question, or not at all."""
    asked = 0

    class Interrupted(psycopg.Connection[Any]):
        def execute(self, *words: Any, **more: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == before:
                bench.opened()
            return super().execute(*words, **more)

    with closing(Interrupted.connect(postgres.url(), autocommit=True)) as connection:
        assert version_of(connection, schema_of_new(bench)) in (0, newest())


def test_a_schema_of_an_older_version_is_upgraded_with_what_is_in_it(
    postgres: LocalPostgres, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (anomaly, *others), (episode, *_) = found(3)
    store = bench.make()
    with monkeypatch.context() as older:
        first = migrations.migrations()[:1]
        older.setattr(migrations, "migrations", lambda: first)
        migrate(store.session)  # type: ignore[attr-defined]
    assert bench.query("select max(version) from schema_version") == [(1,)]
    schema = schema_of(bench)
    admin(
        postgres,
        f"insert into {schema}.anomalies select '{'old'}', 'NVDA', 2, now(), 1, 1, 1, 'B', 1, "
        "'{}', null, null, null, '[]', null, null, 'v', 's', "
        '\'{"priority": 2.5, "rank": 3, "suppressed": true}\', null, null, 0, 0, now()',
        *(
            f"insert into {schema}.episodes select '{name}', 'NVDA', 'closed', 1, '{{}}', 1, 1, "
            f"now(), now(), 1, 1, 1, 1, 1, null, 'text', 'v', 's', '{json.dumps(message)}', 0, 0, "
            "now()"
            for name, message in (("told", TOLD), ("odd", {**dict.fromkeys(TOLD, 10**400)}))
        ),
    )
    put(bench.opened(), [anomaly, *others, episode])
    store.close()
    assert bench.query("select max(version) from schema_version") == [(newest(),)]
    told = bench.query("select priority, rank, suppressed from anomalies where anomaly_id = 'old'")
    assert told == [(2.5, 3.0, True)]
    assert bench.count("anomalies") == 4
    rows = bench.query(f"select {', '.join(TOLD)} from episodes where episode_id = 'told'")
    assert rows == [tuple(TOLD.values())]
    rows = bench.query("select severity, shares, duration_s from episodes where episode_id = 'odd'")
    assert rows == [(None, None, None)]


TOLD = {
    "severity": 7.25,
    "rule": "price-spike",
    "reason": "far out",
    "context": "auction",
    "shares": 2**40,
    "notional_usd": 1e9,
    "publisher_id": 2,
    "duration_s": 0.000000001,
}


def test_the_columns_of_an_episode_say_what_its_message_says(bench: Bench) -> None:
    _, episodes = found(1)
    message = json.loads(episodes[-1].value)
    assert message.keys() >= TOLD.keys()
    put(bench.opened(), [changed(episodes[-1], **TOLD)])
    assert bench.query(f"select {', '.join(TOLD)} from episodes") == [tuple(TOLD.values())]


def test_a_ranked_anomaly_has_its_rank_in_a_column(bench: Bench) -> None:
    (one, other), _ = found(2)
    put(bench.opened(), [changed(one, rank=4.5, suppressed=True), other])
    told = bench.query("select rank, suppressed from anomalies order by sequence")
    assert told == [(4.5, True), (None, None)]


def test_two_programs_that_start_at_once_make_the_schema_once(bench: Bench) -> None:
    stores = [bench.make() for _ in range(3)]
    bench.made += stores
    threads = [threading.Thread(target=store.open) for store in stores]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    told = bench.query("select version from schema_version order by 1")
    assert told == [(n,) for n in range(1, newest() + 1)]


def refusal(open_it: Callable[[], None]) -> str:
    with pytest.raises(StoreError) as caught:
        open_it()
    assert not isinstance(caught.value, StoreAwayError)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)
    return str(caught.value)


def test_a_schema_that_is_not_ours_or_of_another_version_is_refused(
    postgres: LocalPostgres, bench: Bench
) -> None:
    schema = schema_of_new(bench)
    admin(postgres, f"create schema {schema}", f"create table {schema}.anomalies (id int)")
    assert "tables that are not ours: anomalies" in refusal(bench.opened)
    other = postgres_bench(postgres, may_migrate=False)
    assert f"this program needs {newest()}" in refusal(other.opened)
    flyway = postgres_bench(postgres)
    admin(
        postgres,
        f"create schema {(name := schema_of_new(flyway))}",
        f"create table {name}.schema_version (version text, description text, success boolean)",
        f"insert into {name}.schema_version values ('1.2', 'first', true)",
    )
    assert "schema_version that is not ours" in refusal(flyway.opened)
    newer = postgres_bench(postgres)
    newer.opened()
    admin(postgres, f"insert into {schema_of(newer)}.schema_version values (99, 'tomorrow')")
    assert "of version 99" in refusal(newer.opened)
    for one in (other, newer, flyway):
        one.close()


def schema_of_new(bench: Bench) -> str:
    return bench.make()._place.schema  # type: ignore[attr-defined, no-any-return]


@pytest.fixture(scope="module")
def strange(postgres: LocalPostgres) -> LocalPostgres:
    """The server with users that may do less."""
    admin(
        postgres,
        f"create role intern login password '{CANARY}'",
        f"create role writer login password '{CANARY}'",
    )
    return postgres


WRONG = {
    "password": ("postgres", "tapewatch", f"{CANARY}-not", "password authentication failed"),
    "user": ("postgres", "nobody", CANARY, "authentication failed"),
    "database": ("nowhere", "intern", CANARY, '"nowhere" does not exist'),
    "rights": ("postgres", "intern", CANARY, "permission denied"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_refusal_is_one_sentence_without_the_password(case: str, strange: LocalPostgres) -> None:
    database, user, password, said = WRONG[case]
    place = Place(address_of(strange.url(database, user, password)), "no_such_schema", TIMEOUT_S)
    store = PostgresStore(place)
    assert said in refusal(store.open)
    store.close()


def test_a_user_that_lost_its_rights_ends_the_work_with_a_sentence(
    strange: LocalPostgres, bench: Bench
) -> None:
    bench.opened()
    admin(strange, f"grant usage on schema {schema_of(bench)} to writer")
    place = Place(address_of(strange.url("postgres", "writer", CANARY)), schema_of(bench))
    store = PostgresStore(place)
    anomalies, _ = found(1)

    def write() -> None:
        store.write(anomalies)

    assert "permission denied" in refusal(write)
    store.close()


def test_nobody_there_is_said_after_the_wait() -> None:
    place = Place(address_of(f"postgresql://me:{CANARY}@127.0.0.1:{free_port()}/db"), "tapewatch")
    with pytest.raises(StoreAwayError) as caught:
        Session(place).wait(wait_s=0.2)
    assert "me@127.0.0.1" in str(caught.value)
    assert CANARY not in str(caught.value)


@contextmanager
def only_a_handshake(certificate: Path) -> Iterator[int]:
    """A port where a server with this certificate agrees to TLS, and says no more.

    The package's PostgreSQL is built without TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:  # closed
                    return
                with line, suppress(OSError):
                    assert line.recv(8) == struct.pack("!ii", 8, 80877103)  # SSLRequest
                    line.sendall(b"S")
                    context.wrap_socket(line, server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_certificate_of_another_authority_or_host_is_refused(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    for signed_by, host in ((theirs, "127.0.0.1"), (ours, "elsewhere.example")):
        with only_a_handshake(signed_by.server("server", host=host)) as port:
            url = f"postgresql://me:{CANARY}@127.0.0.1:{port}/db?sslmode=verify-full"
            place = Place(address_of(f"{url}&sslrootcert={ours.file}"), "tapewatch", TIMEOUT_S)
            said = refusal(PostgresStore(place).open)
            assert "certificate" in said
            assert "sslrootcert" in said


def test_a_server_without_tls_is_refused_where_it_is_asked_for(postgres: LocalPostgres) -> None:
    place = Place(address_of(f"{postgres.url()}?sslmode=require"), "tapewatch", TIMEOUT_S)
    assert "sslmode" in refusal(PostgresStore(place).open)


def test_a_reader_may_read_everything_also_what_comes_later_and_change_nothing(
    strange: LocalPostgres, bench: Bench
) -> None:
    """The administrator lets people read; the sink, another user, makes the next day's part."""
    schema = schema_of_new(bench)
    admin(strange, f"create schema {schema} authorization writer")
    place = Place(address_of(strange.url("postgres", "writer", CANARY)), schema, TIMEOUT_S)
    store = PostgresStore(place)
    bench.made.append(store)
    store.open()
    admin(strange, grants(schema), grants(schema))
    admin(strange, f"create role {schema}_eye login password '{CANARY}' in role tapewatch_reader")
    anomalies, _ = found(1)
    put(store, [*anomalies, Item(a_message(1), "stocks", key=b"NVDA")])
    with psycopg.connect(strange.url("postgres", f"{schema}_eye", CANARY)) as eye:
        for name in ("anomalies", "trades", "trades_2025_05_05"):
            row = eye.execute(f"select count(*) from {schema}.{name}".encode()).fetchone()
            assert row == (1,)
        with pytest.raises(errors.InsufficientPrivilege):
            eye.execute(f"delete from {schema}.anomalies".encode())


def test_the_clock_of_the_store_decides_nothing(postgres: LocalPostgres, bench: Bench) -> None:
    _, episodes = found(4)
    store, schema = bench.opened(), schema_of(bench)
    for year, some in (("1999", episodes[2:]), ("2099", episodes[:2]), ("1970", episodes[3:])):
        admin(
            postgres,
            f"alter table {schema}.episodes alter written_at set default '{year}-01-01'",
            f"create or replace function {schema}.now() returns timestamptz language sql as "
            f"$$ select '{year}-01-01'::timestamptz $$",
        )
        put(store, some)
    assert bench.rows("episodes") == newest_of(episodes, "episode_id")


ODD_OPTIONS = (
    "sslmode=bogus",
    "colour=red",
    "connect_timeout=soon",
    "target_session_attrs=maybe",
    "sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
)


@pytest.mark.parametrize("options", ODD_OPTIONS)
def test_an_option_that_cannot_be_is_said_at_once(options: str, postgres: LocalPostgres) -> None:
    url = f"{postgres.url(password=CANARY)}?{options}"
    said = refusal(PostgresStore(Place(address_of(url), "tapewatch", TIMEOUT_S)).open)
    assert "DATABASE_URL" in said


BAD_URLS = (
    "",
    f"mysql://me:{CANARY}@host/db",
    f"postgresql://me:{CANARY}@/db",
    f"postgresql://me:{CANARY}@host",
    f"postgresql://me:p@{CANARY}@host/db",
    f"postgresql://me:p/{CANARY}@host/db",
    f"postgresql://me:{CANARY}@host:port/db",
    f"postgresql://me:[{CANARY}@host/db",
    f"postgresql://me:a#{CANARY}@host/db",
    f"postgresql://me:{CANARY}\udcff@host/db",  # bytes of the environment that are no UTF-8
    f"postgresql://me:{CANARY}%FF@host/db",
    f"postgresql://me:{CANARY}%00@host/db",
)


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_cannot_be_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        address_of(url)
    assert CANARY not in str(caught.value)
    assert caught.value.remedy


def test_an_option_that_there_is_not_is_refused_at_once() -> None:
    place = Place(address_of(f"postgresql://me:{CANARY}@127.0.0.1:1/db?foo={CANARY}"), "tapewatch")
    assert 'invalid connection option "foo"' in refusal(Session(place).wait)


def test_no_secret_of_libpqs_is_told() -> None:
    address = address_of(f"postgresql://me:first@host/db?sslpassword={CANARY}")
    assert address.masked(f"bad key {CANARY}, bad first") == "bad key ****, bad ****"


def test_a_password_may_come_from_a_file_and_have_any_letters(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/w:rd %\n")
    found_in_file = address_of("postgresql://me@host/db", file)
    written = address_of("postgresql://me:p%40ss%2Fw%3Ard%20%25@host/db")
    assert found_in_file.conninfo["password"] == written.conninfo["password"] == "p@ss/w:rd %"  # noqa: S105
    assert "p@ss" not in repr(written) + written.shown
    with pytest.raises(SettingsError, match="DATABASE_PASSWORD_FILE"):
        address_of("postgresql://me@host/db", tmp_path / "missing")


def test_a_place_says_where_it_is_and_not_how_to_get_in() -> None:
    place = Place(address_of(f"postgresql://me:{CANARY}@host:1/db"), "tapewatch")
    assert CANARY not in repr(place) + repr(replace(place, timeout_s=2.0))
