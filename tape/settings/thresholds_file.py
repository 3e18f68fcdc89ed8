"""Reading a THRESHOLDS_FILE: what symbols have in place of the common thresholds and budget."""

import math
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from tape.detection.parameters import BUDGETS, MOST_PER_DAY, SymbolThresholds
from tape.errors import SettingsError
from tape.model.fields import SYMBOL_WORDS, is_symbol
from tape.process.regular_file import LARGE, read_file

KEYS: Final = ("volume_threshold", "change_threshold", "forest", *BUDGETS)
MOST_PER_10K: Final = 100
LEAST_PER_10K: Final = 0.001
"""Bounds of `alerts_per_10k`: one trade in a hundred, and one in ten million."""


def read_thresholds(path: Path) -> dict[str, SymbolThresholds]:
    """Return per-symbol thresholds and budgets from a TOML file.

    One table per symbol, with `volume_threshold` (shares), `change_threshold` (share of the
    previous price), `forest` (whether it flags), and `alerts_per_day` or `alerts_per_10k`; none of
    them is needed. Raises `SettingsError` that names the file and the line or key at fault.
    """
    try:
        tables = tomllib.loads(read_file(path, LARGE).decode())
    except OSError as error:
        raise SettingsError(
            f"THRESHOLDS_FILE: cannot read {path} ({error.strerror})",
            "correct the path or unset it",
        ) from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are both ValueErrors
        raise SettingsError(
            f"THRESHOLDS_FILE: {path} is not valid TOML: {error}", "correct that line"
        ) from None
    except RecursionError:  # tomllib gives up on deep nesting this way
        raise SettingsError(
            f"THRESHOLDS_FILE: {path} is not valid TOML: nested too deep",
            "write it as `tape tune` does",
        ) from None
    return checked_thresholds(tables, f"THRESHOLDS_FILE: {path}")


def checked_thresholds(tables: Mapping[str, object], place: str) -> dict[str, SymbolThresholds]:
    """Return thresholds from a table per symbol; raises `SettingsError` saying in which `place`."""
    return {symbol: _thresholds(place, symbol, table) for symbol, table in tables.items()}


def unknown_symbols(
    overrides: Collection[str], judged: Collection[str], of: str = "these files"
) -> str | None:
    """Return in words which symbols of a THRESHOLDS_FILE were not among those judged.

    >>> unknown_symbols(["NVDA", "NVDIA"], ["NVDA", "AAPL"])
    'THRESHOLDS_FILE has NVDIA, of which these files have no trade'
    """
    strange = sorted(set(overrides) - set(judged))
    if not strange:
        return None
    names = ", ".join(strange[:5]) + (f" and {len(strange) - 5:,} more" if strange[5:] else "")
    return f"THRESHOLDS_FILE has {names}, of which {of} have no trade"


def _thresholds(place: str, symbol: str, table: object) -> SymbolThresholds:
    where = f"{place}: [{symbol}]"
    if not is_symbol(symbol):
        raise SettingsError(
            f"{where} is not a symbol ({SYMBOL_WORDS})", "write one table per symbol, like [NVDA]"
        )
    if not isinstance(table, dict):
        raise SettingsError(f"{where} is no table", f"write its thresholds below [{symbol}]")
    unknown = sorted(set(table) - set(KEYS))
    if unknown and isinstance(table[unknown[0]], dict):  # TOML takes [BRK.B] for B in BRK
        raise SettingsError(
            f'{where}: a symbol with other characters than A-Z, 0-9, "_" and "-" needs quotes',
            f'write ["{symbol}.{unknown[0]}"]',
        )
    if unknown:
        raise SettingsError(
            f"{where} has an unknown key {unknown[0]!r}", f"choose from {', '.join(KEYS)}"
        )
    volume = table.get("volume_threshold")
    if volume is not None and (type(volume) is not int or not 1 <= volume < 2**32):
        raise SettingsError(
            f"{where}: volume_threshold is {_shown(table, 'volume_threshold')}",
            "write a whole number of shares above 0",
        )
    change = _number(table.get("change_threshold"))
    if change is not None and not 0 < change < math.inf:
        raise SettingsError(
            f"{where}: change_threshold is {_shown(table, 'change_threshold')}",
            "write a number above 0 (0.01 is 1 %)",
        )
    forest = table.get("forest")
    if forest is not None and not isinstance(forest, bool):
        raise SettingsError(f"{where}: forest is {_shown(table, 'forest')}", "write true or false")
    if all(name in table for name in BUDGETS):
        raise SettingsError(
            f"{where} has both alerts_per_10k and alerts_per_day", "keep one of them"
        )
    per_10k, per_day = (_number(table.get(name)) for name in BUDGETS)
    if per_10k is not None and not LEAST_PER_10K <= per_10k <= MOST_PER_10K:
        raise SettingsError(
            f"{where}: alerts_per_10k is {_shown(table, 'alerts_per_10k')}",
            f"write a number from {LEAST_PER_10K} to {MOST_PER_10K}",
        )
    if per_day is not None and not 0 < per_day <= MOST_PER_DAY:
        raise SettingsError(
            f"{where}: alerts_per_day is {_shown(table, 'alerts_per_day')}",
            f"write a number above 0, at most {MOST_PER_DAY:,}",
        )
    return SymbolThresholds(volume, change, per_10k, per_day, forest)


def _shown(table: dict[str, object], key: str) -> str:
    """Return what stands at a key, short enough for a sentence."""
    return repr(table[key])[:40]


def _number(value: object) -> float | None:
    """Return a number of the file; NaN, which is within no bounds, for what is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # TOML's integers have any length here
        return math.inf
