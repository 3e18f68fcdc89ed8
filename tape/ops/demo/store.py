"""The demo's last part: what was found goes through the sink into a store, and is shown there."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tape.errors import TapeError
from tape.kafka.local.ports import free_port
from tape.kafka.reader import ProgressReader
from tape.ops.app_files import app_main
from tape.ops.demo.app_process import Supervised
from tape.ops.local_postgres import LocalPostgres
from tape.ops.local_questdb import LocalQuestDb
from tape.process.clock import CLOCK
from tape.process.own_folder import empty_own, make_own
from tape.settings.sink import SEARCH_SINKS, SinkName, SinkSettings
from tape.settings.store_place import search_place_of

APP: Final = "anomaly_sink"
LIMIT_S: Final = 600.0


@dataclass(slots=True)
class Stored:
    """What lies in the store after a run.

    Attributes:
        where: for people.
        rows: by table or kind.
        top: anomalies to be looked at first: symbol, time, price, size, rules, reason.
        took_s: from the sink's start to its last commit.
    """

    where: str
    rows: dict[str, int] = field(default_factory=dict)
    top: list[tuple[Any, ...]] = field(default_factory=list)
    took_s: float = 0.0


def store_found(
    name: SinkName,
    out: Path,
    settings: SinkSettings,
    client: Mapping[str, str],
    env: dict[str, str],
) -> Stored:
    """Run the sink until it has stored all that is on its topics, and look at the store.

    With a database and without DATABASE_URL one of the demo's own is started: a PostgreSQL from a
    Python package, or a QuestDB from Maven's repository.
    Raises `TapeError` if the sink ends badly.
    """
    with _store_env(name, out, settings) as own:
        took_s = _run(out, settings, client, {**env, **own, "SINK": name})
        stored = _look(name, settings, own)
    stored.took_s = took_s
    return stored


@contextmanager
def _store_env(name: SinkName, out: Path, settings: SinkSettings) -> Iterator[dict[str, str]]:
    folder = out / ("sink" if name == "files" else name)
    if name in SEARCH_SINKS:
        yield _search_env(settings)
        return
    if name == "files" or not settings.database_url.get_secret_value():
        empty_own(folder)
        make_own(folder)
    if name == "files":
        yield {"SINK_DIR": str(folder)}
    elif settings.database_url.get_secret_value():
        yield {"DATABASE_URL": settings.database_url.get_secret_value()}
    else:
        server: LocalPostgres | LocalQuestDb
        if name == "questdb":
            server = LocalQuestDb(folder / "data", free_port())
        else:
            server = LocalPostgres(folder / "data", free_port())
        with server:
            yield {"DATABASE_URL": server.url()}


def _search_env(settings: SinkSettings) -> dict[str, str]:
    """Return where the server is that the user named, as settings of the sink."""
    return {
        "ELASTICSEARCH_URL": settings.elasticsearch_url.get_secret_value(),
        "ELASTICSEARCH_API_KEY": settings.elasticsearch_api_key.get_secret_value(),
        "ELASTICSEARCH_USERNAME": settings.elasticsearch_username,
        "ELASTICSEARCH_PASSWORD": settings.elasticsearch_password.get_secret_value(),
        "ELASTICSEARCH_CA_FILE": str(settings.elasticsearch_ca_file or ""),
        "INDEX_PREFIX": settings.index_prefix,
    }


def _run(
    out: Path, settings: SinkSettings, client: Mapping[str, str], env: Mapping[str, str]
) -> float:
    log_file = out / f"{APP}.log"
    log_file.unlink(missing_ok=True)
    group, start_s = "demo-sink", CLOCK.now_s()
    own = {"SINK_CONSUMER_GROUP": group, "SINK_COMMIT_INTERVAL_S": "0.5", "METRICS_PORT": "0"}
    app = Supervised(app_main(APP), {**env, **own}, log_file, ends_with_us=True)
    topics = [settings.topic_of(kind) for kind in settings.sink_topics]
    try:
        for topic in topics:
            with closing(ProgressReader(dict(client), topic, group)) as reader:
                while True:
                    code = app.exit_code()
                    if code is not None:
                        raise _ended(code, log_file)
                    progress = reader.read()
                    if progress.committed >= progress.written:
                        break
                    if CLOCK.now_s() - start_s > LIMIT_S:
                        raise TapeError("the sink is not done", f"read {log_file}")
                    CLOCK.sleep(0.2)
        return CLOCK.now_s() - start_s
    finally:
        app.stop()


def _ended(code: int, log_file: Path) -> TapeError:
    lines = log_file.read_text(errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it wrote nothing"
    return TapeError(f"the {APP} ended with exit code {code}: {said}", f"read {log_file}")


def _look(name: SinkName, settings: SinkSettings, env: Mapping[str, str]) -> Stored:
    if name == "files":
        from tape.sinks.files_look import look_at_files

        folder = Path(env["SINK_DIR"])
        return Stored(f"{folder}/topic=anomalies/day=*/*.parquet", *look_at_files(folder))
    if name in SEARCH_SINKS:
        from tape.sinks.search.look import look as look_at_search

        server = search_place_of(settings, settings.store_timeout_s)
        return Stored(f"{server.shown}/{server.prefix}-*", *look_at_search(server))
    from tape.sinks.stores import look, postgres_place

    place = postgres_place(
        env["DATABASE_URL"],
        settings.postgres_schema,
        password_file=settings.database_password_file,
        timeout_s=settings.store_timeout_s,
    )
    rows, top = look(place, name)
    where = f"PostgreSQL at {place.address.shown}, schema {settings.postgres_schema}"
    if name == "questdb":
        where = f"QuestDB at {place.address.shown}, tables {settings.postgres_schema}_…"
    return Stored(where, rows, top)
