"""Which detectors there are: the names of PROFILE to kinds, imported when they are asked for.

A name of PROFILE is one of `BUILT_IN`; or the name of an entry point of the group `GROUP`, which an
installed package may have; or `module:KIND`, an object of a module that Python can import.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from tape.detection.kind import Kind
from tape.detection.parameters import Parameters, digest
from tape.detection.switched import check_rules, rules_in_use
from tape.errors import SettingsError
from tape.model.counts import Refits
from tape.model.rules import MOST_RULES, RULES, Rule

if TYPE_CHECKING:  # settings need the names only: without arrays and compiled code
    from tape.codec.symbols import SymbolTable
    from tape.detection.protocol import Detector

BUILT_IN: Final = {
    "classic": "tape.detection.classic.kind:KIND",
    "calibrated": "tape.detection.calibrated.kind:KIND",
    "supervised": "tape.detection.supervised.kind:KIND",
}
GROUP: Final = "tapewatch.detectors"
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,11}", re.ASCII)
"""The name of a kind stands in the header of each state, where it has 12 bytes."""
TAKEN: Final = ("literal",)
"""Stands in the headers of the slow form of the classic rules."""


@dataclass(frozen=True, slots=True)
class Lineup:
    """The detectors of a run.

    Attributes:
        kinds: in the order of PROFILE.
        rules: of all of them in the same order, each with its bit.
    """

    kinds: tuple[Kind, ...]
    rules: tuple[Rule, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the kinds, under which their states are kept."""
        return tuple(kind.name for kind in self.kinds)

    def bits_of(self, kind: Kind, words: Sequence[str] = ()) -> tuple[int, ...]:
        """Return the bits of a kind's rules, in their order; 0 for one that RULES leaves out."""
        own = {rule.name for rule in kind.rules}
        return tuple(
            rule.bit if not words or rule.word in words else 0
            for rule in self.rules
            if rule.name in own
        )

    def fingerprint(self, run: Parameters) -> str:
        """Return digits that differ when anything that decides a message differs."""
        check_rules(self.kinds, run.rules)
        without = self._without_ranking(run)
        if run.ranking is None:
            return without
        return digest({"settings": without, "ranking": run.ranking.digest})

    def _without_ranking(self, run: Parameters) -> str:
        each = [
            [kind.name, kind.parameters.of(run).fingerprint(), *self._in_use(kind, run)]
            for kind in self.kinds
        ]
        if len(self.kinds) == 1 and self.names[0] in BUILT_IN:
            return each[0][1]
        values: dict[str, Any] = {"detectors": each}
        if run.episode_gap_s != Parameters().episode_gap_s:
            values["episode_gap_s"] = run.episode_gap_s
        return digest(values)

    def _in_use(self, kind: Kind, run: Parameters) -> list[str]:
        """Return the rules that flag of a detector of one's own; none if all do.

        Those of this program have them in their own fingerprint.
        """
        used = rules_in_use(run.rules, kind.rules)
        own = kind.name not in BUILT_IN and used != kind.rules
        return [rule.word for rule in used] if own else []


def words_of(profile: str) -> list[str]:
    """Return the words of PROFILE; raises `SettingsError` for a name that cannot be one.

    Nothing is imported: whether there is such a module only `lineup` finds out.
    """
    words = [word.strip() for word in profile.split(",")]
    for word in words:
        if word in BUILT_IN or ":" in word or word in _entry_points():
            continue
        near = get_close_matches(word, known_names(), 1, 0.6)
        meant = f"did you mean {near[0]}? " if near else ""
        raise SettingsError(
            f"PROFILE: there is no detector {word[:80]!r}",
            f"{meant}choose from {', '.join(known_names())}, or name your own as module:KIND",
        )
    return words


def known_names() -> list[str]:
    """Return the detectors that have a name: of this program, and of installed packages."""
    return [*BUILT_IN, *sorted(_entry_points().keys() - BUILT_IN.keys())]


def lineup(profile: str) -> Lineup:
    """Return the detectors that PROFILE names, imported.

    Bits: a rule of this program has its own. Rules of others get those that none of this program
    has, in the order of PROFILE and, of one detector, in that of its `rules`; the last one is that
    of a rule of this program which is not in the run.

    Raises:
        SettingsError: a name is wrong, a module cannot be imported, what it holds is no kind, or
            two detectors or rules have one name.
    """
    kinds = tuple(_kind(word) for word in words_of(profile))
    names = [kind.name for kind in kinds]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(
                f"PROFILE: {profile!r} has the detector {name} twice", "name it once"
            )
    rules: list[Rule] = []
    ours = [rule.bit for kind in kinds if kind.name in BUILT_IN for rule in kind.rules]
    free_bits = _free_bits(ours)
    free = iter(free_bits)
    for kind in kinds:
        for rule in kind.rules:
            if any(other.name == rule.name for other in rules):
                raise SettingsError(
                    f"PROFILE: two detectors of {profile!r} have a rule {rule.name!r}",
                    "give one of them another name",
                )
            bit = rule.bit if kind.name in BUILT_IN else next(free, 0)
            if not bit:
                raise SettingsError(
                    f"PROFILE: {profile!r} has more than {len(free_bits)} rules of "
                    "others than this program",
                    "take one of these detectors out",
                )
            rules.append(replace(rule, bit=bit))
    return Lineup(kinds, tuple(rules))


