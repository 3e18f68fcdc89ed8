"""One frozen, checked settings class per app, read once at start from the environment and `.env`.

The names are part of the interface; they stand alike in `.env.example`, `quix.yaml`, each app's
`app.yaml` and the compose file, which a test checks. Nothing else reads the environment.
"""

import difflib
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tape.detection.parameters import Parameters, Profile, Training
from tape.errors import SettingsError
from tape.regular_file import LARGE, read_file
from tape.symbol_lists import split_symbols
from tape.symbol_thresholds import (
    LEAST_PER_10K,
    MOST_PER_10K,
    MOST_PER_DAY,
    read_thresholds,
)

TOPIC = r"^[a-zA-Z0-9._-]{1,249}$"
INSTANCE = r"^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}$"
"""What Kafka takes as the stable name of a group's member, as far as it can name a folder."""
DOTENV = Path(".env")
STATE_BYTES = 64 * 1024
"""Room for a symbol's state but for WINDOW and HISTORY: what is remembered of its last trades."""
LITERAL_BYTES = 192 * 1024
"""So much more that takes in JSON, as the detector keeps it that is not compiled."""

TopicName = Annotated[str, Field(pattern=TOPIC)]


class BrokerSettings(BaseSettings):
    """How to reach the broker, and the topics; common to both apps."""

    model_config = SettingsConfigDict(
        frozen=True, case_sensitive=True, extra="ignore", env_ignore_empty=True, env_file=".env"
    )

    broker_address: str = Field("127.0.0.1:19092", alias="Quix__Broker__Address", min_length=3)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", alias="KAFKA_SECURITY_PROTOCOL"
    )
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = Field(
        "SCRAM-SHA-256", alias="KAFKA_SASL_MECHANISM"
    )
    sasl_username: str = Field("", alias="KAFKA_SASL_USERNAME")
    sasl_password: SecretStr = Field(SecretStr(""), alias="KAFKA_SASL_PASSWORD")
    ssl_ca_file: Path | None = Field(None, alias="KAFKA_SSL_CA_FILE")

    input: TopicName = "stocks"
    output: TopicName = "anomalies"
    rejected: TopicName = "rejected"
    episodes: TopicName = Field("episodes", alias="EPISODES_TOPIC")

    rejected_share_max: float = Field(0.01, alias="REJECTED_SHARE_MAX", ge=0, le=1)
    rejected_run_max: int = Field(1_000, alias="REJECTED_RUN_MAX", ge=0)
    max_symbols: int = Field(50_000, alias="MAX_SYMBOLS", ge=1, le=1_000_000)
    metrics_port: int = Field(0, alias="METRICS_PORT", ge=0, le=65_535)
    metrics_host: str = Field("127.0.0.1", alias="METRICS_HOST", min_length=1)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    log_format: Literal["auto", "plain", "json"] = Field("auto", alias="LOG_FORMAT")

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        if len(set(self.topics())) < 4:
            raise ValueError(
                "input, output, rejected and EPISODES_TOPIC must be four different topics"
            )
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_username and self.sasl_password.get_secret_value()
        ):
            raise ValueError(
                "KAFKA_SECURITY_PROTOCOL asks for SASL, so KAFKA_SASL_USERNAME and "
                "KAFKA_SASL_PASSWORD must be set"
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
    """Raise `ValueError` unless a file holds certificates in PEM, as the Kafka client needs it."""
    if not file.exists():
        raise ValueError(f"KAFKA_SSL_CA_FILE: there is no file {file}")
    try:
        read_file(file, LARGE)  # no pipe is waited for, here or by the Kafka client
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise ValueError(
            f"KAFKA_SSL_CA_FILE: {file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----); "
            "convert it, as with `openssl x509 -inform der -in FILE -out ca.pem`"
        ) from None
    except OSError as error:
        raise ValueError(f"KAFKA_SSL_CA_FILE: cannot read {file} ({error.strerror})") from None


class ProducerSettings(BrokerSettings):
    """Settings of the producer."""

    data_dir: Path = Field(Path("nasdaq"), alias="DATA_DIR")
    replay_speed: float = Field(0.0, alias="REPLAY_SPEED", ge=0, allow_inf_nan=False)
    symbols: Annotated[frozenset[str], NoDecode] = Field(frozenset(), alias="SYMBOLS")
    instance: str = Field(default_factory=socket.gethostname, alias="INSTANCE", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _split_symbols(cls, data: dict[str, object]) -> dict[str, object]:
        symbols = data.get("SYMBOLS")
        if isinstance(symbols, str):
            try:
                names = split_symbols(symbols, "SYMBOLS")
            except SettingsError as error:  # pydantic gathers what is wrong by ValueErrors
                raise ValueError(str(error)) from None
            data = {**data, "SYMBOLS": frozenset(names)}
        return data


class DetectorSettings(BrokerSettings):
    """Settings of the anomaly detector; `tape replay` reads the same ones."""

    consumer_group: TopicName = Field("anomaly-detector", alias="Quix__Consumer_Group")
    state_dir: Path = Field(Path("state"), alias="Quix__Deployment__State__Path")
    instance: str = Field(default_factory=socket.gethostname, alias="INSTANCE", pattern=INSTANCE)
    profile: Profile = Field("classic", alias="PROFILE")
    alerts_per_10k: float = Field(1.5, alias="ALERTS_PER_10K", ge=LEAST_PER_10K, le=MOST_PER_10K)
    alerts_per_day: float = Field(0.0, alias="ALERTS_PER_DAY", ge=0, le=MOST_PER_DAY)
    episode_gap_s: float = Field(1.0, alias="EPISODE_GAP_S", ge=1e-6, le=86_400)
    volume_threshold: int = Field(20_000, alias="VOLUME_THRESHOLD", ge=1)
    change_threshold: float = Field(0.01, alias="CHANGE_THRESHOLD", gt=0, allow_inf_nan=False)
    thresholds_file: Path | None = Field(None, alias="THRESHOLDS_FILE")
    window: int = Field(1_000, alias="WINDOW", ge=2, le=100_000)
    stride: int = Field(20, alias="STRIDE", ge=1)
    history: int = Field(1_000, alias="HISTORY", ge=50, le=100_000)
    refit_every: int = Field(1_000, alias="REFIT_EVERY", ge=1)
    trees: int = Field(100, alias="TREES", ge=1, le=10_000)
    contamination: float = Field(0.01, alias="CONTAMINATION", gt=0, le=0.5)
    random_state: int = Field(42, alias="RANDOM_STATE", ge=0, le=2**32 - 1)
    training: Training = Field("thinned", alias="TRAINING")
    commit_interval_s: float = Field(1.0, alias="COMMIT_INTERVAL_S", ge=0.05, le=10)
    batch_size: int = Field(1_000, alias="BATCH_SIZE", ge=1, le=100_000)
    stop_when_idle_s: float = Field(0.0, alias="STOP_WHEN_IDLE_S", ge=0)

    @property
    def state_bytes_max(self) -> int:
        """Return the most bytes that the state of a symbol takes on the changelog."""
        if self.profile == "calibrated":
            return STATE_BYTES
        values = self.window + self.history
        if self.training == "thinned" and self.history <= 25_000 and self.contamination <= 0.1:
            return STATE_BYTES + 8 * values
        return STATE_BYTES + LITERAL_BYTES + 52 * values  # not compiled: kept as JSON

    def parameters(self) -> Parameters:
        """Return what decides a verdict; raises `SettingsError` for a wrong THRESHOLDS_FILE."""
        overrides = {} if self.thresholds_file is None else read_thresholds(self.thresholds_file)
        return Parameters(
            volume_threshold=self.volume_threshold,
            change_threshold=self.change_threshold,
            overrides=overrides,
            window=self.window,
            stride=self.stride,
            history=self.history,
            refit_every=self.refit_every,
            trees=self.trees,
            contamination=self.contamination,
            random_state=self.random_state,
            training=self.training,
            profile=self.profile,
            alerts_per_10k=self.alerts_per_10k,
            alerts_per_day=self.alerts_per_day,
            episode_gap_s=self.episode_gap_s,
        )


class FetchSettings(BaseSettings):
    """Settings of `tape fetch`."""

    model_config = BrokerSettings.model_config

    api_key: SecretStr = Field(SecretStr(""), alias="DATABENTO_API_KEY")
    gateway: str = Field(
        "https://hist.databento.com",
        alias="DATABENTO_GATEWAY",
        pattern=r"^(https://[A-Za-z0-9.:\[\]-]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?)$",
    )

    connect_s: float = Field(10.0, alias="FETCH_CONNECT_S", gt=0, le=600)
    read_s: float = Field(60.0, alias="FETCH_READ_S", gt=0, le=3_600)

    def key(self) -> SecretStr:
        """Return the key. Raises `SettingsError`, which does not show it, if it cannot be one."""
        text = self.api_key.get_secret_value().strip()
        if not text:
            raise SettingsError(
                "DATABENTO_API_KEY is not set; copy your key from the page API keys of DataBento's "
                "portal into the environment or into .env"
            )
        if not (text.isascii() and text.isprintable()) or {" ", ":"} & set(text):
            raise SettingsError(
                "DATABENTO_API_KEY is no key: it holds blanks or characters that no key has; copy "
                "it again from the page API keys of DataBento's portal"
            )
        return SecretStr(text)


S = TypeVar("S", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Return the settings that the environment and `.env` hold.

    Raises `SettingsError` with one sentence for a value that cannot work and for a name that is
    almost, but not quite, the name of a setting.
    """
    _refuse_misspelt_names(os.environ)
    _check_dotenv()
    _refuse_misspelt_names(dotenv_values(DOTENV))
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_first_fault(error)) from None


def _check_dotenv() -> None:
    """Raise `SettingsError` if `.env` is there and is no text: a pipe would be waited for."""
    if not DOTENV.exists() or DOTENV.is_dir() or DOTENV.is_char_device():
        return  # a virtual environment, or /dev/null in its place: neither is read
    try:
        read_file(DOTENV).decode()
    except OSError as error:
        raise SettingsError(f"cannot read .env ({error.strerror}); correct or remove it") from None
    except UnicodeDecodeError:
        raise SettingsError(".env is not UTF-8; save it as UTF-8") from None


def names(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return the settings of an app by the name that the environment has for them."""
    return {field.alias or name: field for name, field in kind.model_fields.items()}


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting, its value as text (a secret's is masked), and where it came from."""

    name: str
    value: str
    source: Literal["environment", ".env", "default"]
    overrides_dotenv: bool = False


def origins(settings: BrokerSettings) -> list[Origin]:
    """Return where each setting came from, in the order of the environment, `.env`, default."""
    written = dotenv_values(".env")
    found = []
    for name, field in names(type(settings)).items():
        field_name = next(n for n, f in type(settings).model_fields.items() if f is field)
        value = getattr(settings, field_name)
        in_file = bool(written.get(name))
        if os.environ.get(name):
            hidden = in_file and written[name] != os.environ[name]
            found.append(Origin(name, _shown(value), "environment", hidden))
        else:
            found.append(Origin(name, _shown(value), ".env" if in_file else "default"))
    return found


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return "" if value is None else str(value)  # pydantic shows a secret as asterisks


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    text = fault["msg"].removeprefix("Value error, ")
    secret = "PASSWORD" in where or "KEY" in where
    found = "" if secret or not where else f" (found {str(fault['input'])[:80]!r})"
    return f"{where}: {text}{found}" if where else text


def _refuse_misspelt_names(found: Mapping[str, str | None]) -> None:
    known = {**names(ProducerSettings), **names(DetectorSettings), **names(FetchSettings)}
    long_names = [name for name in known if len(name) >= 8]
    for name in found:
        near = [] if name in known else difflib.get_close_matches(name, long_names, 1, 0.9)
        if near:
            raise SettingsError(
                f"{name} is set, but the setting is called {near[0]}: rename it or unset it"
            )
