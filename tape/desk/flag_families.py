"""What a flagged trade is flagged for: its price, its size, or how the feed behaves."""

from typing import Final

import numpy as np
import numpy.typing as npt

from tape.detection.protocol import Verdicts
from tape.detection.registry import Lineup
from tape.model.rules import Family

FAMILIES: Final[tuple[Family, ...]] = ("price", "size", "feed")
"""In the order of their bits, and of the field `family` in the evidence of a detector."""
ALL: Final = (1 << len(FAMILIES)) - 1
"""The bits of all families."""


def flag_families(lineup: Lineup, verdicts: Verdicts) -> npt.NDArray[np.uint8]:
    """Return, per flagged trade of a batch, the families that it is flagged for, as bits.

    A rule of one family says it by itself; of one that looks at several, the detector's evidence
    may have a field `family`. Where nothing says it, a flag counts for each.
    """
    if verdicts.parts:
        bits = np.zeros(len(verdicts.rules), np.uint8)
        for part in verdicts.parts:
            rows = part.verdicts.flagged
            places = rows if part.positions is None else part.positions[rows]
            bits[places] |= flag_families(lineup, part.verdicts)
        return bits[verdicts.flagged]
    found = np.zeros(len(verdicts.flagged), np.uint8)
    rules = verdicts.rules[verdicts.flagged]
    said = np.full(len(found), ALL, np.uint8)
    evidence = verdicts.evidence
    if "family" in (evidence.dtype.names or ()) and evidence["family"].dtype.kind in "fiu":
        said = (1 << evidence["family"].astype(np.int64).clip(0, 2)).astype(np.uint8)
    for rule in lineup.rules:
        fired = (rules & rule.bit) != 0
        if len(rule.families) == 1:
            found[fired] |= np.uint8(1 << FAMILIES.index(rule.families[0]))
        else:
            found[fired] |= said[fired]
    return found
