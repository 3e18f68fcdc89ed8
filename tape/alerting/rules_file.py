"""Reading ALERT_RULES: a TOML file with one `[[rule]]` per rule."""

import math
import re
import tomllib
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

from tape.alerting.hours import HOURS, QuietHours
from tape.alerting.rules import DEFAULT_RULES, AlertRule, Rules
from tape.errors import SettingsError
from tape.market.new_york import NEW_YORK
from tape.model.episode import MARKS
from tape.model.fields import SYMBOL_WORDS, is_symbol
from tape.model.rules import RULES
from tape.process.regular_file import read_file

FAMILIES: Final = ("price", "size", "feed")
MOST_RULES: Final = 100
NAME: Final = re.compile(r"[\w .:/+-]{1,60}", re.ASCII)
DURATION: Final = re.compile(r"(\d{1,6})([smh])", re.ASCII)
SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
LONGEST_S: Final = 7 * 86_400
QUIET: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
MOST_PRIORITY: Final = 14
"""The largest there is (docs/detection.md)."""
NEAR: Final = 0.75
"""How alike a word has to be to be meant, as `difflib` counts."""


class _Fault(Exception):
    """What is wrong with a value, and what to write instead."""


def read_rules(path: Path | None, channels: Collection[str] | None = None) -> Rules:
    """Return the rules of a file, those that hold without one if there is none.

    Args:
        path: the file.
        channels: the names of those that there are; None if they are not known.

    Raises:
        SettingsError: names the file, and the line or the key at fault.
    """
    if path is None:
        return DEFAULT_RULES
    tables = _tables(path)
    found: list[AlertRule] = []
    for number, table in enumerate(tables, start=1):
        rule = _rule(path, number, table)
        where = f"ALERT_RULES: {path}: [[rule]] {number}"
        if any(other.name == rule.name for other in found):
            raise SettingsError(f"{where}: the name {rule.name!r} is there twice", "rename one")
        if channels is not None:
            _check_channels(f"{where} ({rule.name})", rule, channels)
        found.append(rule)
    return tuple(found)


def _tables(path: Path) -> list[Any]:
    try:
        content = tomllib.loads(read_file(path).decode())
    except OSError as error:
        raise SettingsError(
            f"ALERT_RULES: cannot read {path} ({error.strerror})", "correct the path or unset it"
        ) from None
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else error
        raise SettingsError(
            f"ALERT_RULES: {path} is not valid TOML: {why}", "correct that line"
        ) from None
    for key in content:
        if key != "rule":
            raise SettingsError(
                f"ALERT_RULES: {path} has an unknown key {key[:40]!r}",
                "write each rule below a line [[rule]]",
            )
    tables = content.get("rule", [])
    if not isinstance(tables, list) or not tables:
        raise SettingsError(
            f"ALERT_RULES: {path} has no rule", "write one below a line [[rule]], or unset it"
        )
    if len(tables) > MOST_RULES:
        raise SettingsError(
            f"ALERT_RULES: {path} has {len(tables):,} rules", f"write {MOST_RULES} at most"
        )
    return tables


def _rule(path: Path, number: int, table: Any) -> AlertRule:
    where = f"ALERT_RULES: {path}: [[rule]] {number}"
    if not isinstance(table, dict):
        raise SettingsError(f"{where} is no table", "write its keys below a line [[rule]]")
    for key in table:
        if key not in KEYS and key != "time_zone":
            raise SettingsError(f"{where} has an unknown key {key[:40]!r}", _nearest(key, KEYS))
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == "time_zone":
            continue
        field, read = KEYS[key]
        try:
            values[field] = read(value)
        except _Fault as fault:
            shown = repr(value)[:60]
            raise SettingsError(f"{where}: {key} is {shown}", str(fault)) from None
    rule = AlertRule(values.pop("name", f"rule {number}"))
    if "min_severity" in values and "min_priority" not in values:
        values["min_priority"] = 0.0
    return _with_zone(where, replace(rule, **values), table)


def _with_zone(where: str, rule: AlertRule, table: dict[str, Any]) -> AlertRule:
    """Return the rule with its quiet hours in the zone that it names."""
    name = table.get("time_zone")
    if name is None:
        return rule
    if rule.quiet_hours is None:
        raise SettingsError(
            f"{where}: time_zone stands alone", 'add quiet_hours = "22:00-07:00" or remove it'
        )
    try:
        zone = ZoneInfo(name)
    except (ValueError, OSError, TypeError, AttributeError, KeyError):
        raise SettingsError(
            f"{where}: time_zone is {repr(name)[:60]}", "write one such as America/New_York or UTC"
        ) from None
    return replace(rule, quiet_hours=replace(rule.quiet_hours, zone=zone))


