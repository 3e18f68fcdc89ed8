"""Which settings are in the hash that alerts carry in `detector`, and what it is made of."""

from typing import Final

from tape.detection.kind import Kind
from tape.settings.detector import DetectorSettings

FIELDS: Final = {"overrides": "thresholds_file", "ranking": "ranking_file"}
"""What parameters have read from a file that a setting names."""
ALWAYS: Final = ("profile", "ranking")
"""Of parameters, in the hash whatever the detector: which ones judge, and what ranks them."""


def settings_hashed(kind: Kind) -> list[str]:
    """Return the settings by which the hash of a detector differs, in the order of the settings.

    A detector of one's own has parameters of its own; its hash differs by those.
    """
    hashed = {*ALWAYS, *getattr(kind.parameters, "hashed", ())}
    fields = {FIELDS.get(name, name) for name in hashed}
    return [
        field.alias or name
        for name, field in DetectorSettings.model_fields.items()
        if name in fields
    ]
