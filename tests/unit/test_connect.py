"""Making a client: what fails before any broker is asked."""

from pathlib import Path

import pytest

from tape.broker.connect import ready_broker
from tape.errors import BrokerError


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
