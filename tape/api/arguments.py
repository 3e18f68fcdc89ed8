"""What callers pass: a sentence for what has the wrong type, before it fails somewhere deep."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from tape.errors import SettingsError


def text_of(value: Any, name: str, example: str) -> str:
    """Return a text as it is; raises `SettingsError` for all else."""
    if not isinstance(value, str):
        raise SettingsError(f"{name}={value!r} is no text"[:200], f"write {example}")
    return value


def count_of(value: Any, name: str) -> int:
    """Return a whole number from 0 on, also one of numpy; raises `SettingsError` for all else."""
    whole = None if isinstance(value, bool | float | str) else getattr(value, "__index__", None)
    if whole is None or whole() < 0:
        raise SettingsError(f"{name}={value!r} is no count"[:200], "write a whole number from 0 on")
    return int(whole())


def table_of(value: Any, name: str, example: str) -> Mapping[Any, Any]:
    """Return a mapping as it is; raises `SettingsError` for all else."""
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name} is a {type(value).__name__}", f"write {example}")
    return value


def names_of(value: Any, name: str) -> list[str]:
    """Return several texts as a list; raises `SettingsError` for all else."""
    found = list(value) if isinstance(value, Iterable) else [value]
    for one in found:
        text_of(one, name, 'texts, such as ["NVDA"] or "NVDA,AAPL"')
    return found


def place_of(value: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return a path as it is; raises `SettingsError` for one that can be no file."""
    text = os.fspath(value)
    if not text:
        raise SettingsError("the path is empty", "name a file or a folder of trades")
    if "://" in text:
        raise SettingsError(
            f"{text[:200]} is an address, not a file", "download it first, and name that file"
        )
    return value


def number_of(value: Any, name: str) -> Any:
    """Return the value of a setting; raises `SettingsError` for a yes or no where none is."""
    if isinstance(value, bool):
        raise SettingsError(f"{name}={value} is neither a number nor a text", "leave it out")
    return value
