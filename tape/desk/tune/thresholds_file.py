"""Writing what tuning found as a THRESHOLDS_FILE that explains itself."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tape.desk.tune.budgets import DOUBT, TunedBudget
from tape.desk.tune.thresholds import Tuned
from tape.detection.calibrated.symbol_tails import SETTLED
from tape.detection.classic.reasons import thresholds_of
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.process.origin import MARK

BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
"""A key of TOML that needs no quotes; no symbol has what would have to be escaped in them."""

FAR_OFF: Final = 1.5
"""How many times the alerts asked for are a miss that is reported."""


def thresholds_text(
    tuned: Sequence[Tuned],
    budgets: Mapping[str, TunedBudget],
    parameters: Parameters,
    *,
    alerts_per_day: float,
    sources: Sequence[str],
    each: float | None = None,
) -> str:
    """Return the file: one table per symbol, with what each value means on the past days.

    Args:
        tuned: thresholds of the classic rules.
        budgets: of the calibrated profile, by symbol.
        parameters: settings with which they were found; the file says them.
        alerts_per_day: what was asked for, per symbol.
        each: what of it each profile gets, where several judge together.
        sources: names of the files of the past days.
    """
    each = alerts_per_day if each is None else each
    parts = [
        f"# {MARK.decode()}: `tape tune --alerts-per-day {alerts_per_day:g}` from:\n"
        + "".join(f"#   {_printable(name)}\n" for name in sources)
        + "# Thresholds of the classic rules and budgets of PROFILE=calibrated, one table per\n"
        "# symbol. Use them with THRESHOLDS_FILE=<this file>. Each profile uses its own lines.\n"
        "# An alert is an episode: flagged trades of a symbol at most "
        f"{parameters.episode_gap_s:g} s apart, or\n"
        "# one right after the other. The figures count those of all rules that flag. Where\n"
        "# the isolation forest would have more than a third of the alerts asked for, it is\n"
        "# off. Volume and price change get half of the rest each.\n"
    ]
    if each != alerts_per_day:
        parts[0] += f"# Profiles that judge together get {each:g} alerts a day each.\n"
    parts += [
        _table(one, parameters) + _budget(budgets.get(one.symbol), one, parameters, each)
        for one in tuned
    ]
    return "\n".join(parts)


def _table(one: Tuned, parameters: Parameters) -> str:
    name = one.symbol if BARE.fullmatch(one.symbol) else f'"{one.symbol}"'
    own = one.own
    if own == SymbolThresholds():
        return f"# {one.symbol}: {one.why_not}; the common thresholds hold.\n"
    volume, change = thresholds_of(parameters, one.symbol)
    lines = [
        f"[{name}]",
        f"# {_days(one.days)}, {one.trades / one.days:,.0f} trades a day. Alerts per day:",
        f"#   {one.before:.1f} with the settings before ({volume:,} shares, {_percent(change)})",
        f"#   {one.after:.1f} with these, on the days that they come from",
    ]
    if one.left_out is not None:
        lines.append(f"#   {one.left_out:.1f} on held-out days, with settings from the others")
    if own.forest is not None:
        lines.append(f"forest = false  # it alone would have {one.by_forest:.1f} alerts a day")
    elif one.forest:
        lines.append(f"# The forest alone: {one.by_forest:.1f} alerts a day, counted above.")
    if own.volume_threshold is not None:
        lines.append(
            f"volume_threshold = {own.volume_threshold}  # shares: {one.by_volume:.1f} alerts a day"
        )
    if own.change_threshold is not None:
        lines.append(
            f"change_threshold = {_decimal(own.change_threshold)}"
            f"  # {_percent(own.change_threshold)} from one trade to the next: "
            f"{one.by_change:.1f} alerts a day"
        )
    elif one.why_not:
        lacks = (
            ("thresholds", "the common ones hold")
            if own.volume_threshold is None
            else ("change_threshold", "the common one holds")
        )
        lines.append(f"# no {lacks[0]} here: {one.why_not}; {lacks[1]}")
    return "\n".join(lines) + "\n"


def _budget(one: TunedBudget | None, tuned: Tuned, parameters: Parameters, asked: float) -> str:
    """Return the lines for the calibrated profile, none for a symbol without a table."""
    if one is None:
        return ""
    lines = []
    if one.before is None or one.after is None:
        lines.append(
            "# PROFILE=calibrated: the requested budget, unchanged: one day cannot test it."
        )
    else:
        per_10k, per_day = parameters.budget_of(tuned.symbol)
        so_far = f"{per_day:g} a day" if per_day > 0.0 else f"{per_10k:g} per 10,000 trades"
        lines += [
            "# PROFILE=calibrated, alerts a day on the days after the first:",
            f"#   {one.before:.1f} with the budget before ({so_far})",
            f"#   {one.after:.1f} with this one, on the days that it comes from",
        ]
        if not asked / FAR_OFF <= one.after <= asked * FAR_OFF:
            if tuned.trades < SETTLED:
                why = f"{tuned.trades:,} trades are too few to calibrate by ({SETTLED:,})"
            elif tuned.days <= DOUBT:
                why = "so few days move the budget only a little"
            else:
                why = "its episodes follow the budget only in part"
            lines.append(f"#   (not the {asked:g} requested: {why})")
    if one.last_day is not None:
        lines.append(f"#   {one.last_day:.0f} on the last day, with a budget from those before it")
    lines.append(f"alerts_per_day = {one.own:g}  # alerts of 30 trades, which the budget counts")
    return "\n".join(lines) + "\n"


def _days(days: int) -> str:
    return "One day" if days == 1 else f"{days:,} days"


def _printable(name: str) -> str:
    """Return a file's name as a comment may hold it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _decimal(value: float) -> str:
    """Return a number without an exponent, as people read it.

    >>> _decimal(0.0000123)
    '0.0000123'
    """
    return f"{value:.12f}".rstrip("0")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
