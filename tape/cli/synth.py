"""`tape synth`: a synthetic market day as files."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from tape.cli.output import Force, counted, say
from tape.errors import SettingsError
from tape.market.trading_days import next_trading_day, why_closed
from tape.settings.symbol_lists import split_symbols
from tape.synthetic import make_day, write_day
from tape.synthetic.make import SYMBOLS

FIRST_DAY: Final = date(2000, 1, 3)
LAST_DAY: Final = date(2099, 12, 30)
"""The rules of the calendar hold since 2000; what is later than 2099 is not read."""


def synth(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path(
        "out/synth"
    ),
    trades: Annotated[int, typer.Option(min=1, help="Trades per day.")] = 200_000,
    symbols: Annotated[str, typer.Option(help="Symbols, comma-separated.")] = ",".join(SYMBOLS),
    day: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="First day; New York must trade on it.",
            show_default="2025-03-03",
        ),
    ] = datetime(2025, 3, 3),  # noqa: DTZ001 - a calendar day has no zone
    days: Annotated[int, typer.Option(min=1, help="Consecutive trading days of New York.")] = 1,
    anomalies: Annotated[
        int, typer.Option(min=0, help="Anomalies in each day, at most one per 300 trades.")
    ] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    force: Force = False,
) -> int:
    """Write synthetic market days in DataBento's format, with labelled anomalies.

    New York's holidays are skipped; half days end at 13:00.

    Example: tape synth --output nasdaq --trades 500000 --seed 7
    """
    names = split_symbols(symbols, "--symbols")
    if not names:
        raise SettingsError("--symbols is empty", "name at least one, like NVDA,AAPL")
    for one in _trading_days(day.date(), days):
        made = make_day(seed, names, trades, one, anomalies=anomalies)
        path = write_day(made, output, force=force)
        say(f"{path}: {counted(trades, 'trade')}, {_labelled(len(made.labels))}")
    return 0


def _trading_days(first: date, count: int) -> list[date]:
    """Return this many days from the first on; raises `SettingsError` before any is made."""
    if not FIRST_DAY <= first <= LAST_DAY:
        raise _beyond()
    closed = why_closed(first)
    if closed is not None:
        raise SettingsError(
            f"--day {first}: {closed}, New York does not trade",
            f"the next trading day is {next_trading_day(first)}",
        )
    days = [first]
    while len(days) < count and days[-1] < LAST_DAY:
        days.append(next_trading_day(days[-1]))
    if days[-1] > LAST_DAY or len(days) < count:
        raise _beyond()
    return days


def _beyond() -> SettingsError:
    return SettingsError(
        "--day and --days go beyond the days that are read",
        f"choose days from {FIRST_DAY} to {LAST_DAY}",
    )


def _labelled(count: int) -> str:
    return "1 labelled anomaly" if count == 1 else f"{count:,} labelled anomalies"
