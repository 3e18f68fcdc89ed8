"""Reading settings from the environment and `.env`, with one sentence for what cannot work."""

import difflib
import io
import os
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from tape.errors import SettingsError
from tape.process.regular_file import read_file
from tape.settings.all_settings import names
from tape.settings.broker import DOTENV, BrokerSettings
from tape.settings.names import NAMES

S = TypeVar("S", bound=BaseSettings)

NAMED: Final = re.compile(r"\W*(?:(?:set|export|env)\W+)?(\w+)")
"""With what a line begins that sets a name, in this shell or another."""


EXPANDED: Final = re.compile(r"=\s*'[^']*\$\{[^}]*\}")
"""A shell takes what is in single quotes as it is; python-dotenv replaces `${NAME}` there too."""
SHORT: Final = 6
"""Names of this many letters, `input` and `output`, other programs may have in capitals."""


def load(kind: type[S]) -> S:
    """Return the settings that the environment and `.env` hold.

    Raises `SettingsError` with one sentence for a value that cannot work and for a name that is
    almost, but not quite, the name of a setting.
    """
    _refuse_misspelt_names(os.environ)
    _check_dotenv()
    _refuse_misspelt_names(dotenv_values(DOTENV))
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(*_first_fault(error)) from None


def _check_dotenv() -> None:
    """Raise `SettingsError` if `.env` is there and is no text, or names a setting in vain.

    A pipe would be waited for, and of a line that is no NAME=VALUE nothing would be heard.
    """
    if not DOTENV.exists() or DOTENV.is_dir() or DOTENV.is_char_device():
        return  # a virtual environment, or /dev/null in its place: neither is read
    try:
        text = read_file(DOTENV).decode()
    except OSError as error:
        raise SettingsError(
            f"cannot read .env ({error.strerror})", "correct or remove it"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(".env is not UTF-8", "save it as UTF-8") from None
    for line in parse_stream(io.StringIO(text)):
        _refuse_what_is_not_as_written(line)
        name = _named_in_vain(line)
        if name is not None:
            raise SettingsError(
                f".env, line {line.original.line}: {name} is not set there", f"write {name}=VALUE"
            )


def _refuse_what_is_not_as_written(line: Binding) -> None:
    """Raise `SettingsError` for a value in single quotes that would not be taken as it stands."""
    if line.key in NAMES and EXPANDED.search(line.original.string):
        raise SettingsError(
            f".env, line {line.original.line}: ${{…}} in {line.key} would be replaced by another "
            "variable's value, in single quotes too",
            "set it in the environment, or choose a value without",
        )


def _named_in_vain(line: Binding) -> str | None:
    """Return the setting that a line means and does not set, if it does; others' lines may be odd.

    As in `PROFILE: classic`, `set PROFILE=classic`, `profile=classic`, and `PROFILE` alone.
    """
    if line.key in NAMES and line.value is not None:
        return None
    found = NAMED.match(line.original.string if line.error else line.key or "")
    if found is None or found[1] in NAMES:
        return None if found is None else found[1]
    known = {name.casefold(): name for name in NAMES if len(name) > SHORT}
    return None if line.error else known.get(found[1].casefold())


def given(settings: BrokerSettings, wanted: Set[str]) -> bool:
    """Return whether one of these settings is set, in the environment or in `.env`."""
    return any(one.name in wanted for one in origins(settings) if one.source != "default")


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting, its value as text (a secret's is masked), and where it came from."""

    name: str
    value: str
    source: Literal["environment", ".env", "default"]
    overrides_dotenv: bool = False


def origins(settings: BrokerSettings) -> list[Origin]:
    """Return where each setting came from, in the order of the environment, `.env`, default."""
    written = dotenv_values(".env")
    found = []
    for name, field in names(type(settings)).items():
        field_name = next(n for n, f in type(settings).model_fields.items() if f is field)
        value = getattr(settings, field_name)
        in_file = bool(written.get(name))
        if os.environ.get(name):
            hidden = in_file and written[name] != os.environ[name]
            found.append(Origin(name, _shown(value), "environment", hidden))
        else:
            found.append(Origin(name, _shown(value), ".env" if in_file else "default"))
    return found


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return "" if value is None else str(value)  # pydantic shows a secret as asterisks


def _first_fault(error: ValidationError) -> tuple[str, str]:
    """Return what is wrong with the first setting that is, and what to do."""
    fault = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    secret = any(word in where for word in ("PASSWORD", "KEY", "SECRET", "URL"))
    found = "" if secret else f" (found {str(fault['input'])[:80]!r})"
    remedy = "set it" if fault["type"] == "missing" else "correct it, or unset it"
    return f"{where}: {fault['msg']}{found}", remedy


def _refuse_misspelt_names(found: Mapping[str, str | None]) -> None:
    long_names = [name for name in NAMES if len(name) >= 8]
    for name in found:
        near = [] if name in NAMES else difflib.get_close_matches(name, long_names, 1, 0.9)
        if near:
            raise SettingsError(
                f"{name} is set, but the setting is called {near[0]}", "rename it or unset it"
            )
