"""Regular expressions for files' names that end, whatever the name.

Python's matcher tries every way in which repetitions can share a text: `(A+)+_` against thirty
letters takes for ever. A columns file may lie beside files that a stranger sent, so a pattern is
taken only if the ways are few, by its own structure.
"""

import re
from collections.abc import Sequence
from importlib import import_module
from math import comb
from typing import Any, Final

NAME_MAX: Final = 255
"""Characters of a file's name; members of zip archives may have longer ones, which are cut."""

WAYS_MAX: Final = comb(NAME_MAX, 4)
"""Ways to lay four repetitions over a name, or three from any place of it: two or three seconds."""

FEW: Final = 16
"""Repetitions of this many at most count as this many ways; longer ones share the name's length."""

ONE_CHARACTER: Final = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "RANGE", "CATEGORY"})
REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


def name_pattern(text: str) -> re.Pattern[str]:
    """Return a pattern that is found, or not, in bounded time.

    Raises `re.error` for what is no pattern, and for one that might not end.
    """
    pattern = re.compile(text)
    items = import_module("re._parser").parse(text)
    wide, few = _ways(items)
    anchored = len(items) > 0 and str(items[0][0]) == "AT"
    if comb(NAME_MAX, wide + (not anchored)) * few > WAYS_MAX:
        raise re.error("it repeats in too many places: three, or four behind a ^, are the most")
    return pattern


def find_in_name(pattern: re.Pattern[str], name: str) -> re.Match[str] | None:
    """Return where a pattern is found in a file's name."""
    return pattern.search(name[:NAME_MAX])


def _ways(items: Sequence[tuple[Any, Any]]) -> tuple[int, int]:
    """Return how many long repetitions a sequence has, and the ways of all that is short."""
    wide, few = 0, 1
    for kind, of in items:
        more, times = _ways_of(str(kind), of)
        wide, few = wide + more, few * times
    return wide, few


def _ways_of(kind: str, of: Any) -> tuple[int, int]:
    if kind in REPEATS:
        return _ways_of_repeat(*of)
    if kind == "SUBPATTERN":
        return _ways(of[-1])
    if kind == "ATOMIC_GROUP":
        return _ways(of)
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _ways(of[1])
    if kind == "BRANCH":
        found = [_ways(one) for one in of[1]]
        return max(wide for wide, _ in found), sum(few for _, few in found)
    if kind in ONE_CHARACTER or kind in ("AT", "FAILURE"):
        return 0, 1
    raise re.error("it refers to what it has found, which is not read here")


def _ways_of_repeat(least: int, most: int, what: Sequence[tuple[Any, Any]]) -> tuple[int, int]:
    wide, few = _ways(what)
    if (wide or few > 1) and most > 1:
        raise re.error("it repeats something that can be found in several ways")
    if most - least >= FEW:
        return wide + 1, few
    return wide, few + most - least
