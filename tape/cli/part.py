"""The part of a tape that a command is asked for, as its options say it."""

from typing import Annotated

import typer

from tape.errors import SettingsError
from tape.judging.replay import END_NS, Part, time_ns
from tape.model.fields import TIME_MAX_NS
from tape.settings.symbol_lists import split_symbols

Symbols = Annotated[str, typer.Option(help="Only these symbols, comma-separated.")]
From = Annotated[str, typer.Option("--from", help="Only from this day or time (UTC) on.")]
To = Annotated[str, typer.Option("--to", help="Only before this time (UTC); a day is included.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Judge at most N trades.")]


def part_of(symbols: str, from_: str, to: str, limit: int | None = None) -> Part:
    """Return the part; raises `SettingsError` for what is none."""
    names = frozenset(split_symbols(symbols, "--symbols"))
    from_ns = time_ns(from_, option="--from") if from_ else 0
    to_ns = time_ns(to, option="--to", day_ends=True) if to else END_NS
    if from_ns >= TIME_MAX_NS:
        raise SettingsError(f"--from {from_}: no trade is read of that time", "name an earlier one")
    if from_ns >= to_ns:
        raise SettingsError(f"--from {from_} is not before --to {to}", "swap them")
    return Part(names, from_ns, to_ns, limit)
