"""Which setting a name means that is almost one: typing errors, and no names of other programs."""

import difflib
from collections.abc import Iterable
from functools import cache
from typing import Final

from tape.settings.names import NAMES

SHORT: Final = 6
"""Among names of this many letters an error is told from another word by the first letter only.

`input` and `output` are such, which other programs may have in capitals.
"""
LONG: Final = 10
"""From this many letters on two errors are still nearer to the setting than to anything else."""
OTHERS: Final = frozenset(("MODE", "ROLES", "LOGLEVEL", "DATABASE_URI"))
"""Names one error away from a setting that other programs are known to have."""


@cache  # the environment's names, at each `load`
def meant_by(name: str) -> str | None:
    """Return the setting whose name was mistyped; None for a setting's name, and any other one.

    One error is a letter too many, missing, wrong, or changed with its neighbour; capitals or not
    are none.

    >>> meant_by("PROFIL"), meant_by("Profile"), meant_by("COMMIT_INTERVAL"), meant_by("SEED")
    ('PROFILE', 'PROFILE', 'COMMIT_INTERVAL_S', None)
    """
    if name in NAMES or name in OTHERS:
        return None
    found = [(errors, setting) for setting in NAMES if (errors := _errors(name, setting))]
    return min(found)[1] if found else None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like another one, whatever its length; None for none.

    >>> nearest("PROFIL", ["profile", "window"]), nearest("x", ["profile"])
    ('profile', None)
    """
    lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), lower, 1, 0.6)
    return lower[found[0]] if found else None


def _errors(name: str, setting: str) -> int | None:
    """Return how many errors lie between a name and a setting's; None where it is another word."""
    most = 2 if len(setting) >= LONG else 1
    if abs(len(name) - len(setting)) > most:
        return None
    if len(setting) <= SHORT and name[:1].casefold() != setting[:1].casefold():
        return None
    if setting not in ("input", "output"):
        name, setting = name.casefold(), setting.casefold()
    if len({*name} ^ {*setting}) > 2 * most:  # most of the names there are end here
        return None
    older, before, row = [0], [0], list(range(len(setting) + 1))
    for i, letter in enumerate(name, start=1):
        older, before, row = before, row, [i]
        for j, other in enumerate(setting, start=1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == setting[j - 2] and name[i - 2] == other:
                least = min(least, older[j - 2] + 1)
            row.append(least)
    return max(row[-1], 1) if row[-1] <= most else None
