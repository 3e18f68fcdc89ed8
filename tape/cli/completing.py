"""Completion of options without importing the commands: that takes three times as long."""

import inspect
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import typer

TABLE: Final = Path(__file__).with_name("options.json")
"""What each command takes, by its name; `docs/commands.py` writes it, and a test compares."""

TYPES: Final[dict[str, Any]] = {"flag": bool, "path": Path, "text": str}
Taken = dict[str, Any]
"""An option or argument: its names, help, and what it is: a word of `TYPES`, or choices."""


def stand_in(name: str) -> Any:
    """Return a command that takes what the one of this name takes; None if that is not known."""
    try:
        known = json.loads(TABLE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if name not in known:
        return None
    app = typer.Typer(add_completion=False)
    inner = known[name]
    if isinstance(inner, list):
        app.command(name)(_function(inner))
    else:
        app.callback()(lambda: None)
        for one, taken in inner.items():
            app.command(one)(_function(taken))
    return typer.main.get_command(app)


def table_of(command: Any) -> list[Taken] | dict[str, list[Taken]]:
    """Return what a command takes, or by name what those below it take."""
    inner = getattr(command, "commands", None)
    if inner:
        return {name: _taken(one) for name, one in inner.items()}
    return _taken(command)


def _taken(command: Any) -> list[Taken]:
    return [
        {
            "names": _names(one),
            "help": getattr(one, "help", None) or "",
            "is": _kind(one.type_descriptor.annotation),
            "is_option": one.param_type_name == "option",
        }
        for one in command.params
    ]


def _names(one: Any) -> list[str]:
    """Return the names of an option; both of a pair as Typer wants them."""
    if one.secondary_opts:
        return [f"{one.opts[0]}/{one.secondary_opts[0]}"]
    return list(one.opts)


def _kind(annotation: Any) -> str | list[str]:
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return list(inner)
    kind = inner[0] if inner else annotation
    return next((word for word, type_ in TYPES.items() if kind is type_), "text")


def _function(taken: list[Taken]) -> Any:
    """Return a function that Typer makes a command of."""

    def nothing(**_: object) -> None:
        pass

    parameters = []
    for place, one in enumerate(taken):
        kind = one["is"]
        type_: Any = TYPES[kind] if isinstance(kind, str) else Literal[tuple(kind)]
        about: Any = typer.Option(*one["names"], help=one["help"])
        if not one["is_option"]:
            type_, about = list.__class_getitem__(type_), typer.Argument(help=one["help"])
        annotation = Annotated[type_ | None, about]
        key = inspect.Parameter.KEYWORD_ONLY
        parameters.append(
            inspect.Parameter(f"taken_{place}", key, default=None, annotation=annotation)
        )
    setattr(nothing, "__signature__", inspect.Signature(parameters))  # noqa: B010
    nothing.__annotations__ = {one.name: one.annotation for one in parameters}
    return nothing
