"""Which anomalies are shown."""

from dataclasses import dataclass
from typing import Final

from tape.anomaly import CALIBRATED, HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE
from tape.errors import SettingsError
from tape.trade_fields import SYMBOL_PATTERN
from tape.watching.seen import Seen

RULES: Final[tuple[str, ...]] = (HIGH_VOLUME, RAPID_PRICE_CHANGE, ISOLATION_FOREST, CALIBRATED)


@dataclass(frozen=True, slots=True)
class Filter:
    """Symbols and a rule; empty means all."""

    symbols: frozenset[str] = frozenset()
    rule: str = ""

    def shows(self, one: Seen) -> bool:
        """Return whether an anomaly is shown."""
        if self.symbols and one.symbol not in self.symbols:
            return False
        return not self.rule or self.rule in one.rules

    @property
    def text(self) -> str:
        """Return it in words; empty if all is shown."""
        parts = [*sorted(self.symbols), *([self.rule] if self.rule else [])]
        return " ".join(parts)


def parse_symbols(text: str, option: str) -> frozenset[str]:
    """Return the symbols of a comma-separated list; lower case is taken too."""
    names = frozenset(name.strip().upper() for name in text.split(",") if name.strip())
    for name in sorted(names):
        if SYMBOL_PATTERN.fullmatch(name) is None:
            raise SettingsError(f"{option}: {name!r} is not a symbol (A-Z, 0-9, '.', '-')")
    return names


def parse_rule(text: str, option: str) -> str:
    """Return the rule whose name begins so, or contains it, whatever the case."""
    if not text:
        return ""
    wanted = text.casefold()
    found = [rule for rule in RULES if wanted in rule.casefold()]
    if len(found) != 1:
        raise SettingsError(f"{option}: {text!r} is not one of {', '.join(RULES)}")
    return found[0]
