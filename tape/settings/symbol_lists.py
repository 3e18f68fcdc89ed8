r"""Symbols as people type them on a command line, and as we write them for people to copy.

A list is separated by commas; a comma that is part of a name is written `\,`, which no symbol
has in it.
"""

import re
import shlex
from collections.abc import Iterable
from typing import Final

from tape.errors import SettingsError
from tape.model.fields import SYMBOL_WORDS, is_symbol

COMMA: Final = re.compile(r"(?<!\\),")


def split_symbols(text: str, option: str) -> list[str]:
    r"""Return the symbols of a list; raises `SettingsError` that names the `option`.

    >>> split_symbols(r"NVDA, ES.c.0,UD:1V: GN 2391,A\,B", "--symbols")
    ['NVDA', 'ES.c.0', 'UD:1V: GN 2391', 'A,B']
    """
    names = [part.strip(" ").replace("\\,", ",") for part in COMMA.split(text) if part.strip(" ")]
    if text.strip() and not names:
        raise SettingsError(f"{option}: {text!r} names no symbol", "name one, or leave it out")
    for name in names:
        check_symbol(name, option)
    return names


def check_symbol(name: str, where: str) -> None:
    """Raise `SettingsError` if a name cannot be a symbol."""
    if not is_symbol(name):
        raise SettingsError(f"{where}: {name!r} is not a symbol", f"write {SYMBOL_WORDS}")


def joined_symbols(names: Iterable[str]) -> str:
    """Return a list that `split_symbols` takes apart again."""
    return ",".join(name.replace(",", "\\,") for name in names)


def symbols_word(names: Iterable[str]) -> str:
    """Return a list as one word of a shell, for a command that is to be copied.

    >>> symbols_word(["NVDA", "AAPL"]), symbols_word(["ACM$", "ES.c.0"])
    ('NVDA,AAPL', "'ACM$,ES.c.0'")
    """
    return shlex.quote(joined_symbols(names))
