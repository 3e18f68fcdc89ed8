"""Settings of the alerter, and of the commands that send or count alerts."""

import socket
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from tape.errors import SettingsError
from tape.process.regular_file import read_file
from tape.settings.broker import INSTANCE, BrokerSettings, TopicName
from tape.settings.load import given, load

WHOM: Final = frozenset(("ALERT_URLS", "ALERT_URLS_FILE", "ALERT_WEBHOOK_URL"))
"""Settings of which one at least is set where people are told something."""


class AlerterSettings(BrokerSettings):
    """The broker's settings, whom to tell, and of what."""

    alerts: TopicName = Field("alerts", alias="ALERTS_TOPIC")
    alert_urls: SecretStr = Field(SecretStr(""), alias="ALERT_URLS")
    alert_urls_file: Path | None = Field(None, alias="ALERT_URLS_FILE")
    webhook_url: SecretStr = Field(SecretStr(""), alias="ALERT_WEBHOOK_URL")
    webhook_secret: SecretStr = Field(SecretStr(""), alias="ALERT_WEBHOOK_SECRET")
    alert_rules: Path | None = Field(None, alias="ALERT_RULES")
    alert_calendars: Annotated[tuple[Path, ...], NoDecode] = Field((), alias="ALERT_CALENDARS")
    page_url: str = Field("", alias="PAGE_URL")
    alert_timeout_s: float = Field(10.0, alias="ALERT_TIMEOUT_S", ge=1, le=60)
    alert_give_up_s: float = Field(3_600.0, alias="ALERT_GIVE_UP_S", ge=10, le=86_400)
    consumer_group: TopicName = Field("alerter", alias="ALERT_CONSUMER_GROUP")
    instance: str = Field(default_factory=socket.gethostname, alias="INSTANCE", pattern=INSTANCE)
    stop_when_idle_s: float = Field(0.0, alias="STOP_WHEN_IDLE_S", ge=0)

    @field_validator("alert_calendars", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.alerts in self.topics():
            raise SettingsError(
                f"ALERTS_TOPIC names {self.alerts}, which is another topic of ours",
                "give it a name of its own",
            )
        if self.alert_urls_file is not None and self.alert_urls.get_secret_value():
            raise SettingsError("ALERT_URLS and ALERT_URLS_FILE are both set", "unset one")
        if self.page_url:
            parts = urlsplit(self.page_url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.username:
                raise SettingsError("PAGE_URL is no URL of a page", "write https://HOST/")
        return self

    def urls(self) -> str:
        """Return the addresses of ALERT_URLS, from the file if they are in one; secret.

        Raises `SettingsError` if the file cannot be read.
        """
        if self.alert_urls_file is None:
            return self.alert_urls.get_secret_value()
        try:
            return read_file(self.alert_urls_file).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SettingsError(
                f"ALERT_URLS_FILE: cannot read {self.alert_urls_file} ({why})", "correct it"
            ) from None


def alerts_topic() -> str | None:
    """Return the topic of alerts; None where nobody is told anything, and it need not be there.

    Raises `SettingsError` for a setting that cannot work.
    """
    settings = load(AlerterSettings)
    return settings.alerts if given(settings, WHOM | {"ALERTS_TOPIC"}) else None
