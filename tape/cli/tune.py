"""`tape tune`: thresholds per symbol from past days and a number of alerts a day."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tape.archives import find_archives
from tape.archives.file_order import days_of_files
from tape.archives.outcome import Outcome
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.output import (
    Force,
    beside,
    notes_console,
    say_outcome,
)
from tape.desk.day import read_days
from tape.desk.tune.budgets import TunedBudget, tune_budgets
from tape.desk.tune.past import past_trades
from tape.desk.tune.thresholds import LEAST_TRADES, TUNED, Tuned, tune
from tape.desk.tune.thresholds_file import thresholds_text
from tape.detection.registry import BUILT_IN, lineup
from tape.errors import ArchiveError, SettingsError
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load


def tune_thresholds(
    days: Annotated[
        list[Path], typer.Argument(help="Past days: files or folders of trades.", readable=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .toml file to write.")],
    alerts_per_day: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=100_000,
            help="Target alerts per symbol and day, of all that PROFILE flags.",
        ),
    ] = 20.0,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Write a THRESHOLDS_FILE: settings per symbol for a target of alerts per day.

    It has thresholds and a switch of the forest for the classic rules, and a budget for
    PROFILE=calibrated. Where PROFILE has both, each gets half of the alerts.

    Exit code 2 if anything was rejected or skipped; it says what, and the rest is used.

    Example: tape tune nasdaq --output thresholds.toml --alerts-per-day 10
    """
    shape = form_of(form, as_json)
    if output.suffix != ".toml":
        raise SettingsError(f"--output {output} does not end in .toml", "name a .toml file")
    settings = load(DetectorSettings)
    others = [*filter(None, [columns]), *settings.files]
    file = OutputFile(output, inputs=[*days, *others], force=force)
    file.check()
    untuned = _untuned(settings.profile)
    parameters = replace(settings.parameters(), profile=TUNED, training="thinned")
    discovered = find_archives(days, others=others)
    archives = with_given(discovered.archives, given_by(columns, time_zone))
    most = settings.max_symbols
    past, without = read_days(days_of_files(archives), most)
    outcome = Outcome(skipped=list(discovered.skipped))
    for one in (*(day.outcome for day in past), *without.values()):
        outcome.add(one)
    each = alerts_per_day / max(len(lineup(settings.profile).kinds) - len(untuned), 1)
    found = [tune(one, each, parameters) for one in past_trades(past, parameters, most)]
    if all(one.trades < LEAST_TRADES for one in found):
        say_outcome(outcome)
        raise ArchiveError(
            f"no symbol has {LEAST_TRADES:,} trades in these days, so there is nothing to tune by",
            "name more days",
        )
    budgets = tune_budgets(past, each, parameters, most)
    sources = [day.name for day in past]
    text = thresholds_text(
        found,
        budgets,
        parameters,
        alerts_per_day=alerts_per_day,
        each=each,
        sources=sources,
    )
    with file:
        file.write(text.encode())
    figures = {one.symbol: _figures(one, budgets.get(one.symbol)) for one in found}
    rows = [{"symbol": symbol, **row} for symbol, row in figures.items()]
    show(shape, beside(figures, outcome), lambda: [_table(found, budgets)], rows)
    say_outcome(outcome)
    if untuned:
        notes_console().print(
            f"PROFILE has {cell(', '.join(untuned))}: nothing to tune for it, it flags on top"
        )
    notes_console().print(f"written: {cell(str(output))}")
    return outcome.exit_code


def _untuned(profile: str) -> list[str]:
    """Return which detectors of PROFILE nothing is tuned for; raises `SettingsError` if all."""
    kinds = lineup(profile).kinds
    untuned = [kind.name for kind in kinds if not kind.tuned]
    if len(untuned) == len(kinds):
        able = (kind for name in BUILT_IN for kind in lineup(name).kinds if kind.tuned)
        found = " and ".join(f"{kind.name} ({kind.tuned})" for kind in able)
        raise SettingsError(
            f"PROFILE={profile}: there is nothing to tune for {', '.join(untuned)}",
            f"`tape tune` tunes {found}: unset PROFILE, or add one of them",
        )
    return untuned


def _figures(one: Tuned, budget: TunedBudget | None) -> dict[str, Any]:
    figures = asdict(one)
    own = figures.pop("own")
    figures.update((name, own[name]) for name in ("volume_threshold", "change_threshold"))
    for name in ("symbol", "limits"):
        del figures[name]
    figures["forest"] = one.forest
    figures["alerts_per_day"] = None if budget is None else budget.own
    for name in ("before", "after", "last_day"):
        figures[f"calibrated_{name}"] = None if budget is None else getattr(budget, name)
    return figures


def _limit(text: str, limit: float, own: float | None) -> str:
    """Return a threshold, with a mark at a common one; or that its rule does not flag."""
    if math.isinf(limit):
        return "off"
    return text if own is not None else f"{text}*"


def _table(found: list[Tuned], budgets: Mapping[str, TunedBudget]) -> Table:
    table = Table(title="Alerts per day, of all rules that flag", title_justify="left")
    table.add_column("symbol")
    for name in (
        "shares over",
        "change over",
        "forest",
        "before",
        "after",
        "held out",
        "budget",
        "calibrated",
    ):
        table.add_column(name, justify="right")
    for one in found:
        own, budget = one.own, budgets.get(one.symbol)
        table.add_row(
            Text(one.symbol),
            _limit(f"{one.limits[0]:,.0f}", one.limits[0], own.volume_threshold),
            _limit(f"{100 * one.limits[1]:.3g} %", one.limits[1], own.change_threshold),
            f"{one.by_forest:.1f}" if one.forest else f"off ({one.by_forest:.0f})",
            f"{one.before:.1f}",
            f"{one.after:.1f}",
            "–" if one.left_out is None else f"{one.left_out:.1f}",
            "–" if budget is None else f"{budget.own:g}",
            "–" if budget is None or budget.after is None else f"{budget.after:.1f}",
        )
    table.caption = (
        "held out: on each day, with settings from the others; forest: its own alerts, which "
        "count in these, or off; calibrated: PROFILE=calibrated with its budget; *: the common "
        "threshold"
    )
    return table
