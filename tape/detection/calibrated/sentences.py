"""What a trader reads about a flagged trade, from its evidence."""

from math import log
from typing import Final

import numpy as np

from tape.anomaly import Feature
from tape.columns import TradeColumns
from tape.detection.calibrated.features import LOT
from tape.detection.calibrated.state import FEATURES, LOCAL, OF_VENUE

MOST_TOLD: Final = 8.0
"""Severities are told up to 1 in 100 million."""
NAMES: Final = (
    "distance from local mean",
    "jump in one trade",
    "move in ten trades",
    "size",
    "stuck run",
    "signed volume in 10 ms",
)
UNITS: Final = (
    "usual distances",
    "usual steps",
    "usual moves",
    "shares",
    "coin tosses alike",
    "shares at least",
)


def _shown(feature: int, value: float, usual_size: float) -> float:
    """Return a feature's value in its unit."""
    if feature == 3:
        return float((2.0**value - 1.0) * usual_size)
    if feature == 5:
        return value * LOT * usual_size
    if feature == 4:
        return value / log(2.0)
    return value


def attribution(evidence: np.void) -> list[Feature]:
    """Return per feature what was seen, what is ordinary, and its share of the surprise."""
    severities = evidence["severities"]
    whole = float(severities.sum())
    usual = float(evidence["usual_size"])
    return [
        Feature(
            name=NAMES[n],
            unit=UNITS[n],
            value=_rounded(_shown(n, float(evidence["values"][n]), usual)),
            median=_rounded(_shown(n, float(evidence["medians"][n]), usual)),
            one_in_10k=_rounded(_shown(n, float(evidence["rare"][n]), usual)),
            share=round(float(severities[n]) / whole, 3) if whole > 0.0 else 0.0,
        )
        for n in range(FEATURES)
    ]


def _rounded(value: float) -> float:
    """Return four significant digits, which is more than the estimate is worth."""
    return float(f"{value:.4g}")


def _what(feature: int, evidence: np.void, price: float, size: int) -> str:
    """Return what the feature saw."""
    value = float(evidence["values"][feature])
    if feature == 0:
        mean = float(evidence["mean_usd"])
        side = "above" if price >= mean else "below"
        percent = 100 * abs(price - mean) / mean if mean > 0 else 0.0
        return f"Price {percent:.2f} % {side} the trimmed mean of the last {LOCAL} trades"
    if feature == 1:
        return f"Price jumped {value:,.1f} times its usual step in one trade"
    if feature == 2:
        return f"Price moved {value:,.1f} times its usual range in ten trades"
    shown = _shown(feature, value, float(evidence["usual_size"]))
    if feature == 3:
        return f"{size:,} shares in one trade"
    if feature == 4:
        return (
            "The same price, size and side again and again, "
            f"as unlikely as {shown:,.1f} coin tosses alike"
        )
    return f"More than {shown:,.0f} shares on one side within 10 ms, in many trades"


VERBS: Final = (
    "deviates that far",
    "jumps that far",
    "comes after such a move",
    "is that large",
    "ends so long a run",
    "comes in such a burst",
)


def _chance(severity: float) -> str:
    """Return 1 in how many trades, in words for large numbers.

    >>> _chance(4.0), _chance(6.48), _chance(8.0)
    ('1 in 10,000', '1 in 3 million', 'less than 1 in 100 million')
    """
    if severity >= MOST_TOLD:
        return "less than 1 in 100 million"
    many = 10.0**severity
    if many >= 1e6:
        return f"1 in {float(f'{many / 1e6:.1g}'):.0f} million"
    return f"1 in {float(f'{many:.2g}'):,.0f}"


def sentence(trades: TradeColumns, i: int, evidence: np.void) -> str:
    """Return why trade i was flagged: its rarest property, and how rare the trade is."""
    feature = int(np.argmax(evidence["severities"]))
    price = float(trades.price_nanos[i] / 1e9)
    what = _what(feature, evidence, price, int(trades.size[i]))
    if evidence["calibrated"] != 1.0:
        return f"{what}; not yet calibrated for this symbol, judged by what is usual of most."
    trades_of = "trades of its venue" if evidence["by_venue"] and feature < OF_VENUE else "trades"
    return f"{what}; {_chance(float(evidence['severity']))} {trades_of} {VERBS[feature]}."
