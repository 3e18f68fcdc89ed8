"""Reading settings from the environment and `.env`, with one sentence for what cannot work."""

import io
import os
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from tape.errors import SettingsError
from tape.process.regular_file import read_file
from tape.process.terminal_text import printable
from tape.settings.all_settings import as_written, names
from tape.settings.broker import DOTENV, BrokerSettings
from tape.settings.misspelt import SHORT, meant_by
from tape.settings.names import NAMES
from tape.settings.options import chosen
from tape.settings.plain_fault import plain_fault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

S = TypeVar("S", bound=BaseSettings)

NAMED: Final = re.compile(r"\W*(?:(?:set|export|env)\W+)?(\w+)")
"""With what a line begins that sets a name, in this shell or another."""


EXPANDED: Final = re.compile(r"=\s*'[^']*\$\{[^}]*\}")
"""A shell takes what is in single quotes as it is; python-dotenv replaces `${NAME}` there too."""


def load(kind: type[S]) -> S:
    """Return the settings that options, the environment and `.env` hold; the first one counts.

    Raises `SettingsError` with one sentence for a value that cannot work and for a name that is
    almost, but not quite, the name of a setting.
    """
    settings, wrong = _made(kind)
    if settings is None or wrong:
        raise wrong[0]
    return settings


def faults_of(kind: type[BaseSettings]) -> list[SettingsError]:
    """Return what cannot work of the settings of an app: of names, of values, or of `.env`."""
    return _made(kind)[1]


def _made(kind: type[S]) -> tuple[S | None, list[SettingsError]]:
    found = _misspelt_names(os.environ)
    try:
        _check_dotenv()
    except SettingsError as error:
        return None, [*found, error]
    found += _misspelt_names(dotenv_values(DOTENV), " in .env")
    try:
        return kind(**_by_options(kind)), found
    except ValidationError as error:
        found += [
            SettingsError(*_said(fault))
            for fault in error.errors(include_url=False, include_context=False)
        ]
    except SettingsError as error:
        found.append(error)
    return None, found


def _by_options(kind: type[BaseSettings]) -> dict[str, Any]:
    """Return what options say of an app's settings; an empty one is the default."""
    own = names(kind)
    return {
        name: text or own[name].get_default(call_default_factory=True)
        for name, text in chosen().items()
        if name in own
    }


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


def for_children() -> dict[str, str]:
    """Return the environment of apps that the command starts, as far as options decide it.

    Raises `SettingsError` for a setting that is emptied, and that `.env` would set again.
    """
    for name in (name for name, text in chosen().items() if not text):
        if dotenv_values(DOTENV).get(name):
            raise SettingsError(
                f"--set {name}= cannot empty for apps what .env sets", f"take {name} out of .env"
            )
    return dict(chosen())


def given(settings: BrokerSettings, wanted: Set[str]) -> bool:
    """Return whether one of these settings is set, in the environment or in `.env`."""
    return any(one.name in wanted for one in origins(settings) if one.source != "default")


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting, its value as text (a secret's is masked), and where it came from."""

    name: str
    value: str
    source: Literal["option", "environment", ".env", "default"]
    overrides_dotenv: bool = False


def origins(settings: BaseSettings) -> list[Origin]:
    """Return where each setting came from: an option, the environment, `.env`, or its default."""
    written = dotenv_values(DOTENV)
    found = []
    for name, field in names(type(settings)).items():
        field_name = next(n for n, f in type(settings).model_fields.items() if f is field)
        value = getattr(settings, field_name)
        in_file = bool(written.get(name))
        if name in chosen():
            found.append(Origin(name, _shown(value), "option"))
        elif os.environ.get(name):
            hidden = in_file and written[name] != os.environ[name]
            found.append(Origin(name, _shown(value), "environment", hidden))
        else:
            found.append(Origin(name, _shown(value), ".env" if in_file else "default"))
    return found


def _shown(value: object) -> str:
    return str(value) if isinstance(value, SecretStr) else as_written(value)  # a secret's asterisks


def _said(fault: "ErrorDetails") -> tuple[str, str]:
    """Return what is wrong with a setting, and what to do."""
    where = ".".join(str(part) for part in fault["loc"])
    secret = any(word in where for word in ("PASSWORD", "KEY", "SECRET", "URL"))
    found = "" if secret else f" (found {str(fault['input'])[:80]!r})"
    remedy = "set it" if fault["type"] == "missing" else "correct it, or unset it"
    return f"{plain_fault(fault['msg'], where)}{found}", remedy


def _misspelt_names(found: Iterable[str], place: str = "") -> list[SettingsError]:
    return [
        SettingsError(
            f"{printable(name)} is set{place}, but the setting is called {meant}",
            "rename it or unset it",
        )
        for name in found
        if (meant := meant_by(name)) is not None
    ]
