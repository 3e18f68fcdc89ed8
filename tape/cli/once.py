"""Options that say one thing are given once: of two, Click would take the last without a word."""

from pathlib import Path
from typing import Any, get_args

import typer


def refuse_twice(command: Any) -> None:
    """Have a command, and those below it, refuse an option given twice, and an empty path.

    An empty path is a shell's variable that is not set; it would be the current folder. A command
    whose class, which depends on Typer's version, takes words apart in another way is left alone.
    """
    for inner in getattr(command, "commands", {}).values():
        refuse_twice(inner)
    make_parser = getattr(command, "make_parser", None)
    if make_parser is None or getattr(command, "refuses_twice", False):
        return

    def checking(ctx: Any) -> Any:
        parser = make_parser(ctx)
        parse_args = parser.parse_args

        def parse(args: list[str]) -> Any:
            values, rest, order = parse_args(args)
            if not ctx.resilient_parsing:
                _check(ctx, values, order)
            return values, rest, order

        parser.parse_args = parse
        return parser

    command.make_parser = checking
    command.refuses_twice = True


def _check(ctx: Any, values: dict[str, Any], order: list[Any]) -> None:
    seen: list[Any] = []
    for one in order:
        several = one.param_type_name == "argument" or one.multiple or one.is_flag
        if one in seen and not several:
            raise typer.BadParameter("it is given twice; keep one of the two", ctx, one)
        seen.append(one)
        value = values.get(one.name)
        if _is_path(one) and "" in (value if isinstance(value, list | tuple) else [value]):
            raise typer.BadParameter("it is empty; is a variable of the shell not set?", ctx, one)


def _is_path(one: Any) -> bool:
    kind = getattr(getattr(one, "type_descriptor", None), "annotation", None)
    return kind is Path or Path in get_args(kind)
