"""Settings of the anomaly sink, and of what else works with its store."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import field_validator
from pydantic_settings import NoDecode

from tape.settings.broker import INSTANCE, TopicName
from tape.settings.database import DatabaseSettings
from tape.settings.search import SearchSettings
from tape.settings.setting import instance_setting, setting

SinkName = Literal["postgres", "questdb", "elasticsearch", "opensearch", "files"]
SEARCH_SINKS: Final = ("elasticsearch", "opensearch")
"""Both are one store: they speak the same."""

TOPICS: Final = ("anomalies", "episodes", "rejected", "stocks")
"""What can be stored, by the role of its topic."""

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
        "what is stored, comma-separated: anomalies, episodes, rejected, stocks (all trades)",
    )
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
        }
        return names[kind]
