"""What of a run's settings the classic rules use, and by what their fingerprints differ."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tape.detection.parameters import (
    Parameters,
    SymbolThresholds,
    changed,
    digest,
)
from tape.detection.switched import rules_in_use
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE

RULES: Final = (HIGH_VOLUME, RAPID_PRICE_CHANGE, ISOLATION_FOREST)
"""The classic rules, in the order in which reasons are given."""

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
HASHED: Final = ("volume_threshold", "change_threshold", *FOREST)
"""Count for the fingerprint whatever they are."""
SINCE: Final = ("episode_gap_s",)
"""Came later, and count only where they are not the default: so old fingerprints stay.

A new parameter belongs here. One of another kind of detectors belongs into neither list.
"""


@dataclass(frozen=True, slots=True)
class ClassicParameters(Parameters):
    """The parameters of a run as the classic rules have them."""

    hashed: ClassVar = (*HASHED, *SINCE, "rules", "overrides")

    def flagging(self, symbol: str) -> int:
        """Return the bits of the rules that flag trades of a symbol."""
        bits = sum(rule.bit for rule in rules_in_use(self.rules, RULES))
        own = self.overrides.get(symbol)
        if own is None or own.forest is None:
            return bits
        return bits & ~ISOLATION_FOREST.bit | ISOLATION_FOREST.bit * own.forest

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that differ when a parameter of these rules differs."""
        values: dict[str, Any] = {name: getattr(self, name) for name in HASHED}
        values["overrides"] = _thresholds(self.overrides)
        used = rules_in_use(self.rules, RULES)
        if used != RULES:
            values["rules"] = [rule.word for rule in used]
        return digest(values | changed(self, SINCE))

    def learnt_fingerprint(self) -> str:
        """Return the fingerprint of what kept state depends on: the forest's parameters.

        Thresholds decide what is flagged and nothing that is learnt, so they may change between two
        runs.
        """
        return ClassicParameters(**{name: getattr(self, name) for name in FOREST}).fingerprint()


def _thresholds(overrides: dict[str, SymbolThresholds]) -> dict[str, dict[str, float | None]]:
    """Return the thresholds of symbols, without those that have only something of other kinds."""
    return {
        symbol: _own(own)
        for symbol, own in overrides.items()
        if own.volume_threshold is not None
        or own.change_threshold is not None
        or own.forest is not None
        or own == SymbolThresholds()
    }


def _own(own: SymbolThresholds) -> dict[str, float | None]:
    """Return what a symbol has of its own: both thresholds, set or not, and the switch if set."""
    values: dict[str, float | None] = {
        "volume_threshold": own.volume_threshold,
        "change_threshold": own.change_threshold,
    }
    return values if own.forest is None else values | {"forest": own.forest}
