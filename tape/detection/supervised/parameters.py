"""What of a run's settings the supervised profile uses: the model, and the budget of alerts."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from tape.detection.parameters import Parameters, changed, digest
from tape.detection.supervised.columns import schema_hash
from tape.detection.supervised.limits import GATE
from tape.detection.supervised.models import Model, load_model
from tape.errors import SettingsError

SINCE = ("episode_gap_s",)
"""Count for the fingerprint only where they are not the default."""


@dataclass(frozen=True, slots=True)
class SupervisedParameters(Parameters):
    """The parameters of a run as the supervised profile has them."""

    hashed: ClassVar = ("model", "alerts_per_10k", *SINCE, "overrides")

    @classmethod
    def of(cls, run: Parameters) -> Self:
        """Return them; raises `SettingsError` if there is no model, or one that cannot be used."""
        if not run.model:
            raise SettingsError(
                "PROFILE has supervised, and MODEL is not set",
                "set it to a folder that `tape train` wrote, or take supervised out of PROFILE",
            )
        own = cls(**{one.name: getattr(run, one.name) for one in fields(Parameters)})
        own.loaded()
        return own

    def loaded(self) -> Model:
        """Return the model; raises `SettingsError` if it cannot be used."""
        try:
            return load_model(Path(self.model))
        except SettingsError as error:
            raise SettingsError(f"MODEL: {error.cause}", error.remedy) from None

    def per_10k_of(self, symbol: str) -> float:
        """Return how many of 10,000 ordinary trades of a symbol may be flagged."""
        own = self.overrides.get(symbol)
        if own is None or own.alerts_per_10k is None:
            return self.alerts_per_10k
        return own.alerts_per_10k

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that differ when the model or a budget differs."""
        values: dict[str, Any] = {
            "profile": "supervised",
            "model": self.loaded().identity,
            "gate": GATE,
            "alerts_per_10k": self.alerts_per_10k,
            "overrides": {
                symbol: own.alerts_per_10k
                for symbol, own in self.overrides.items()
                if own.alerts_per_10k is not None
            },
        }
        return digest(values | changed(self, SINCE))

    def learnt_fingerprint(self) -> str:
        """Return the fingerprint of what kept state depends on: of the features, of no model."""
        return schema_hash()[:12]