def _free_bits(ours: list[int]) -> list[int]:
    """Return the bits for rules of others, in a run with these of our own.

    The classic and the calibrated ones keep theirs where they do not run, too.
    """
    taken = [rule.bit for rule in RULES[:-1]] + ours
    return [1 << nth for nth in range(MOST_RULES) if 1 << nth not in taken]


def own_rules(profile: str) -> tuple[Rule, ...]:
    """Return the rules of those detectors of PROFILE that are not of this program."""
    own = (word for word in words_of(profile) if not _of_this_program(word))
    return tuple(rule for word in own for rule in _kind(word).rules)


def make_detector(
    parameters: Parameters,
    symbols: "SymbolTable",
    refits: Refits | None = None,
    *,
    tells_each: bool = False,
) -> "Detector":
    """Return the detector of a run, or the several of it as one.

    `refits` counts the fits of models; with `tells_each` those that can say more of every trade
    do so (`Verdicts.each`).
    """
    found = lineup(parameters.profile)
    check_rules(found.kinds, parameters.rules)
    if len(found.kinds) == 1 and found.kinds[0].finds_duplicates:
        return _built(found.kinds[0], parameters, symbols, refits, tells_each)
    from tape.detection.composed import Composed
    from tape.detection.own import OwnDetector

    members: list[Detector] = []
    for kind in found.kinds:
        if kind.finds_duplicates:
            members.append(_built(kind, parameters, symbols, refits, tells_each))
        else:
            members.append(
                OwnDetector(kind, found.bits_of(kind, parameters.rules), parameters, symbols)
            )
    gates = {kind.name: kind.gate for kind in found.kinds if kind.gate}
    return members[0] if len(members) == 1 else Composed(found.names, members, gates)


def _built(
    kind: Kind,
    parameters: Parameters,
    symbols: "SymbolTable",
    refits: Refits | None,
    tells_each: bool,
) -> "Detector":
    detector: Any = kind.build(kind.parameters.of(parameters), symbols)
    if tells_each and hasattr(detector, "tells_each"):
        detector.tells_each = True
    if refits is not None:
        detector.refits = refits
    return detector  # type: ignore[no-any-return]


def _entry_points() -> dict[str, str]:
    return {one.name: one.value for one in entry_points(group=GROUP)}


def _kind(word: str) -> Kind:
    """Return the kind that a word of PROFILE names."""
    target = BUILT_IN.get(word) or _entry_points().get(word) or word
    module, _, attribute = target.partition(":")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise SettingsError(
            f"PROFILE: {word}: the module {module} has no {attribute} ({error})",
            "name the kind that it holds, as in module:KIND",
        ) from error
    except (Exception, SystemExit) as error:  # what a module of others does when it is imported
        raise SettingsError(
            f"PROFILE: {word}: the module {module} cannot be imported "
            f"({type(error).__name__}: {error})",
            "install it or put its folder on PYTHONPATH",
        ) from error
    fault = _fault(found, _of_this_program(word))
    if fault is not None:
        raise SettingsError(f"PROFILE: {word}: {fault}", "see docs/detectors.md")
    return found  # type: ignore[return-value]


def _of_this_program(word: str) -> bool:
    return word in BUILT_IN or word in BUILT_IN.values()


def _fault(kind: object, built_in: bool) -> str | None:
    """Return in words why something is no kind of detectors, None if it is one."""
    if not isinstance(kind, Kind):
        return f"it is a {type(kind).__name__}, not a Kind"
    if not isinstance(kind.name, str) or not NAME.fullmatch(kind.name):
        return (
            f"its name {str(kind.name)[:40]!r} must have a-z, 0-9 and _ only, a letter first, at "
            "most 12 of them"
        )
    if not built_in and kind.name in (*BUILT_IN, *TAKEN):
        return f"its name {kind.name} is taken by a detector of this program"
    if not built_in and (kind.finds_duplicates or kind.layout is not None):
        return "only detectors of this program find duplicates and have a layout"
    if not isinstance(kind.rules, tuple) or not kind.rules:
        return "its rules must be a tuple of at least one Rule"
    if any(not isinstance(rule, Rule) or not rule.name for rule in kind.rules):
        return "each of its rules must be a Rule with a name"
    if not built_in and any(rule.name in _names(RULES) for rule in kind.rules):
        return "one of its rules has the name of a rule of this program"
    missing = [
        name
        for name in ("of", "fingerprint", "learnt_fingerprint")
        if not callable(getattr(kind.parameters, name, None))
    ]
    if missing:
        return f"its parameters have no {missing[0]}(); take OwnParameters as their base"
    for name in ("build", "memory_trades", "memory_step", "state_bytes_max"):
        if not callable(getattr(kind, name)):
            return f"its {name} cannot be called"
    return None


def _names(rules: Iterable[Rule]) -> set[str]:
    return {rule.name for rule in rules}
