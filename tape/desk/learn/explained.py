"""What was learnt, in words: which alerts are alike, and how they were answered."""

from collections.abc import Sequence
from typing import Final

from tape.desk.learn.answers import Answered
from tape.detection.ranking import kind_of, numbers_of

LEAST_ALIKE: Final = 3
MOST_LINES: Final = 12
STEPS: Final = (1, 2, 5)
"""Sizes are alike between two of these times a power of ten."""


def explained(answered: Sequence[Answered]) -> list[str]:
    """Return how alike alerts were answered, those of most alerts first."""
    groups: dict[tuple[str, str, int], list[Answered]] = {}
    for one in answered:
        key = (*kind_of(one.alert), _step(one.alert.trade.size))
        groups.setdefault(key, []).append(one)
    found = []
    for (what, side, _), alike in groups.items():
        confirmed = sum(one.confirmed for one in alike)
        if len(alike) >= LEAST_ALIKE:
            most = max(confirmed, len(alike) - confirmed)
            word = "confirmed" if 2 * confirmed >= len(alike) else "dismissed"
            text = f"{word} {most} of {len(alike)} times: {what}, side {side}, {_shares(alike)}"
            found.append((-len(alike), text))
    return [text for _, text in sorted(found)[:MOST_LINES]]


def text_of(name: str, answered: Sequence[Answered]) -> str:
    """Return how the alerts with most and with least of a number were answered, a third each."""
    ranked = sorted(answered, key=lambda one: numbers_of(one.alert)[name])
    third = max(len(ranked) // 3, 1)
    least, most = ranked[:third], ranked[-third:]
    return (
        f"confirmed {sum(one.confirmed for one in most)} of the {third} alerts with most, "
        f"{sum(one.confirmed for one in least)} of the {third} with least"
    )


def _step(shares: int) -> int:
    """Return the largest number like 1, 2, 5, 10, 20, 50 that is not above a size.

    >>> _step(1_000), _step(1_999), _step(7), _step(49)
    (1000, 1000, 5, 20)
    """
    tens = 10 ** (len(str(shares)) - 1)
    return int(tens * max(step for step in STEPS if step * tens <= shares))


def _shares(alike: Sequence[Answered]) -> str:
    sizes = [one.alert.trade.size for one in alike]
    if max(sizes) == 1:
        return "1 share"
    if min(sizes) == max(sizes):
        return f"{sizes[0]:,} shares"
    return f"{min(sizes):,} to {max(sizes):,} shares"
