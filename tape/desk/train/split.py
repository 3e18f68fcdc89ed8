"""Which days a model is trained on, by which it is stopped, and on which it is tried."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import Bools
from tape.errors import ArchiveError

LEAST_DAYS: Final = 3
LEAST_TO_TRAIN: Final = 10
LEAST_TO_TRY: Final = 3
"""Events that the days of training have together, and each of the two others."""
LEAST_ORDINARY: Final = 1_000
"""Ordinary trades of each of these: a tail is fitted to those of one of them."""


@dataclass(frozen=True, slots=True)
class Split:
    """Days by their use.

    Attributes:
        training: all but the two others.
        validation: says when to stop, and gives the tail of ordinary trades.
        test: of which nothing is used but to measure.
    """

    training: tuple[date, ...]
    validation: date
    test: date

    def told(self) -> dict[str, Any]:
        """Return the days as a manifest has them."""
        return {
            "training": [str(day) for day in self.training],
            "validation": str(self.validation),
            "test": str(self.test),
        }


def split_by_day(
    days: npt.NDArray[Any], labelled: Bools, events: npt.NDArray[Any], source: str
) -> Split:
    """Return how days are used: of those with labels the last one to test, the one before to stop.

    Args:
        days: per trade, as `datetime64[D]`.
        labelled: per trade whether it has a label.
        events: per trade the number of its event.
        source: the file, for the sentence.

    Raises:
        ArchiveError: there is only one class, or too few days, labels or ordinary trades.
    """
    if not labelled.any() or labelled.all():
        which = "has a label" if labelled.all() else "has none: no trade has a label"
        raise ArchiveError(
            f"{source} has one class only: every trade {which}",
            "a model learns what tells labelled trades from others: give a file with both",
        )
    all_days = np.unique(days)
    with_labels = np.unique(days[labelled])
    if len(with_labels) < LEAST_DAYS:
        raise ArchiveError(
            f"{source} has {_count(len(all_days), 'day')}, {len(with_labels)} of them with labels; "
            f"a model is trained, stopped and tried on days apart, so {LEAST_DAYS} are needed",
            "write the features of more labelled days into one file",
        )
    test, validation = with_labels[-1], with_labels[-2]
    others = all_days[(all_days != test) & (all_days != validation)]
    for name, own, least in (
        ("training", ~np.isin(days, [test, validation]), LEAST_TO_TRAIN),
        (f"validation, {validation}", days == validation, LEAST_TO_TRY),
        (f"test, {test}", days == test, LEAST_TO_TRY),
    ):
        found = len(np.unique(events[own & labelled]))
        ordinary = int((own & ~labelled).sum())
        if found < least or ordinary < LEAST_ORDINARY:
            raise ArchiveError(
                f"{source}: the days of {name} have {_count(found, 'labelled event')} and "
                f"{_count(ordinary, 'ordinary trade')}; at least {least} and {LEAST_ORDINARY:,} "
                "are needed",
                "add labels, or days",
            )
    return Split(tuple(day.item() for day in others), validation.item(), test.item())


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
