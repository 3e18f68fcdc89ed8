"""What of a run's settings the calibrated profile uses, and by what its fingerprints differ."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tape.detection.parameters import (
    BUDGETS,
    Parameters,
    SymbolThresholds,
    changed,
    digest,
)

HASHED: Final = (
    *("alerts_per_10k", "alerts_per_day", "budget_price", "budget_size", "budget_feed"),
    *("volume_threshold", "change_threshold", "window", "stride", "history", "refit_every"),
    *("trees", "contamination", "random_state", "training"),
)
"""Count for the fingerprint whatever they are.

Those behind the first line are the classic rules' and decide nothing here. They counted when all
parameters had one fingerprint, which is part of messages: so these stay, and none is added.
"""
SINCE: Final = ("episode_gap_s",)
"""Came later, and count only where they are not the default: so old fingerprints stay.

A new parameter belongs here. One of another kind of detectors belongs into neither list.
"""


@dataclass(frozen=True, slots=True)
class CalibratedParameters(Parameters):
    """The parameters of a run as the calibrated profile has them."""

    hashed: ClassVar = (*HASHED, *SINCE, "overrides")

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that differ when a parameter of this profile differs."""
        values: dict[str, Any] = {name: getattr(self, name) for name in HASHED}
        values["profile"] = "calibrated"
        values["overrides"] = {s: _own(one) for s, one in self.overrides.items()}
        return digest(values | changed(self, SINCE))

    def learnt_fingerprint(self) -> str:
        """Return the fingerprint of what kept state depends on: of no setting.

        Budgets decide what is flagged and nothing that is learnt, so they may change between two
        runs.
        """
        return CalibratedParameters().fingerprint()


def _own(own: SymbolThresholds) -> dict[str, float | None]:
    """Return what a symbol has of its own: both thresholds, set or not, and a budget if set."""
    values: dict[str, float | None] = {
        "volume_threshold": own.volume_threshold,
        "change_threshold": own.change_threshold,
    }
    budgets = {name: getattr(own, name) for name in BUDGETS}
    return values | {name: value for name, value in budgets.items() if value is not None}
