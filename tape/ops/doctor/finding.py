"""What a check says."""

from dataclasses import dataclass
from typing import Literal

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


def first_cause(check: str, sentence: str, verdict: Verdict = "problem") -> Finding:
    """Return a finding from an error's sentence: what was found before the `;`, then the fix."""
    text, _, fix = sentence.partition("; ")
    return Finding(check, verdict, text, fix)
