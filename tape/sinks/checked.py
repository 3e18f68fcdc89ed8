"""What a look at a store says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer of one check.

    Attributes:
        check: what was looked at, a word.
        is_well: whether it is as it has to be.
        text: what was found, without a full stop.
        fix: what to do about it; empty if nothing.
    """

    check: str
    is_well: bool
    text: str
    fix: str = ""
