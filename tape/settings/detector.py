"""Settings of the anomaly detector."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import field_validator, model_validator

from tape.detection.parameters import MOST_PER_DAY, Parameters, Training
from tape.detection.registry import lineup, words_of
from tape.errors import SettingsError
from tape.settings.broker import INSTANCE, BrokerSettings, TopicName
from tape.settings.ranking_file import read_ranking
from tape.settings.setting import (
    alerts_per_10k_setting,
    bars_topic_setting,
    instance_setting,
    setting,
)
from tape.settings.thresholds_file import LEAST_PER_10K, MOST_PER_10K, read_thresholds

ROUNDING = 1e-6
"""By how much shares may miss the whole: three thirds do."""
OF_THE_APP: Final = frozenset(
    {
        *("consumer_group", "state_dir", "instance"),
        *("commit_interval_s", "batch_size", "stop_when_idle_s", "bars", "bars_topic"),
    }
)
"""Settings that decide how the app runs, and no verdict."""


class DetectorSettings(BrokerSettings):
    """Settings of the anomaly detector; `tape replay` reads the same ones."""

    consumer_group: TopicName = setting(
        "anomaly-detector", "Quix__Consumer_Group", "consumer group, also names the state"
    )
    state_dir: Path = setting(
        Path("state"), "Quix__Deployment__State__Path", "folder of the local state"
    )
    instance: str = instance_setting(pattern=INSTANCE)
    profile: str = setting(
        "classic",
        "PROFILE",
        "detectors, comma-separated: classic, calibrated, supervised, or module:KIND of your own",
    )
    alerts_per_10k: float = alerts_per_10k_setting(ge=LEAST_PER_10K, le=MOST_PER_10K)
    alerts_per_day: float = setting(
        0.0,
        "ALERTS_PER_DAY",
        "calibrated: budget of alerts per symbol and trading day, used instead; 0: not used",
        "alerts",
        ge=0,
        le=MOST_PER_DAY,
    )
    budget_price: float = setting(
        0.5,
        "BUDGET_PRICE",
        "calibrated: share of the alerts that are of the price; the three add up to 1",
        "share",
        ge=0,
        le=1,
    )
    budget_size: float = setting(
        0.3,
        "BUDGET_SIZE",
        "calibrated: share of the alerts that are of the size",
        "share",
        ge=0,
        le=1,
    )
    budget_feed: float = setting(
        0.2,
        "BUDGET_FEED",
        "calibrated: share of the alerts that are of the feed: stuck runs, bursts",
        "share",
        ge=0,
        le=1,
    )
    episode_gap_s: float = setting(
        1.0,
        "EPISODE_GAP_S",
        "flagged trades of a symbol at most this far apart (trade time) are one episode",
        "seconds",
        ge=1e-6,
        le=86_400,
    )
    bars: Literal["1s", "off"] = setting(
        "1s", "BARS", "1s: bars of one second go to BARS_TOPIC; off: none"
    )
    bars_topic: TopicName = bars_topic_setting()
    volume_threshold: int = setting(
        20_000, "VOLUME_THRESHOLD", "classic: a trade of more shares is High Volume", "shares", ge=1
    )
    change_threshold: float = setting(
        0.01,
        "CHANGE_THRESHOLD",
        "classic: a larger move from one trade to the next is Rapid Price Change",
        "share of the price before",
        gt=0,
        allow_inf_nan=False,
    )
    rules: str = setting(
        "", "RULES", "the rules that flag, comma-separated: volume, price, forest; empty: all"
    )
    thresholds_file: Path | None = setting(
        None,
        "THRESHOLDS_FILE",
        "TOML with thresholds and budgets by symbol, as `tape tune` writes it",
    )
    model: Path | None = setting(
        None, "MODEL", "supervised: folder of a model that `tape train` wrote"
    )
    ranking_file: Path | None = setting(
        None,
        "RANKING_FILE",
        "JSON of `tape learn`: ranks alerts by what reviews say, and may suppress some",
    )
    window: int = setting(
        1_000,
        "WINDOW",
        "classic: number of prices in the rolling window",
        "trades",
        ge=2,
        le=100_000,
    )
    stride: int = setting(
        20, "STRIDE", "classic: the forest learns from every Nth trade", "trades", ge=1
    )
    history: int = setting(
        1_000,
        "HISTORY",
        "classic: number of training values of the forest",
        "values",
        ge=50,
        le=100_000,
    )
    refit_every: int = setting(
        1_000,
        "REFIT_EVERY",
        "classic: the forest is refitted at every Nth trade of a symbol",
        "trades",
        ge=1,
    )
    trees: int = setting(100, "TREES", "classic: trees of the forest", "trees", ge=1, le=10_000)
    contamination: float = setting(
        0.01,
        "CONTAMINATION",
        "classic: share of the training values that count as anomalous",
        "share",
        gt=0,
        le=0.5,
    )
    random_state: int = setting(
        42, "RANDOM_STATE", "classic: seed of the forest", ge=0, le=2**32 - 1
    )
    training: Training = setting(
        "thinned",
        "TRAINING",
        "classic: thinned (learns from HISTORY) or window (from the last WINDOW prices)",
    )
    commit_interval_s: float = setting(
        1.0, "COMMIT_INTERVAL_S", "time between commits", "seconds", ge=0.05, le=10
    )
    batch_size: int = setting(
        1_000, "BATCH_SIZE", "messages per batch", "messages", ge=1, le=100_000
    )
    stop_when_idle_s: float = setting(
        0.0, "STOP_WHEN_IDLE_S", "end after this long without input; 0: never", "seconds", ge=0
    )

    @field_validator("profile")
    @classmethod
    def _names_are_known(cls, profile: str) -> str:
        """Refuse what is no detector's name; whether it can be imported its use will show."""
        return ",".join(words_of(profile))

    @field_validator("rules")
    @classmethod
    def _words(cls, rules: str) -> str:
        """Have each word once; which of them are rules depends on PROFILE."""
        words = filter(None, (word.strip().lower() for word in rules.split(",")))
        found = ",".join(dict.fromkeys(words))
        if rules.strip() and not found:
            raise SettingsError(f"RULES: {rules!r} names no rule", "name one, or leave it out")
        return found

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

    @model_validator(mode="after")
    def _bars_have_a_topic(self) -> Self:
        """Refuse a topic of bars that is another one's."""
        if self.bars_to in self.topics():
            raise SettingsError(
                f"BARS_TOPIC is {self.bars_topic}, which is another topic's name",
                "give bars a topic of their own",
            )
        return self

    @property
    def bars_to(self) -> str | None:
        """Return the topic that bars are written to; None if none are."""
        return None if self.bars == "off" else self.bars_topic

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
            rules=tuple(self.rules.split(",")) if self.rules else (),
            model="" if self.model is None else str(self.model),
            ranking=ranking,
        )


def judging_names() -> list[str]:
    """Return the settings that a command without a broker has: they decide what is flagged."""
    of_apps = {*OF_THE_APP, *BrokerSettings.model_fields} - {"max_symbols"}
    fields = DetectorSettings.model_fields
    return [one.alias or name for name, one in fields.items() if name not in of_apps]
