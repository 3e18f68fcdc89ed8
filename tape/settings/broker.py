"""How to reach the broker, and the topics: common to all apps."""

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tape.errors import SettingsError
from tape.process.regular_file import LARGE, read_file
from tape.settings.setting import setting

TOPIC = r"^[a-zA-Z0-9._-]{1,249}$"
"""What Kafka takes as the name of a topic."""


INSTANCE = r"^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}$"
"""What Kafka takes as the stable name of a group's member, as far as it can name a folder."""


DOTENV = Path(".env")


TopicName = Annotated[str, Field(pattern=TOPIC)]


class BrokerSettings(BaseSettings):
    """How to reach the broker, and the topics; common to both apps."""

    model_config = SettingsConfigDict(
        frozen=True, case_sensitive=True, extra="ignore", env_ignore_empty=True, env_file=".env"
    )

    broker_address: str = setting(
        "127.0.0.1:19092",
        "Quix__Broker__Address",
        "Kafka bootstrap servers, comma-separated",
        min_length=3,
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "PLAINTEXT", "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = setting(
        "SCRAM-SHA-256", "KAFKA_SASL_MECHANISM", "SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN"
    )
    sasl_username: str = setting("", "KAFKA_SASL_USERNAME", "user name for SASL")
    sasl_password: SecretStr = setting(
        SecretStr(""), "KAFKA_SASL_PASSWORD", "password for SASL; a secret"
    )
    ssl_ca_file: Path | None = setting(
        None, "KAFKA_SSL_CA_FILE", "certificate authority of the broker, a PEM file"
    )

    input: TopicName = setting("stocks", "input", "topic of the trades")
    output: TopicName = setting("anomalies", "output", "topic of the flagged trades")
    rejected: TopicName = setting("rejected", "rejected", "topic of what could not be read")
    episodes: TopicName = setting(
        "episodes", "EPISODES_TOPIC", "topic of the episodes of flagged trades"
    )

    rejected_share_max: float = setting(
        0.01,
        "REJECTED_SHARE_MAX",
        "stop when more than this share of the last 100,000 records was rejected; 0: never",
        "share",
        ge=0,
        le=1,
    )
    rejected_run_max: int = setting(
        1_000,
        "REJECTED_RUN_MAX",
        "stop when this many records in a row were rejected; 0: never",
        "records",
        ge=0,
    )
    max_symbols: int = setting(
        50_000,
        "MAX_SYMBOLS",
        "maximum number of symbols judged at a time, shared by the partitions",
        "symbols",
        ge=1,
        le=1_000_000,
    )
    metrics_port: int = setting(
        0, "METRICS_PORT", "port of /metrics (Prometheus) and /health; 0: none", ge=0, le=65_535
    )
    metrics_host: str = setting(
        "127.0.0.1",
        "METRICS_HOST",
        "address on which /metrics and /health are answered",
        min_length=1,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        "INFO", "LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["auto", "plain", "json"] = setting(
        "auto", "LOG_FORMAT", "auto (plain on a terminal, JSON elsewhere), plain or json"
    )

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        if len(set(self.topics())) < 4:
            raise SettingsError(
                "input, output, rejected and EPISODES_TOPIC are not four topics",
                "give each a name of its own",
            )
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_username and self.sasl_password.get_secret_value()
        ):
            raise SettingsError(
                "KAFKA_SECURITY_PROTOCOL asks for SASL, and there is no name or no password",
                "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
            )
        if self.ssl_ca_file is not None:
            _check_authority(self.ssl_ca_file)
        return self

    def topics(self) -> tuple[str, str, str, str]:
        """Return the names of the topics, in the order that `pipeline_topics` takes them."""
        return self.input, self.output, self.rejected, self.episodes

    def client_config(self) -> dict[str, str]:
        """Return the connection in librdkafka's names. Holds the password: never log it."""
        config = {
            "bootstrap.servers": self.broker_address,
            "security.protocol": self.security_protocol.lower(),
        }
        if self.security_protocol.startswith("SASL"):
            config["sasl.mechanism"] = self.sasl_mechanism
            config["sasl.username"] = self.sasl_username
            config["sasl.password"] = self.sasl_password.get_secret_value()
        if self.ssl_ca_file is not None:
            config["ssl.ca.location"] = str(self.ssl_ca_file)
        return config


def _check_authority(file: Path) -> None:
    """Raise `SettingsError` unless a file holds certificates in PEM, as the client needs them."""
    if not file.exists():
        raise SettingsError(f"KAFKA_SSL_CA_FILE: there is no file {file}", "correct the path")
    try:
        read_file(file, LARGE)  # no pipe is waited for, here or by the Kafka client
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise SettingsError(
            f"KAFKA_SSL_CA_FILE: {file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
            "convert it, as with `openssl x509 -inform der -in FILE -out ca.pem`",
        ) from None
    except OSError as error:
        raise SettingsError(
            f"KAFKA_SSL_CA_FILE: cannot read {file} ({error.strerror})", "correct its rights"
        ) from None
