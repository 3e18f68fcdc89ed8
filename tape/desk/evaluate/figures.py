"""The figures of a profile: of all events together, of each family and of each kind."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np

from tape.desk.evaluate.curves import average_precision, curve, event_curve
from tape.desk.evaluate.matching import Bools
from tape.desk.evaluate.metrics import (
    NONE,
    Held,
    alarms_per_10k,
    median_delay,
    only,
    ordinary_per_10k,
    precision,
    recall,
    recall_within,
)
from tape.desk.flag_families import FAMILIES

SEVERITIES: Final = (3, 4, 5)
DIGITS: Final = 6
"""Decimals of a share: more than any number of events can fill."""


def figures(held: Held, *, is_severity: bool = False) -> dict[str, Any]:
    """Return what verdicts are worth; `is_severity` where their severities say how rare."""
    ordinary = int((held.event == NONE).sum())
    found = {
        **of_events(held),
        "precision": round(precision(held), DIGITS),
        "alarms_per_10k": round(alarms_per_10k(held), 4),
        "by_family": by_family(held),
        "by_kind": by_kind(held),
        "trades": len(held.event),
        "ordinary_trades": ordinary,
        "flagged_trades": int(held.flagged.sum()),
        "true_alarms": int(held.true_alarms.sum()),
        "false_alarms": held.false_alarms,
        "false_alarms_by_family": dict(zip(FAMILIES, held.false_of, strict=True)),
        "false_alarms_behind_events": held.aftermath,
    }
    if is_severity:
        found["ordinary_per_10k_at_severity"] = {
            str(level): round(ordinary_per_10k(held, level), 4) for level in SEVERITIES
        }
    return found


def of_events(held: Held) -> dict[str, Any]:
    """Return how well the events are ranked and found, by trade and by event."""
    return {
        "pr_auc": round(average_precision(curve(held)), DIGITS),
        "event_pr_auc": round(average_precision(event_curve(held)), DIGITS),
        "recall": round(recall(held), DIGITS),
        "recall_within": recall_within(held),
        "events": len(held.kinds),
        "found": int((held.delay != NONE).sum()),
        "median_delay_trades": median_delay(held.delay),
    }


def by_family(held: Held) -> dict[str, dict[str, Any]]:
    """Return the figures of each family that has events: held against these only.

    Its false alarms are those of flags of the family, whatever they flag.
    """
    ordinary = max(int((held.event == NONE).sum()), 1)
    return {
        family: {
            **of_events(only(held, _equal(held.families, family))),
            "alarms_per_10k": round(10_000 * false / ordinary, 4),
        }
        for family, false in zip(FAMILIES, held.false_of, strict=True)
        if family in held.families
    }


def by_kind(held: Held) -> dict[str, dict[str, Any]]:
    """Return the figures of each kind: held against its events only."""
    return {
        kind: of_events(only(held, _equal(held.kinds, kind))) for kind in dict.fromkeys(held.kinds)
    }


def _equal(values: Sequence[Hashable], wanted: Hashable) -> Bools:
    return np.array([value == wanted for value in values], np.bool_)
