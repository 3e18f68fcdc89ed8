"""Settings of the anomaly sink, and of what else works with its store."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import field_validator, model_validator
from pydantic_settings import NoDecode

from tape.errors import SettingsError
from tape.settings.broker import INSTANCE, TopicName
from tape.settings.database import DatabaseSettings
from tape.settings.search import SearchSettings
from tape.settings.setting import (
    bars_topic_setting,
    instance_setting,
    reviews_topic_setting,
    setting,
)

SinkName = Literal["postgres", "questdb", "elasticsearch", "opensearch", "files"]
SEARCH_SINKS: Final = ("elasticsearch", "opensearch")
"""Both are one store: they speak the same."""

TOPICS: Final = ("anomalies", "episodes", "bars", "reviews", "rejected", "stocks")
"""What can be stored, by the role of its topic."""
NOT_STORED: Final[dict[SinkName, frozenset[str]]] = {
    "questdb": frozenset({"bars", "reviews"}),
    "elasticsearch": frozenset({"bars", "reviews"}),
    "opensearch": frozenset({"bars", "reviews"}),
}
"""What a store has no table or index for."""

COMMIT_S: Final[dict[SinkName, float]] = {
    "postgres": 1.0,
    "questdb": 1.0,
    "elasticsearch": 1.0,
    "opensearch": 1.0,
    "files": 30.0,
}
"""Seconds between two writes: of a file's each makes new files."""


class SinkSettings(SearchSettings, DatabaseSettings):
    """Settings of the anomaly sink; `tape sink` and `tape history` read them too."""

    sink: SinkName = setting(
        "postgres", "SINK", "postgres, questdb, elasticsearch, opensearch or files"
    )
    sink_topics: Annotated[tuple[str, ...], NoDecode] = setting(
        ("anomalies", "episodes"),
        "SINK_TOPICS",
        "what is stored, comma-separated: anomalies, episodes, bars, reviews, rejected, stocks "
        "(all trades)",
    )
    bars_topic: TopicName = bars_topic_setting()
    reviews: TopicName = reviews_topic_setting()
    group_or_none: TopicName | None = setting(
        None,
        "SINK_CONSUMER_GROUP",
        "consumer group; empty: anomaly-sink- and the name of the store",
    )
    sink_commit_s: float = setting(
        0.0,
        "SINK_COMMIT_INTERVAL_S",
        "time between two writes; 0: what suits the store (files 30, others 1)",
        "seconds",
        ge=0,
        le=600,
    )
    sink_migrate: bool = setting(
        True,
        "SINK_MIGRATE",
        "1: make and upgrade tables or index templates at start; 0: refuse to start with others",
    )
    sink_dir: Path = setting(Path("out/sink"), "SINK_DIR", "files: folder of the Parquet files")
    instance: str = instance_setting(pattern=INSTANCE)
    stop_when_idle_s: float = setting(
        0.0, "STOP_WHEN_IDLE_S", "end after this long without input; 0: never", "seconds", ge=0
    )

    @field_validator("sink_topics", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        unknown = [name for name in names if name not in TOPICS]
        if unknown or not names:
            raise ValueError(f"name some of {', '.join(TOPICS)}, separated by commas")
        return names

    @model_validator(mode="after")
    def _stored_topics_fit(self) -> Self:
        """Refuse a topic that is named twice, and one that the store has no place for."""
        unfit = [one for one in self.sink_topics if one in NOT_STORED.get(self.sink, ())]
        if unfit:
            can = [one for one in TOPICS if one not in NOT_STORED[self.sink]]
            raise SettingsError(
                f"SINK_TOPICS names {', '.join(unfit)}, which SINK={self.sink} does not store",
                f"name some of {', '.join(can)}, or set SINK to postgres or files",
            )
        names = [*self.topics(), self.bars_topic, self.reviews]
        if len(set(names)) < len(names):
            raise SettingsError(
                "BARS_TOPIC and REVIEWS_TOPIC are not two topics of their own",
                "give each a name that no other topic has",
            )
        return self

    @property
    def consumer_group(self) -> str:
        """Return the consumer group: one per store, unless it is set."""
        return self.group_or_none or f"anomaly-sink-{self.sink}"

    @property
    def commit_interval_s(self) -> float:
        """Return the seconds between two writes, 0 being what suits the store."""
        return self.sink_commit_s or COMMIT_S[self.sink]

    def topic_of(self, kind: str) -> str:
        """Return what the topic of a role is called here."""
        names = {
            "anomalies": self.output,
            "episodes": self.episodes,
            "rejected": self.rejected,
            "stocks": self.input,
            "bars": self.bars_topic,
            "reviews": self.reviews,
        }
        return names[kind]
