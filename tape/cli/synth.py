"""`tape synth`: a synthetic market day as files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tape.cli.output import Force, say
from tape.errors import SettingsError
from tape.market.trading_days import next_trading_day, why_closed
from tape.settings.symbol_lists import split_symbols
from tape.synthetic import make_day, write_day
from tape.synthetic.day import SYMBOLS


def synth(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path(
        "out/synth"
    ),
    trades: Annotated[int, typer.Option(min=1, help="Trades a day.")] = 200_000,
    symbols: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(SYMBOLS),
    day: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="First day; New York must trade on it."),
    ] = datetime(2025, 3, 3),  # noqa: DTZ001 - a calendar day has no zone
    days: Annotated[int, typer.Option(min=1, help="Consecutive trading days of New York.")] = 1,
    anomalies: Annotated[
        int, typer.Option(min=0, help="Put into each day, one per 300 trades at most.")
    ] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    force: Force = False,
) -> int:
    """Make up market days in DataBento's shape, with labelled anomalies.

    New York's holidays are left out; half days end at 13:00.

    Example: tape synth --output nasdaq --trades 500000 --seed 7
    """
    names = split_symbols(symbols, "--symbols")
    if not names:
        raise SettingsError("--symbols: name at least one, like NVDA,AAPL")
    date = day.date()
    closed = why_closed(date)
    if closed is not None:
        raise SettingsError(
            f"--day {date}: {closed}, New York does not trade; "
            f"the next trading day is {next_trading_day(date)}"
        )
    for _ in range(days):
        made = make_day(seed, names, trades, date, anomalies=anomalies)
        path = write_day(made, output, force=force)
        say(f"{path}: {trades:,} trades, {len(made.labels)} labelled anomalies")
        date = next_trading_day(date)
    return 0
