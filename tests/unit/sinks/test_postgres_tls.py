"""A PostgreSQL with certificates: one that is right is accepted, each wrong one refused."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tape.errors import StoreAwayError, StoreError
from tape.kafka.local.broker import free_port
from tape.ops.local_postgres import SYSTEM, LocalPostgres
from tape.sinks.postgres.address import address_of
from tape.sinks.postgres.session import Place
from tape.sinks.postgres.store import PostgresStore
from tests.certificates import Authority
from tests.stores import found, put


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalPostgres]:
    """A server that demands TLS, its certificate in `server.pem`; not yet started.

    The package's PostgreSQL is built without TLS.
    """
    folders = sorted(SYSTEM.glob("*/bin"))
    if not folders:
        pytest.skip(f"no PostgreSQL of the system in {SYSTEM}: accepted certificates not tested")
    pem = str(tmp_path / "server.pem")
    config = {"ssl": "on", "ssl_cert_file": pem, "ssl_key_file": pem}
    made = LocalPostgres(
        tmp_path / "data", free_port(), config=config, durable=False, programs=folders[-1]
    )
    yield made
    made.stop()


def refusal(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        PostgresStore(Place(address_of(url), "tapewatch")).open()
    assert not isinstance(caught.value, StoreAwayError)
    assert "\n" not in str(caught.value)
    assert "sslrootcert" in caught.value.remedy
    return caught.value.cause


def test_a_certificate_is_accepted_if_authority_host_and_date_are_right(
    server: LocalPostgres, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    ours.server("server").chmod(0o600)
    server.start()
    url = f"{server.url()}?sslmode=verify-full&sslrootcert="
    store = PostgresStore(Place(address_of(f"{url}{ours.file}"), "tapewatch"))
    anomalies, _ = found(1)
    store.open()
    put(store, anomalies)
    with store.session.work() as connection:
        row = connection.execute(
            "select ssl, (select count(*) from anomalies) from pg_stat_ssl "
            "where pid = pg_backend_pid()"
        ).fetchone()
    assert row == (True, 1)
    store.close()
    assert "certificate verify failed" in refusal(f"{url}{theirs.file}")
    missing = tmp_path / "nowhere.pem"
    assert f'"{missing}" does not exist' in refusal(f"{url}{missing}")
    elsewhere = f"{url}{ours.file}".replace("@127.0.0.1:", "@localhost:")
    assert 'does not match host name "localhost"' in refusal(elsewhere)
    server.stop()
    ours.server("server", days_left=-1).chmod(0o600)
    server.start()
    assert "certificate verify failed" in refusal(f"{url}{ours.file}")
    with psycopg.connect(f"{server.url()}?sslmode=require"):  # so it was the date
        pass
