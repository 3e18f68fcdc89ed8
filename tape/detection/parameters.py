"""Everything that decides a verdict, apart from the trades themselves."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Self

if TYPE_CHECKING:
    from tape.detection.ranking import Ranking

MOST_PER_DAY: Final = 10_000
"""Largest budget of alerts per symbol and day; nobody reads more."""


Training = Literal["thinned", "window"]
BUDGETS: Final = ("alerts_per_10k", "alerts_per_day")


@dataclass(frozen=True, slots=True)
class SymbolThresholds:
    """Thresholds of one symbol that differ from the common ones; None keeps the common one.

    Attributes:
        volume_threshold: shares; a larger trade is flagged.
        change_threshold: share of the previous price; a larger move is flagged.
        alerts_per_10k: budget of the calibrated profile per 10,000 trades.
        alerts_per_day: the same per trading day. Of the two budgets at most one is given.
        forest: whether the isolation forest flags.
    """

    volume_threshold: int | None = None
    change_threshold: float | None = None
    alerts_per_10k: float | None = None
    alerts_per_day: float | None = None
    forest: bool | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What decides the verdicts of a run: all that its settings say, to whichever detector.

    A kind of detectors takes of it what it needs, and says in its own subclass by which of them
    its fingerprints differ.

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
        profile: the detectors, comma-separated, as `PROFILE` has them.
        alerts_per_10k: alerts that an analyst can read per 10,000 trades.
        alerts_per_day: alerts of a symbol that an analyst can read a day; 0 leaves it to
            `alerts_per_10k`.
        episode_gap_s: flags of a symbol at most this many seconds apart are one episode.
        budget_price: share of the alerts that are of the price; the three add up to 1.
        budget_size: likewise of the size.
        budget_feed: likewise of how the feed behaves: stuck runs, bursts.
        model: folder of the model of the supervised profile; empty for none.
        rules: words of the rules that flag; none for all that the detectors have.
        ranking: what was learnt from reviews; decides no flag and no state, None if nothing was.
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
    profile: str = "classic"
    alerts_per_10k: float = 1.5
    alerts_per_day: float = 0.0
    episode_gap_s: float = 1.0
    budget_price: float = 0.5
    budget_size: float = 0.3
    budget_feed: float = 0.2
    model: str = ""
    rules: tuple[str, ...] = ()
    ranking: "Ranking | None" = None

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

    @classmethod
    def of(cls, run: "Parameters") -> Self:
        """Return the parameters of a run as those of a kind of detectors."""
        if type(run) is cls:
            return run
        return cls(**{one.name: getattr(run, one.name) for one in fields(Parameters)})


def changed(parameters: Parameters, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named parameters that are not the default."""
    default = Parameters()
    values = {name: getattr(parameters, name) for name in names}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def digest(values: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that differ when any of the values differs."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class OwnParameters:
    """What a detector of one's own may take its parameters' class from: a frozen dataclass.

    Every field counts for both fingerprints. A `learnt_fingerprint` without the fields that decide
    what is flagged and nothing that is learnt lets these change between two runs.
    """

    @classmethod
    def of(cls, run: Parameters) -> Self:
        """Return the parameters in a run with these settings: the defaults."""
        return cls()

    def fingerprint(self) -> str:
        """Return digits that differ when any parameter differs."""
        return digest({one.name: getattr(self, one.name) for one in fields(self)})  # type: ignore[arg-type]

    def learnt_fingerprint(self) -> str:
        """Return digits that differ when kept state cannot be gone on with."""
        return self.fingerprint()
