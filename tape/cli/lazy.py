"""A group that imports a command's module when the command is called, not to list it."""

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from tape.interrupts import clean_up_first


class LazyGroup(TyperGroup):
    """Lists commands by name and help text, and imports the one that is called.

    Attributes:
        named: by the command's name, where it is ("module:name of its function or `Typer`") and
            the first paragraph of its help.
    """

    named: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, text) in self.named.items():
            self.add_command(TyperCommand(name, callback=None, help=text))

    def load(self, name: str) -> Any:
        """Return the command itself: Click's object, whose class depends on Typer's version."""
        module, attribute = self.named[name][0].split(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name)(function)
        command = typer.main.get_command(found)
        command.name = name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return name, command and its words; called when one is run or its words completed."""
        name, command, words = super().resolve_command(ctx, args)
        if name is not None:
            command = self.load(name)
            clean_up_first()
        return name, command, words
