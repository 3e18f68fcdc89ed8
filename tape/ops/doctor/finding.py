"""What a check says."""

from dataclasses import dataclass
from typing import Literal

from tape.errors import TapeError

Verdict = Literal["ok", "warning", "problem", "not checked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check.

    Attributes:
        check: what was looked at, a word or two.
        verdict: `not checked` is neither good nor bad: nobody asked, or an earlier check failed.
        text: what was found, one sentence without a full stop.
        fix: what to do about it; empty if nothing.
        details: further facts, a line each.
    """

    check: str
    verdict: Verdict
    text: str
    fix: str = ""
    details: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Return whether nobody needs to act on it."""
        return self.verdict not in ("warning", "problem")


def first_cause(check: str, error: TapeError, verdict: Verdict = "problem") -> Finding:
    """Return a finding from an error: what was found, and what to do about it."""
    return Finding(check, verdict, error.cause, error.remedy)
