"""Which anomalies are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tape.errors import SettingsError
from tape.model.rules import RULES, Rule
from tape.settings.symbol_lists import joined_symbols, split_symbols
from tape.view.alert import Seen
from tape.view.event import Event, State

WORDS: Final = ", ".join(rule.word for rule in RULES)
"""What a person types for a rule."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is shown; empty means all. `nvda` stands for NVDA, too.

    What a ranking suppresses is shown apart from all else: only that, or none of it.

    Attributes:
        rule: the name of a rule.
        profile: what a detector is called, with the rules that are its own.
        min_severity: what has less, or none, is not shown; 0 shows all. So has `min_priority`.
    """

    symbols: frozenset[str] = frozenset()
    rule: str = ""
    suppressed: bool = False
    profile: str = ""
    profile_rules: frozenset[str] = frozenset()
    min_severity: float = 0.0
    min_priority: float = 0.0

    def shows(self, one: Seen | Event) -> bool:
        """Return whether a trade, or an event, is shown."""
        hidden = one.is_suppressed if isinstance(one, Event) else one.suppressed
        return hidden == self.suppressed and self.fits(one)

    def fits(self, one: Seen | Event | State) -> bool:
        """Return the same apart from what a ranking says."""
        if self.symbols and not any(one.symbol in (n, n.upper()) for n in self.symbols):
            return False
        if self.rule and self.rule not in one.rules:
            return False
        if self.profile and self.profile_rules.isdisjoint(one.rules):
            return False
        return _reaches(one.severity, self.min_severity) and _reaches(
            one.priority, self.min_priority
        )

    @property
    def text(self) -> str:
        """Return it in words; empty if all is shown."""
        parts = [
            "suppressed" if self.suppressed else "",
            joined_symbols(sorted(self.symbols)),
            self.rule,
            self.profile,
            f"severity ≥ {self.min_severity:g}" if self.min_severity else "",
            f"priority ≥ {self.min_priority:g}" if self.min_priority else "",
        ]
        return " ".join(part for part in parts if part)


def _reaches(value: float | None, least: float) -> bool:
    return not least or (value is not None and value >= least)


def parse_symbols(text: str, option: str) -> frozenset[str]:
    """Return the symbols of a comma-separated list; raises `SettingsError`."""
    return frozenset(split_symbols(text, option))


def parse_rule(text: str, option: str, own: Iterable[Rule] = ()) -> str:
    """Return the name of the rule with this word, or with this in its name, in any case.

    Args:
        text: what a person typed; nothing means no rule.
        option: where it was typed.
        own: rules of detectors that are not of this program.

    Raises:
        SettingsError: no rule is meant, or several may be.
    """
    if not text:
        return ""
    wanted = text.casefold()
    rules = [*RULES, *own]
    found = [rule for rule in rules if wanted == rule.word.casefold()]
    found = found or [rule for rule in rules if wanted in rule.name.casefold()]
    if len(found) != 1:
        words = ", ".join(rule.word for rule in rules)
        raise SettingsError(f"{option}: {text!r} is no rule", f"choose from {words}")
    return found[0].name
