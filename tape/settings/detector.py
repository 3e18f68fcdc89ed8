"""Settings of the anomaly detector."""

import socket
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from tape.detection.parameters import MOST_PER_DAY, Parameters, Training
from tape.detection.registry import lineup, words_of
from tape.errors import SettingsError
from tape.settings.broker import INSTANCE, BrokerSettings, TopicName
from tape.settings.ranking_file import read_ranking
from tape.settings.thresholds_file import LEAST_PER_10K, MOST_PER_10K, read_thresholds

ROUNDING = 1e-6
"""By how much shares may miss the whole: three thirds do."""


class DetectorSettings(BrokerSettings):
    """Settings of the anomaly detector; `tape replay` reads the same ones."""

    consumer_group: TopicName = Field("anomaly-detector", alias="Quix__Consumer_Group")
    state_dir: Path = Field(Path("state"), alias="Quix__Deployment__State__Path")
    instance: str = Field(default_factory=socket.gethostname, alias="INSTANCE", pattern=INSTANCE)
    profile: str = Field("classic", alias="PROFILE")
    alerts_per_10k: float = Field(1.5, alias="ALERTS_PER_10K", ge=LEAST_PER_10K, le=MOST_PER_10K)
    alerts_per_day: float = Field(0.0, alias="ALERTS_PER_DAY", ge=0, le=MOST_PER_DAY)
    budget_price: float = Field(0.5, alias="BUDGET_PRICE", ge=0, le=1)
    budget_size: float = Field(0.3, alias="BUDGET_SIZE", ge=0, le=1)
    budget_feed: float = Field(0.2, alias="BUDGET_FEED", ge=0, le=1)
    episode_gap_s: float = Field(1.0, alias="EPISODE_GAP_S", ge=1e-6, le=86_400)
    volume_threshold: int = Field(20_000, alias="VOLUME_THRESHOLD", ge=1)
    change_threshold: float = Field(0.01, alias="CHANGE_THRESHOLD", gt=0, allow_inf_nan=False)
    thresholds_file: Path | None = Field(None, alias="THRESHOLDS_FILE")
    model: Path | None = Field(None, alias="MODEL")
    ranking_file: Path | None = Field(None, alias="RANKING_FILE")
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

    @field_validator("profile")
    @classmethod
    def _names_are_known(cls, profile: str) -> str:
        """Refuse what is no detector's name; whether it can be imported its use will show."""
        return ",".join(words_of(profile))

    @model_validator(mode="after")
    def _shares_are_a_whole(self) -> Self:
        """Refuse shares of the budget that are more or less than it."""
        whole = self.budget_price + self.budget_size + self.budget_feed
        if abs(whole - 1.0) > ROUNDING:
            raise SettingsError(
                "BUDGET_PRICE, BUDGET_SIZE and BUDGET_FEED are shares of the alerts and add up to "
                f"{whole:g}",
                "make them add up to 1, as 0.5, 0.3 and 0.2 do",
            )
        return self

    @property
    def files(self) -> list[Path]:
        """Return the files and folders that these settings name, which a command only reads."""
        return [*filter(None, [self.thresholds_file, self.ranking_file, self.model])]

    @property
    def state_bytes_max(self) -> int:
        """Return the most bytes that a detector's state of a symbol takes on the changelog.

        Raises `SettingsError` if one of PROFILE cannot be imported.
        """
        parameters = self.parameters()
        return max(
            kind.state_bytes_max(kind.parameters.of(parameters))
            for kind in lineup(self.profile).kinds
        )

    def parameters(self) -> Parameters:
        """Return what decides a verdict; raises `SettingsError` for a wrong file that one names."""
        ranking = None if self.ranking_file is None else read_ranking(self.ranking_file)
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
            budget_price=self.budget_price,
            budget_size=self.budget_size,
            budget_feed=self.budget_feed,
            episode_gap_s=self.episode_gap_s,
            model="" if self.model is None else str(self.model),
            ranking=ranking,
        )
