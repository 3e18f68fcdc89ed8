"""How fast stores take what is found: `python -m benchmarks.stores [ROWS]`.

A PostgreSQL from its package, with its disk waited for as in earnest; an Elasticsearch and an
OpenSearch as the tests have them (a heap of 256 MB, the JVM's first compiler only); a folder of
Parquet files; and a QuestDB from Maven's repository, which waits for no disk unless it is told to.
Beside rows per second of the clock it tells the CPU seconds of the sink and of its server process
for a million rows: on a machine that others use, too, only these mean something.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tape.archives import find_archives
from tape.detection.parameters import Parameters
from tape.history.load import Wanted, load
from tape.judging.judge import Judge
from tape.kafka.local.ports import free_port
from tape.model.bar import Bar, encode_bar, iso_second
from tape.model.counts import Counts
from tape.ops.local_postgres import LocalPostgres
from tape.ops.local_questdb import LocalQuestDb
from tape.sinks.parquet_store import ParquetStore
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.session import Place
from tape.sinks.postgres.store import PostgresStore
from tape.sinks.questdb.store import QuestStore
from tape.sinks.questdb.tables import unseen
from tape.sinks.search.place import search_place
from tape.sinks.search.store import SearchStore
from tape.sinks.sink import Item, Kind, Store
from tape.synthetic import make_day, write_day
from tape.testing import a_message
from tests.search_servers import Elasticsearch, OpenSearch, SearchServer

APPENDED_MS = 1_750_000_000_000
TICKS_S = os.sysconf("SC_CLK_TCK")
AT_ONCE = 2_000
SYMBOLS = 1_000
START_S = 1_746_451_800
"""Of the bars: how many there are of a second, and the first second."""


def main(rows: int) -> None:
    """Measure each store with this many anomalies, and ten times as many trades."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        day = write_day(make_day(seed=1, trades=10 * rows), folder / "day")
        values = [a_message(n, size=30_000 + n) for n in range(1, rows + 1)]
        found = Judge(Parameters(), 5, Counts()).judge([b"NVDA"] * rows, values)
        anomalies = items([one.value for one in found.flagged], "anomalies")
        trades = items(values, "stocks")
        with LocalPostgres(folder / "postgres", free_port()) as server:
            place = Place(address_of(server.url()), "tapewatch")
            store = PostgresStore(place)
            store.open()
            backend = backend_of(store)
            measured("postgres, anomalies", rows, lambda: put(store, anomalies), backend)
            measured("postgres, the same again", rows, lambda: put(store, anomalies), backend)
            measure_bars(store, rows, backend)
            put(store, trades[: rows // 2])  # compiled by now
            half = rows - rows // 2
            rest = trades[rows // 2 :]
            measured("postgres, trades as messages", half, lambda: put(store, rest), backend)
            store.close()
            archives = find_archives(day).archives
            load(place, archives, Wanted(frozenset({"NVDA"})))  # compiled by now
            measured("postgres, history load", 10 * rows, lambda: load(place, archives, Wanted()))
            measured("postgres, load again", 10 * rows, lambda: load(place, archives, Wanted()))
        search(folder / "elasticsearch", Elasticsearch, anomalies)
        search(folder / "opensearch", OpenSearch, anomalies)
        files = ParquetStore(folder / "files")
        files.open()
        measured("files, anomalies", rows, lambda: put(files, anomalies))
        with LocalQuestDb(folder / "questdb", free_port()) as quest:
            measure_questdb(quest, anomalies, trades)


def measure_bars(store: Store, rows: int, backend: int) -> None:
    """Measure bars of a thousand symbols a second, new ones and those of a second told again."""
    whole = rows // SYMBOLS * SYMBOLS
    for nth, what in enumerate(("postgres, bars", "postgres, bars that have changed")):
        bars = items([a_bar(n, nth) for n in range(whole)], "bars", since=nth * whole)
        measured(what, whole, partial(put, store, bars), backend)


def a_bar(number: int, nth: int) -> bytes:
    """Return the nth record of a bar."""
    second, symbol = divmod(number, SYMBOLS)
    prices = (100.0, 100.5, 99.5, 100.25 + nth)
    bar = Bar(f"S{symbol}", iso_second(START_S + second), *prices, 500, 5 + nth, nth, 99.0, 101.5)
    return encode_bar(bar)


def measure_questdb(server: LocalQuestDb, anomalies: list[Item], trades: list[Item]) -> None:
    """Measure a QuestDB, until all it took can be seen."""
    store = QuestStore(Place(address_of(server.url()), "tapewatch"))
    store.open()

    def put_and_see(rows: list[Item]) -> None:
        put(store, rows)
        with store.session.work() as connection:
            while unseen(connection, store.session):
                time.sleep(0.01)

    warm, rest = anomalies[: len(anomalies) // 4], anomalies[len(anomalies) // 4 :]
    put_and_see(warm)  # its Java has compiled what it runs
    for what, some in (("anomalies", rest), ("the same again", rest), ("trades", trades)):
        measured(f"questdb, {what}", len(some), partial(put_and_see, some), server.pid)
    store.close()


def search(folder: Path, kind: type[SearchServer], anomalies: list[Item]) -> None:
    """Measure a search server, which is fetched if need be; of its CPU all of it is told."""
    with kind(folder, free_port()) as server:
        store = SearchStore(search_place(server.url, prefix="tapewatch"))
        store.open()
        first = min(AT_ONCE, len(anomalies) // 4)
        put(store, anomalies[:first])  # the index is made, and the first documents are slow
        rest = anomalies[first:]
        pid = server.java_pid()
        name = kind.name.lower()
        measured(f"{name}, anomalies", len(rest), lambda: put(store, rest), pid)
        measured(f"{name}, the same again", len(rest), lambda: put(store, rest), pid)
        store.close()


def items(values: list[bytes], kind: Kind, since: int = 0) -> list[Item]:
    """Return messages as they lie on a topic, from an offset on."""
    return [
        Item(value, kind, kind, offset=n, appended_ms=APPENDED_MS + n // 10, key=b"NVDA")
        for n, value in enumerate(values, start=since)
    ]


def put(store: Store, rows: list[Item]) -> None:
    """Write rows as the sink does: what a second brings at once."""
    step = len(rows) if rows and rows[0].kind == "stocks" else AT_ONCE
    for at in range(0, len(rows), step):
        store.write(rows[at : at + step])


def backend_of(store: PostgresStore) -> int:
    """Return the server's process that works for a store."""
    with store.session.work() as connection:
        return int(connection.info.backend_pid)


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def measured(what: str, rows: int, work: Callable[[], object], backend: int | None = None) -> None:
    """Print how long work on that number of rows takes."""
    start_s, own_s = time.perf_counter(), time.process_time()
    server_s = None if backend is None else cpu_s(backend)
    work()
    took_s, own_s = time.perf_counter() - start_s, time.process_time() - own_s
    told = f"{what:30} {rows / took_s:>10,.0f} rows/s"
    told += f"; CPU of a million rows: {own_s / rows * 1e6:.1f} s here"
    if backend is not None and server_s is not None:
        told += f", {(cpu_s(backend) - server_s) / rows * 1e6:.1f} s in the server"
    print(told, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
