"""Which anomalies are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tape.errors import SettingsError
from tape.model.rules import RULES, Rule
from tape.settings.symbol_lists import joined_symbols, split_symbols
from tape.view.alert import Seen

WORDS: Final = ", ".join(rule.word for rule in RULES)
"""What a person types for a rule."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Symbols and a rule; empty means all. `nvda` stands for NVDA, too.

    What a ranking suppresses is shown apart from all else: only that, or none of it.
    """

    symbols: frozenset[str] = frozenset()
    rule: str = ""
    suppressed: bool = False

    def shows(self, one: Seen) -> bool:
        """Return whether an anomaly is shown."""
        if one.suppressed != self.suppressed:
            return False
        if self.symbols and not any(one.symbol in (n, n.upper()) for n in self.symbols):
            return False
        return not self.rule or self.rule in one.rules

    @property
    def text(self) -> str:
        """Return it in words; empty if all is shown."""
        kind = "suppressed" if self.suppressed else ""
        parts = [kind, joined_symbols(sorted(self.symbols)), self.rule]
        return " ".join(part for part in parts if part)


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
