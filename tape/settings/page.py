"""Settings of the page."""

from typing import Annotated, Final, Self

from pydantic import field_validator, model_validator
from pydantic_settings import NoDecode

from tape.errors import SettingsError
from tape.settings.broker import BrokerSettings, TopicName
from tape.settings.load import given, load
from tape.settings.setting import (
    alerts_per_10k_setting,
    bars_topic_setting,
    reviews_topic_setting,
    setting,
)
from tape.settings.thresholds_file import LEAST_PER_10K, MOST_PER_10K

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
WHERE_PEOPLE_DECIDE: Final = frozenset(
    {"REVIEWS_TOPIC", "PAGE_HOST", "PAGE_PORT", "PAGE_NAMES", "PAGE_USER_HEADER", "PAGE_REVIEWERS"}
)
"""Settings of which one at least is set where there is a page."""


class PageSettings(BrokerSettings):
    """Settings of the page: `tape page`, and the app `dashboard`."""

    detector_group: TopicName = setting(
        "anomaly-detector", "Quix__Consumer_Group", "consumer group, also names the state"
    )
    bars_topic: TopicName = bars_topic_setting()
    reviews: TopicName = reviews_topic_setting()
    alerts_per_10k: float = alerts_per_10k_setting(ge=LEAST_PER_10K, le=MOST_PER_10K)
    page_host: str = setting(
        "127.0.0.1", "PAGE_HOST", "address on which the page listens", min_length=1
    )
    page_port: int = setting(8_501, "PAGE_PORT", "port of the page", ge=0, le=65_535)
    page_names: Annotated[frozenset[str], NoDecode] = setting(
        frozenset(),
        "PAGE_NAMES",
        "names under which the page answers beside localhost, comma-separated",
    )
    user_header: str = setting(
        "",
        "PAGE_USER_HEADER",
        "header in which a reverse proxy names the user; empty: everybody is called local",
        pattern=r"^[A-Za-z0-9-]{0,64}$",
    )
    reviewers: Annotated[frozenset[str], NoDecode] = setting(
        frozenset(),
        "PAGE_REVIEWERS",
        "users who may decide, comma-separated; empty: all whom the header names",
    )

    @field_validator("page_names", "reviewers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return frozenset(name.strip() for name in value.split(",") if name.strip())

    @model_validator(mode="after")
    def _topics_of_the_page_differ(self) -> Self:
        """Refuse a topic that is named twice."""
        names = [*self.topics(), self.bars_topic, self.reviews]
        if len(set(names)) < len(names):
            raise SettingsError(
                "BARS_TOPIC and REVIEWS_TOPIC are not two topics of their own",
                "give each a name that no other topic has",
            )
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names under which the page answers; those of this machine always."""
        return self.page_names | frozenset(LOOPBACK)

    @property
    def is_local(self) -> bool:
        """Return whether nobody but this machine reaches the page."""
        return self.page_host in LOOPBACK


def reviews_topic() -> str | None:
    """Return the topic of reviews; None where nobody decides, and it need not be there.

    Somebody does where REVIEWS_TOPIC or a setting of the page is set. Raises `SettingsError` for
    a setting that cannot work.
    """
    settings = load(PageSettings)
    return settings.reviews if given(settings, WHERE_PEOPLE_DECIDE) else None
