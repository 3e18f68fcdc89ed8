"""RULES: which of the rules flag."""

from collections.abc import Sequence
from difflib import get_close_matches

from tape.detection.kind import Kind
from tape.errors import SettingsError
from tape.model.rules import Rule


def rules_in_use(words: Sequence[str], rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return those of some rules that flag where RULES has these words, all if it has none."""
    return tuple(rule for rule in rules if not words or rule.word in words)


def check_rules(kinds: Sequence[Kind], words: Sequence[str]) -> None:
    """Raise `SettingsError` for a word that is of no rule, or a detector that would never flag."""
    known = [rule.word for kind in kinds for rule in kind.rules]
    for word in words:
        if word not in known:
            near = get_close_matches(word, known, 1, 0.6)
            meant = f"did you mean {near[0]}? " if near else ""
            raise SettingsError(
                f"RULES: PROFILE has no rule {word[:80]!r}",
                f"{meant}choose from {', '.join(known)}",
            )
    for kind in kinds:
        if not rules_in_use(words, kind.rules):
            raise SettingsError(
                f"RULES: no rule of {kind.name} is among {', '.join(words)}",
                f"take {kind.name} out of PROFILE, or add one of "
                f"{', '.join(rule.word for rule in kind.rules)}",
            )
