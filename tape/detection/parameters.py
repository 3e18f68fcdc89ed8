"""Everything that decides a verdict, apart from the trades themselves."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

MOST_PER_DAY: Final = 10_000
"""Bounds of the budgets, for a symbol as for all."""


Profile = Literal["classic", "calibrated"]
Training = Literal["thinned", "window"]
BUDGETS: Final = ("alerts_per_10k", "alerts_per_day")
FOREST: Final = (
    "window",
    "stride",
    "history",
    "refit_every",
    "trees",
    "contamination",
    "random_state",
    "training",
)
"""Parameters of the isolation forest, whose verdicts are kept."""


@dataclass(frozen=True, slots=True)
class SymbolThresholds:
    """Thresholds of one symbol that differ from the common ones; None keeps the common one.

    Of the two budgets, which are the calibrated profile's, at most one is given.
    """

    volume_threshold: int | None = None
    change_threshold: float | None = None
    alerts_per_10k: float | None = None
    alerts_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What decides a verdict: the classic rules' parameters and the calibrated budget.

    Attributes:
        volume_threshold: shares; a larger trade is "High Volume".
        change_threshold: share of the previous price; a larger move is "Rapid Price Change".
        overrides: thresholds and budgets by symbol, in place of the common ones.
        window: how many prices the rolling mean and standard deviation look at.
        stride: every `stride`-th trade's z goes into the training history.
        history: how many z values the history keeps.
        refit_every: the forest is refitted at every `refit_every`-th trade of a symbol.
        trees: trees of a forest.
        contamination: share of the training values that count as anomalies, in (0, 0.5].
        random_state: seed of the forest, as scikit-learn takes it.
        training: "thinned" learns from the history, "window" from the last `window` prices.
        profile: "classic" or "calibrated", which uses only what follows.
        alerts_per_10k: alerts that an analyst can read per 10,000 trades.
        alerts_per_day: alerts of a symbol that an analyst can read a day; 0 leaves it to
            `alerts_per_10k`.
        episode_gap_s: flags of a symbol at most this many seconds apart are one episode.
        budget_price: share of the alerts that are of the price; the three add up to 1.
        budget_size: likewise of the size.
        budget_feed: likewise of how the feed behaves: stuck runs, bursts.
    """

    volume_threshold: int = 20_000
    change_threshold: float = 0.01
    overrides: dict[str, SymbolThresholds] = field(default_factory=dict)
    window: int = 1_000
    stride: int = 20
    history: int = 1_000
    refit_every: int = 1_000
    trees: int = 100
    contamination: float = 0.01
    random_state: int = 42
    training: Training = "thinned"
    profile: Profile = "classic"
    alerts_per_10k: float = 1.5
    alerts_per_day: float = 0.0
    episode_gap_s: float = 1.0
    budget_price: float = 0.5
    budget_size: float = 0.3
    budget_feed: float = 0.2

    @property
    def budget_shares(self) -> tuple[float, float, float]:
        """Return the shares of the alerts that are of price, of size and of the feed."""
        return self.budget_price, self.budget_size, self.budget_feed

    def budget_of(self, symbol: str) -> tuple[float, float]:
        """Return what a symbol has for `alerts_per_10k` and `alerts_per_day`."""
        own = self.overrides.get(symbol, SymbolThresholds())
        if own.alerts_per_day is not None:
            return self.alerts_per_10k, own.alerts_per_day
        if own.alerts_per_10k is not None:
            return own.alerts_per_10k, 0.0
        return self.alerts_per_10k, self.alerts_per_day

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that differ when any parameter differs."""
        values = asdict(self)
        values["overrides"] = self._overrides()
        if self.profile == "classic":  # its fingerprint stays what it was before there were two
            del values["profile"], values["alerts_per_10k"], values["alerts_per_day"]
            del values["budget_price"], values["budget_size"], values["budget_feed"]
        if self.episode_gap_s == 1.0:  # likewise, before there were episodes
            del values["episode_gap_s"]
        text = json.dumps(values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def learnt_fingerprint(self) -> str:
        """Return the fingerprint of what kept state depends on.

        Thresholds and budgets decide what is flagged and nothing that is learnt, so they may change
        between two runs: they count as their defaults here.
        """
        if self.profile == "calibrated":
            return Parameters(profile="calibrated").fingerprint()
        forest = {name: getattr(self, name) for name in FOREST}
        return Parameters(**forest).fingerprint()

    def _overrides(self) -> dict[str, dict[str, float]]:
        """Return the overrides as they decide a verdict.

        What only the other profile uses is skipped, and so is what nobody set, so that
        fingerprints stay what they were before there were budgets of symbols.
        """
        found = {}
        for symbol, own in self.overrides.items():
            values = asdict(own)
            budgets = {name: values.pop(name) for name in BUDGETS}
            budgets = {name: value for name, value in budgets.items() if value is not None}
            if self.profile == "calibrated":
                values |= budgets
            elif budgets and not any(value is not None for value in values.values()):
                continue
            found[symbol] = values
        return found
