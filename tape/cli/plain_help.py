"""Help that says in English what a word is to be: Typer names Python's types."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

WORDS: Final[dict[Any, str]] = {
    Path: "PATH",
    str: "TEXT",
    int: "N",
    float: "NUMBER",
    datetime: "DAY",
}


def in_plain_words(command: Any) -> None:
    """Change how the help of a command, and of those below it, names what options take.

    The class of the command depends on Typer's version; one without what is changed here keeps
    its own words.
    """
    for inner in getattr(command, "commands", {}).values():
        in_plain_words(inner)
    help_option = command.get_help_option
    setattr(command, "get_help_option", lambda ctx: plain_word(help_option(ctx)))  # noqa: B010
    for one in getattr(command, "params", ()):
        plain_word(one)


def plain_word(one: Any) -> Any:
    """Change how one option or argument is named, and return it; None stays None."""
    if getattr(one, "is_flag", False):
        setattr(one, "display_type", lambda ctx: "")  # noqa: B010
        return one
    word = _word(getattr(getattr(one, "type_descriptor", None), "annotation", None))
    if word is None:
        return one
    if one.param_type_name == "argument":
        setattr(one, "display_type", lambda ctx: word)  # noqa: B010
    elif one.metavar is None:
        one.metavar = word
    bounds = _bounds(getattr(one, "min", None), getattr(one, "max", None))
    if bounds and hasattr(one, "_get_number_range_help_str"):
        setattr(one, "_get_number_range_help_str", lambda: bounds)  # noqa: B010
    return one


def _word(annotation: Any) -> str | None:
    """Return what a word is of this type; None for what is no type of ours, such as a choice.

    >>> _word(Path), _word(list[str]), _word(bool)
    ('PATH', 'TEXT…', None)
    """
    inner = get_args(annotation)
    if len(inner) == 1 and inner[0] in WORDS:
        return f"{WORDS[inner[0]]}…"
    return WORDS.get(annotation)


def _bounds(least: float | None, most: float | None) -> str:
    """Return between what a number is to be.

    >>> _bounds(1, None), _bounds(0, 100_000), _bounds(None, 8), _bounds(None, None)
    ('1 or more', '0 to 100,000', '8 or less', '')
    """
    if least is None:
        return "" if most is None else f"{most:,} or less"
    return f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
