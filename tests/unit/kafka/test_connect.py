"""Making a client: what fails before any broker is asked."""

from pathlib import Path

import pytest

from tape.errors import BrokerError, TapeError
from tape.kafka.connect import ready_broker
from tape.settings.load import load
from tape.settings.producer import ProducerSettings
from tape.streaming.producer import ArchiveSource
from tape.synthetic import make_day, write_day
from tests.certificates import Authority


def test_a_client_that_cannot_be_made_is_answered_with_the_settings_to_check(
    tmp_path: Path,
) -> None:
    (tmp_path / "ca.pem").write_bytes(b"no certificate")
    client = {
        "bootstrap.servers": "127.0.0.1:1",
        "security.protocol": "ssl",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
    }
    with pytest.raises(BrokerError, match="KAFKA_SSL_CA_FILE") as caught:
        ready_broker(client, [], wait_s=1)
    assert "\n" not in str(caught.value)


def test_a_producer_whose_client_cannot_be_made_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its handlers once asked for what the constructor had not made: AttributeError."""
    authority = Authority(tmp_path / "ca", "authority").file
    write_day(make_day(1, ["AAA"], 100), tmp_path / "data")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_SSL_CA_FILE", str(authority))
    monkeypatch.setenv("Quix__Broker__Address", "127.0.0.1:1")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    source = ArchiveSource(load(ProducerSettings))
    authority.write_bytes(b"changed since the settings were read")
    with pytest.raises(TapeError, match="ssl") as caught:
        source._send_all()
    assert "\n" not in str(caught.value)
