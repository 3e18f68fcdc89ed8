"""Fixtures: one real server of each kind a session, fresh names a test."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

import pytest
from hypothesis import is_hypothesis_test, settings

from tape.errors import SettingsError
from tape.kafka.local.broker import LocalKafka, free_port
from tape.ops.local_postgres import LocalPostgres, server_programs
from tape.ops.local_questdb import LocalQuestDb, java_and_jar
from tests.search_servers import Elasticsearch, OpenSearch, SearchServer, UnavailableError

S = TypeVar("S", bound=SearchServer)

os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
"""Brokers of tests live for seconds or minutes, in which the JVM's second compiler costs a third of
all their CPU time: a start takes 4.7 s of it in place of 6.9 s."""

settings.register_profile("tapewatch", deadline=None)  # speed is for benchmarks: machines are busy
settings.load_profile("tapewatch")

ENDED_BY: Final = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
for one, default in ENDED_BY.items():
    if signal.getsignal(one) is signal.SIG_IGN:
        # Started in the background (`nohup`, some CI servers): apps under test would ignore it too.
        signal.signal(one, default)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """The session's broker, on a free port, gone at the end."""
    with LocalKafka(tmp_path_factory.mktemp("kafka"), free_port()) as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """The session's PostgreSQL, on a free port, gone at the end."""
    try:
        server_programs()
    except SettingsError as missing:
        pytest.skip(f"{missing}: nothing that needs a PostgreSQL is tested")
    folder = tmp_path_factory.mktemp("postgres")
    with LocalPostgres(folder / "data", free_port(), durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalQuestDb]:
    """The session's QuestDB, on a free port, gone at the end."""
    try:
        java_and_jar()
    except SettingsError as missing:
        pytest.skip(f"{missing}: nothing that needs a QuestDB is tested")
    config = {"pg.readonly.user.enabled": "true"}
    folder = tmp_path_factory.mktemp("questdb")
    with LocalQuestDb(folder / "data", free_port(), config=config) as server:
        yield server


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    """The session's Elasticsearch, which wants to know who asks."""
    yield from _search_server(Elasticsearch, tmp_path_factory, secured=True)


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    """The session's OpenSearch, open to all of this machine."""
    yield from _search_server(OpenSearch, tmp_path_factory, secured=False)


def _search_server(kind: type[S], folders: pytest.TempPathFactory, *, secured: bool) -> Iterator[S]:
    try:
        server = kind(folders.mktemp(kind.prefix), free_port(), secured=secured)
    except UnavailableError as missing:
        pytest.skip(f"{missing}: nothing that needs it is tested")
    with server:
        yield server


@pytest.fixture
def topic_names() -> Callable[[str], str]:
    """Return a function that makes a name unique to this test."""
    suffix = uuid4().hex[:8]
    return lambda name: f"{name}-{suffix}"


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker of the test's own, to be killed and paused; not yet started."""
    broker = LocalKafka(tmp_path / "kafka", free_port())
    yield broker
    broker.stop()


TRACED: Final = 2
"""How many of a test's parameters the coverage sees: tracing doubles a test's time, and the others
hardly reach a new line."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Trace the lines that the first parameters of each test reach, and no drawn examples."""
    seen: Counter[str] = Counter()
    for item in items:
        name = item.nodeid.partition("[")[0]
        seen[name] += 1
        if seen[name] > TRACED or is_hypothesis_test(getattr(item, "function", None)):
            item.add_marker(pytest.mark.no_cover)