def _check_channels(where: str, rule: AlertRule, channels: Collection[str]) -> None:
    for name in sorted(rule.channels):
        if name not in channels:
            raise SettingsError(f"{where}: there is no channel {name!r}", _nearest(name, channels))


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return what to write: the word that was meant, if one is near, and else all."""
    names = sorted(known)
    near = get_close_matches(word.casefold(), names, 1, NEAR)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"


def _fault(text: str) -> NoReturn:
    raise _Fault(text)


def _name(value: Any) -> str:
    if not isinstance(value, str) or NAME.fullmatch(value) is None or value != value.strip():
        _fault("write 1 to 60 letters, digits, blanks and . : / + - _")
    return value


def _number(least: float, most: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or math.isnan(value) or not least <= value <= most:
            _fault(f"write a number from {least:g} to {most:g}")
        return float(value)

    return read


def _escalate(value: Any) -> float | None:
    if value is False:
        return None
    if value is True:
        _fault("write points of priority, such as 2, or false")
    try:
        return _number(0.1, MOST_PRIORITY)(value)
    except _Fault as fault:
        _fault(f"{fault} (points of priority), or false")


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 10_000:
        _fault("write a whole number from 0 to 10000")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        _fault("write true or false")
    return value


def _duration(value: Any) -> float:
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if value == 0 and value is not False:
        return 0.0
    if found is None or int(found[1]) * SECONDS[found[2]] > LONGEST_S:
        _fault('write a time such as "90s", "15m" or "2h", 168 hours at most')
    return float(int(found[1]) * SECONDS[found[2]])


def _words(value: Any, what: str) -> list[str]:
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if not is_list or not value:
        _fault(f'write {what} in brackets, such as ["…", "…"]')
    found: list[str] = value
    return found


def _symbols(value: Any) -> frozenset[str]:
    names = _words(value, "symbols")
    for name in names:
        if not is_symbol(name):
            _fault(f"{name[:80]!r} is no symbol ({SYMBOL_WORDS})")
    return frozenset(names)


def _choices(known: Collection[str], what: str) -> Callable[[Any], frozenset[str]]:
    def read(value: Any) -> frozenset[str]:
        for word in _words(value, what):
            if word not in known:
                _fault(_nearest(word, known))
        return frozenset(value)

    return read


def _rules(value: Any) -> frozenset[str]:
    """Return names of detectors' rules; one that is like none of ours is of somebody's own."""
    known = {word: rule.name for rule in RULES for word in (rule.word, rule.name.casefold())}
    names = set()
    for word in _words(value, "rules"):
        wanted = word.casefold()
        if wanted not in known and get_close_matches(wanted, known, 1, NEAR):
            _fault(_nearest(wanted, known))
        names.add(known.get(wanted, word))
    return frozenset(names)


def _hours(value: Any) -> str:
    if value not in HOURS:
        _fault(f"choose from {', '.join(HOURS)}")
    return str(value)


def _quiet(value: Any) -> QuietHours:
    found = QUIET.fullmatch(value) if isinstance(value, str) else None
    try:
        if found is None:
            raise ValueError
        start, end = (time(int(found[n]), int(found[n + 1])) for n in (1, 3))
    except ValueError:
        _fault('write two times such as "22:00-07:00"')
    if start == end:
        _fault("write two different times; for no alerts at all use a mute")
    return QuietHours(start, end, NEW_YORK)


KEYS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "name": ("name", _name),
    "min_priority": ("min_priority", _number(0, MOST_PRIORITY)),
    "min_severity": ("min_severity", _number(0, 8)),
    "symbols": ("symbols", _symbols),
    "not_symbols": ("not_symbols", _symbols),
    "families": ("families", _choices(FAMILIES, "families")),
    "rules": ("rules", _rules),
    "marks": ("marks", _choices(MARKS, "marks")),
    "market_hours": ("market_hours", _hours),
    "channels": ("channels", lambda value: frozenset(_words(value, "channels"))),
    "cool_down": ("cool_down_s", _duration),
    "max_per_hour": ("max_per_hour", _count),
    "quiet_hours": ("quiet_hours", _quiet),
    "escalate": ("escalate", _escalate),
    "follow_up": ("follow_up", _flag),
    "max_age": ("max_age_s", _duration),
}
"""By the key of the file: the field of `AlertRule`, and what reads its value."""


def rule_text(rule: AlertRule) -> dict[str, object]:
    """Return all of a rule as a program reads it, by the file's keys."""
    found: dict[str, object] = {}
    for key, (field, _) in KEYS.items():
        value = getattr(rule, field)
        if isinstance(value, frozenset):
            value = sorted(value)
        elif isinstance(value, QuietHours):
            found["time_zone"] = value.zone.key
            value = f"{value.start:%H:%M}-{value.end:%H:%M}"
        elif key in ("cool_down", "max_age"):
            value = f"{value:.0f}s"
        elif key == "escalate" and value is None:
            value = False
        found[key] = value
    return found
