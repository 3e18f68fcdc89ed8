"""A group that imports a command's module when the command is called, not to list it."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

import typer
from typer.core import TyperCommand, TyperGroup

from tape.cli.completing import stand_in
from tape.cli.once import refuse_twice
from tape.cli.plain_help import in_plain_words, plain_word
from tape.errors import SettingsError
from tape.process.interrupts import clean_up_first
from tape.process.terminal_text import printable_lines
from tape.settings.names import NAMES
from tape.settings.plain_fault import plain_fault

USAGE_ERROR: Final = cast(type[Exception], typer.BadParameter.__mro__[1])
"""What Click raises for words that are wrong; which class that is depends on Typer's version."""


@contextmanager
def _said_safely() -> Iterator[None]:
    """Make the sentences of Click safe for a terminal: a shell's `*` may have typed the words."""
    try:
        yield
    except USAGE_ERROR as error:
        told = plain_fault(error.message) + _as_setting(error)  # type: ignore[attr-defined]
        error.message = printable_lines(told)  # type: ignore[attr-defined]
        raise


def _as_setting(error: Exception) -> str:
    """Return how a setting is written that somebody took for an option; nothing for other words."""
    word = getattr(error, "option_name", None) or ""
    name = word.removeprefix("--").replace("-", "_").upper()
    return f". The setting is written --set {name}=VALUE" if name in NAMES else ""


class LazyGroup(TyperGroup):
    """Lists commands by name and help text, and imports the one that is called.

    Attributes:
        named: by the command's name, where it is ("module:name of its function or `Typer`") and
            the first paragraph of its help.
        group: the command that these are parts of; None for `tape` itself.
    """

    named: ClassVar[Mapping[str, tuple[str, str]]] = {}
    group: ClassVar[str | None] = None

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, text) in self.named.items():
            self.add_command(TyperCommand(name, callback=None, help=text))

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options of the group itself, those for completion among them."""
        return [plain_word(one) for one in super().get_params(ctx)]

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Take the words apart; what is wrong with them is said safely."""
        with _said_safely():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is called, whose words are taken apart here."""
        with _said_safely():
            return super().invoke(ctx)

    def load(self, name: str) -> Any:
        """Return the command itself: Click's object, whose class depends on Typer's version."""
        module, attribute = self.named[name][0].split(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "tape":
                raise
            raise SettingsError(
                f"`tape {name}` needs {error.name}, which is not installed",
                "run it in a checkout of the repository, after `make setup`",
            ) from None
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name)(function)
        command = typer.main.get_command(found)
        command.name = name
        from tape.cli.setting_options import give_options  # not for `tape --help`

        give_options(command, name if self.group is None else self.group)
        in_plain_words(command)
        refuse_twice(command)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return name, command and its words; called when one is run or its words completed."""
        name, command, words = super().resolve_command(ctx, args)
        if name is None:
            return name, command, words
        if ctx.resilient_parsing:  # its words are completed
            command = stand_in(name)
        if command is None or not ctx.resilient_parsing:
            command = self.load(name)
            clean_up_first()
        return name, command, words
