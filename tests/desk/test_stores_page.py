"""docs/stores.md: what it tells people to write works."""

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tape.ops.local_postgres import LocalPostgres
from tape.ops.local_questdb import LocalQuestDb
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.migrations import newest
from tape.sinks.postgres.session import Place
from tape.sinks.postgres.store import PostgresStore
from tape.sinks.questdb.look import look
from tape.sinks.questdb.store import QuestStore
from tests.apps import ROOT
from tests.commands import tape
from tests.stores import admin, files_bench, found, put

PAGE = (ROOT / "docs/stores.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def filled(postgres: LocalPostgres) -> str:
    """A database of its own with the schema of the page, and a few anomalies."""
    admin(postgres, "create database page")
    store = PostgresStore(Place(address_of(postgres.url("page")), "tapewatch"))
    store.open()
    anomalies, episodes = found(5)
    put(store, anomalies + episodes)
    store.close()
    return postgres.url("page")


def test_each_query_runs_and_finds_something(filled: str) -> None:
    (text,) = blocks("sql")
    queries = [query for query in text.split(";") if query.strip()]
    assert len(queries) == 4
    with psycopg.connect(filled) as connection:
        rows = [connection.execute(query.encode()).fetchall() for query in queries]
    assert rows[0]
    assert rows[1]
    assert rows[3]
    assert rows[0][0][0] == "NVDA"
    assert "shares in one trade" in rows[0][0][-1]


def test_each_query_of_questdb_runs_and_finds_something(questdb: LocalQuestDb) -> None:
    env = {"SINK": "questdb", "DATABASE_URL": questdb.url()}
    before = tape("sink", "check", **env)
    assert before.returncode == 1
    assert "tape sink migrate" in before.stdout
    assert tape("sink", "migrate", **env).returncode == 0
    place = Place(address_of(questdb.url()), "tapewatch")
    store = QuestStore(place)
    store.open()
    anomalies, episodes = found(5)
    put(store, anomalies + episodes)
    store.close()
    rows, top = look(place)
    assert (rows["anomalies"], rows["episodes"], len(top)) == (5, 1, 5)
    (text,) = blocks("questdb")
    queries = [query for query in text.split(";") if query.strip()]
    with psycopg.connect(questdb.url(), autocommit=True) as connection:
        told = [connection.execute(query.encode()).fetchall() for query in queries]
    assert [len(one) for one in (told[0], told[3])] == [5, 5]
    assert told[1]
    assert (told[0][0][0], told[1][0][1]) == ("NVDA", "NVDA")
    assert "shares in one trade" in told[0][0][-1]
    assert told[3][0][1].endswith("Z")
    checked = tape("sink", "check", **env)
    assert checked.returncode == 0, checked.stdout
    assert "QuestDB 9." in checked.stdout


def test_the_python_reads_what_the_sink_writes(tmp_path: Path) -> None:
    bench, (anomalies, episodes) = files_bench(tmp_path / "out/sink"), found(5)
    put(bench.opened(), anomalies + episodes)
    programs = blocks("python")
    assert len(programs) == 2
    for program in programs:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "NVDA" in done.stdout


def test_the_commands_look_make_and_let_read(filled: str, tmp_path: Path) -> None:
    assert all(words in PAGE for words in ("tape sink check", "tape sink migrate"))
    env = {"SINK": "postgres", "DATABASE_URL": filled}
    checked = tape("sink", "check", **env)
    assert checked.returncode == 0, checked.stdout
    assert f"version {newest()}" in checked.stdout
    assert tape("sink", "migrate", **env).returncode == 0
    grants = tape("sink", "grants", **env)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(grants.stdout.encode())
    empty = tape("sink", "check", **env, POSTGRES_SCHEMA="nothing_yet")
    assert empty.returncode == 1
    assert "tape sink migrate" in empty.stdout
    files = tape("sink", "check", SINK="files", SINK_DIR=str(tmp_path / "sink"))
    assert files.returncode == 0, files.stdout
    assert not (tmp_path / "sink").exists(), "it changes nothing"


def test_a_user_that_lacks_rights_is_told_which(filled: str, postgres: LocalPostgres) -> None:
    admin(
        postgres,
        "create role clerk login password 'word'",
        "grant usage on schema tapewatch to clerk",
        "grant select, insert on all tables in schema tapewatch to clerk",
        database="page",
    )
    env = {"SINK": "postgres", "DATABASE_URL": postgres.url("page", "clerk", "word")}
    told = tape("sink", "check", **env, SINK_TOPICS="anomalies,stocks")
    assert told.returncode == 1
    assert "clerk lacks: update on anomalies" in told.stdout
    assert "partitions of trades" in told.stdout
    wrong = tape("sink", "check", **(env | {"DATABASE_URL": postgres.url("page", "clerk", "no")}))
    assert wrong.returncode == 1
    assert "password authentication failed" in wrong.stdout


def test_the_doctor_looks_at_the_store_that_is_named(filled: str) -> None:
    told = tape("doctor", "--json", "--look-s", "0.5", SINK="postgres", DATABASE_URL=filled)
    assert '"check":"store","verdict":"ok"' in told.stdout.replace(" ", "")
    without = tape("doctor", "--json", "--look-s", "0.5")
    assert '"check":"store","verdict":"notchecked"' in without.stdout.replace(" ", "")
