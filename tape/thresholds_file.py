"""Writing what tuning found as a THRESHOLDS_FILE that explains itself."""

from collections.abc import Sequence

from tape.detection.explanation import thresholds_of
from tape.detection.parameters import Parameters
from tape.tuning import Tuned


def thresholds_text(
    tuned: Sequence[Tuned], parameters: Parameters, *, alerts_per_day: float, sources: Sequence[str]
) -> str:
    """Return the file: a table a symbol, with what each value means on the past days."""
    parts = [
        "# Thresholds of the classic rules; use them with THRESHOLDS_FILE=<this file>.\n"
        f"# By `tape tune --alerts-per-day {alerts_per_day:g}` from:\n"
        + "".join(f"#   {_printable(name)}\n" for name in sources)
        + "# An alert is an episode: flagged trades of a symbol, each at most a second after the\n"
        "# one before. Volume and price change get half of the alerts each. What the isolation\n"
        "# forest flags comes on top: CONTAMINATION governs it, for all symbols alike.\n"
    ]
    parts += [_table(one, parameters, alerts_per_day) for one in tuned]
    return "\n".join(parts)


def _table(one: Tuned, parameters: Parameters, alerts_per_day: float) -> str:
    name = f'"{one.symbol}"' if "." in one.symbol else one.symbol
    own = one.own
    if own.volume_threshold is None and own.change_threshold is None:
        return f"# {one.symbol}: {one.why_not}; the common thresholds hold.\n"
    volume, change = thresholds_of(parameters, one.symbol)
    lines = [
        f"[{name}]",
        f"# {_days(one.days)}, {one.trades / one.days:,.0f} trades a day. Alerts a day of both:",
        f"#   {one.before:.1f} with the thresholds before ({volume:,} shares, {_percent(change)})",
        f"#   {one.after:.1f} with these, on the days that they come from",
    ]
    if one.left_out is not None:
        lines.append(
            f"#   {one.left_out:.1f} on days that were left out, with thresholds from the others"
        )
    lines.append(f"# The forest alone: {one.by_forest:.1f} alerts a day.")
    if one.by_calibrated is not None:
        lines.append(
            f"# PROFILE=calibrated, ALERTS_PER_DAY={alerts_per_day:g}, which needs no thresholds:\n"
            f"#   {one.by_calibrated:.1f} alerts a day on the days after the first"
        )
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
    else:
        lines.append(f"# no change_threshold: {one.why_not}; the common one holds")
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
