"""Settings of the alerter, and of the commands that send or count alerts."""

from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from tape.errors import SettingsError
from tape.process.regular_file import read_file
from tape.settings.broker import INSTANCE, BrokerSettings, TopicName
from tape.settings.load import given, load
from tape.settings.setting import instance_setting, setting

WHOM: Final = frozenset(("ALERT_URLS", "ALERT_URLS_FILE", "ALERT_WEBHOOK_URL"))
"""Settings of which one at least is set where people are told something."""


class AlerterSettings(BrokerSettings):
    """The broker's settings, whom to tell, and of what."""

    alerts: TopicName = setting(
        "alerts", "ALERTS_TOPIC", "topic of the alerts that were sent, the memory of the alerter"
    )
    alert_urls: SecretStr = setting(
        SecretStr(""),
        "ALERT_URLS",
        "whom to tell, addresses as Apprise has them, with commas or lines between; a secret",
    )
    alert_urls_file: Path | None = setting(
        None, "ALERT_URLS_FILE", "file with these addresses, in place of ALERT_URLS"
    )
    webhook_url: SecretStr = setting(
        SecretStr(""), "ALERT_WEBHOOK_URL", "URL that gets each alert as signed JSON; a secret"
    )
    webhook_secret: SecretStr = setting(
        SecretStr(""),
        "ALERT_WEBHOOK_SECRET",
        "with which the JSON is signed, 16 characters at least; a secret",
    )
    alert_rules: Path | None = setting(
        None,
        "ALERT_RULES",
        "TOML with rules: which episodes, whom, how often (docs/alerts.md); empty: from priority 6",
    )
    alert_calendars: Annotated[tuple[Path, ...], NoDecode] = setting(
        (), "ALERT_CALENDARS", "calendars of what is expected, .ics or CSV, comma-separated"
    )
    page_url: str = setting("", "PAGE_URL", "where the page is, for links in alerts")
    alert_pictures: bool = setting(
        True,
        "ALERT_PICTURES",
        "1: a small picture of the trades goes along where the channel takes one; 0: none",
    )
    alert_timeout_s: float = setting(
        10.0, "ALERT_TIMEOUT_S", "longest wait for an answer of a channel", "seconds", ge=1, le=60
    )
    alert_give_up_s: float = setting(
        3_600.0,
        "ALERT_GIVE_UP_S",
        "how long a message is tried that a channel does not take",
        "seconds",
        ge=10,
        le=86_400,
    )
    consumer_group: TopicName = setting(
        "alerter", "ALERT_CONSUMER_GROUP", "consumer group of the alerter"
    )
    instance: str = instance_setting(pattern=INSTANCE)
    stop_when_idle_s: float = setting(
        0.0, "STOP_WHEN_IDLE_S", "end after this long without input; 0: never", "seconds", ge=0
    )

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
