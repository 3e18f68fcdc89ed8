"""`tape history`: days of trades in PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from tape.archives import count_rows_hint, find_archives
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.output import counted, notes_console, row_bars, say_outcome
from tape.errors import SettingsError
from tape.judging.replay import time_ns
from tape.model.fields import NANOS, TIME_MAX_NS, iso_time
from tape.process.clock import CLOCK
from tape.process.terminal_text import cell, printable
from tape.settings.load import load as load_settings
from tape.settings.sink import SinkSettings
from tape.settings.store_place import place_of
from tape.settings.symbol_lists import split_symbols

if TYPE_CHECKING:
    from tape.sinks.postgres.history import Held, Range

app = typer.Typer(
    help="Days of trades in PostgreSQL: load files, list, make bars, prune.",
    no_args_is_help=True,
    add_completion=False,
)
DAY_S: Final = 86_400
NO_TRADES: Final = "no trades of these days and symbols"

Symbols = Annotated[str, typer.Option(help="Only these symbols, comma-separated.")]
From = Annotated[str, typer.Option("--from", help="Only from this day or time (UTC) on.")]
To = Annotated[str, typer.Option("--to", help="Only before this time (UTC); a day is included.")]


@app.command()
def load(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of trades.")],
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    columns: Columns = None,
    time_zone: TimeZone = None,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Load files of trades into the table `trades` of DATABASE_URL, a partition per UTC day.

    Loading a file twice changes nothing. Exit code 2 if anything was rejected or skipped.

    Example: tape history load nasdaq --symbols NVDA,AMD
    """
    shape = form_of(form, as_json)
    settings = load_settings(SinkSettings)
    place = place_of(settings)
    from tape.history.load import Wanted
    from tape.history.load import load as load_archives

    names = frozenset(split_symbols(symbols, "--symbols"))
    begin_ns = time_ns(from_, option="--from") if from_ else 0
    end_ns = time_ns(to, option="--to", day_ends=True) if to else TIME_MAX_NS
    found = find_archives(paths)
    archives = with_given(found.archives, given_by(columns, time_zone))
    start_s = CLOCK.now_s()
    with row_bars() as bars:
        task = bars.add_task("loading", rate=0.0, total=sum(map(count_rows_hint, archives)))
        loaded = load_archives(
            place,
            archives,
            Wanted(names, begin_ns, end_ns),
            may_migrate=settings.sink_migrate,
            told=lambda rows: bars.update(task, completed=rows, rate=bars.tasks[0].speed or 0.0),
        )
    took_s = max(1e-9, CLOCK.now_s() - start_s)
    loaded.outcome.skipped += found.skipped
    facts = {
        "files": len(archives),
        "rows": loaded.rows,
        "trades": loaded.trades,
        "new": loaded.new,
        "days": len(loaded.days),
        "seconds": round(took_s, 2),
        "rows_per_s": round(loaded.rows / took_s),
    }
    told = f"{counted(loaded.trades, 'trade')} of {counted(len(loaded.days), 'day')}"
    whole = {**facts, **loaded.outcome.as_json()}
    show(shape, whole, lambda: [f"{told}, {loaded.new:,} of them new"])
    notes_console().print(
        f"{counted(loaded.rows, 'row')} in {took_s:.2f} s ({facts['rows_per_s']:,} rows/s)",
        highlight=False,
    )
    say_outcome(loaded.outcome)
    return loaded.outcome.exit_code


@app.command("list")
def list_days(
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    by_symbol: Annotated[bool, typer.Option("--by-symbol", help="A row per symbol.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show which days are there: trades, symbols, first and last time.

    Example: tape history list --symbols NVDA
    """
    shape = form_of(form, as_json)
    place = place_of(load_settings(SinkSettings))
    from tape.sinks.postgres.history import held, history

    with history(place) as connection:
        found = held(connection, _range(symbols, from_, to), by_symbol=by_symbol)
    days = [
        {
            "day": str(one.day),
            "symbol": one.symbol or None,
            "trades": one.trades,
            "symbols": one.symbols,
            "first_ts_event": iso_time(one.first_ns),
            "last_ts_event": iso_time(one.last_ns),
        }
        for one in found
    ]
    show(shape, {"days": days}, lambda: [_days_table(found, by_symbol=by_symbol)], days)
    return 0


def _days_table(found: Sequence["Held"], *, by_symbol: bool) -> Table | str:
    if not found:
        return NO_TRADES
    table = Table("day", "symbol" if by_symbol else "symbols", "trades", "first", "last")
    for one in found:
        who = cell(printable(one.symbol)) if by_symbol else f"{one.symbols:,}"
        times = (iso_time(ns)[11:26] for ns in (one.first_ns, one.last_ns))
        table.add_row(str(one.day), who, f"{one.trades:,}", *times)
    return table


@app.command()
def bars(
    bar_s: Annotated[
        int, typer.Option("--bar-s", min=1, max=DAY_S, help="How long a bar is, in seconds.")
    ] = 60,
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Make bars of the trades that are there, into the table `bars`; again where there are some.

    A bar has open, high, low, close, volume, trades, dollars and how many trades were flagged.

    Example: tape history bars --bar-s 300 --from 2025-05-05
    """
    shape = form_of(form, as_json)
    if DAY_S % bar_s:
        raise SettingsError(
            f"--bar-s {bar_s} does not divide a day", "choose one that does, as 60 or 300"
        )
    place = place_of(load_settings(SinkSettings))
    from tape.sinks.postgres.history import history, make_bars

    with history(place) as connection:
        made = list(make_bars(connection, _range(symbols, from_, to), bar_s))
    days = [{"day": str(day), "bars": count} for day, count in made]
    told = [f"{day}: {counted(count, 'bar')} of {bar_s} s" for day, count in made]
    show(shape, {"bar_s": bar_s, "days": days}, lambda: ["\n".join(told) or NO_TRADES], days)
    return 0


@app.command()
def prune(
    before: Annotated[str, typer.Option(help="Drop the trades of days before this one (UTC).")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what.")] = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Drop old days of trades, whole partitions; bars, anomalies and episodes stay.

    Example: tape history prune --before 2025-01-01 --yes
    """
    shape = form_of(form, as_json)
    day = _day(time_ns(before, option="--before"))
    place = place_of(load_settings(SinkSettings))
    from tape.sinks.postgres.history import drop_days, history, partitions_before

    with history(place) as connection:
        days = partitions_before(connection, day)
        if yes:
            drop_days(connection, days)
    what = "dropped" if yes else "would be dropped; --yes does it"
    shown = f": {days[0]} to {days[-1]}" if days else ""
    whole = {"dropped": yes, "days": [str(one) for one in days]}
    show(shape, whole, lambda: [f"{counted(len(days), 'day')} {what}{shown}"])
    return 0


def _range(symbols: str, from_: str, to: str) -> "Range":
    from tape.sinks.postgres.history import Range

    begin_ns = time_ns(from_, option="--from") if from_ else 0
    end_ns = time_ns(to, option="--to", day_ends=True) if to else TIME_MAX_NS
    names = frozenset(split_symbols(symbols, "--symbols"))
    return Range(_time(begin_ns), _time(end_ns), names)


def _time(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NANOS, tz=UTC)


def _day(ns: int) -> date:
    return _time(ns).date()
