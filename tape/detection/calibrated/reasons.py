"""What a trader reads about a flagged trade, from its evidence."""

from math import ceil, log, log10
from typing import Final

import numpy as np

from tape.detection.calibrated.features import LOT
from tape.detection.calibrated.state import FEATURES, LOCAL, SIZE
from tape.model.anomaly import Feature
from tape.model.columns import TradeColumns
from tape.model.fields import price_text

MOST_TOLD: Final = 8.0
"""Severities are capped at 1 in 100 million."""
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
    "bits",
    "shares at least",
)


FEATURES_OF: Final = ([0, 1, 2], [3], [4, 5])
"""By family: price, size, feed."""
MOST_TIMES: Final = 10.0
"""A distance of this many times the mean is told in dollars."""


def _shown(feature: int, value: float, usual_size: float) -> float:
    """Return a feature's value in its unit."""
    if feature == 3:
        return float((2.0**value - 1.0) * usual_size)
    if feature == 5:
        return value * LOT * usual_size
    if feature == 4:
        return value / log(2.0)
    return value


def attribution(evidence: np.void, size: int) -> list[Feature]:
    """Return per feature what was seen, what is ordinary, and its contribution.

    `size` is the trade's own, which is given as it is.
    """
    severities = evidence["severities"]
    whole = float(severities.sum())
    usual = float(evidence["usual_size"])
    return [
        Feature(
            name=NAMES[n],
            unit=UNITS[n],
            value=size if n == SIZE else _rounded(_shown(n, float(evidence["values"][n]), usual)),
            median=_rounded(_shown(n, float(evidence["medians"][n]), usual)),
            one_in_10k=_rounded(_shown(n, float(evidence["rare"][n]), usual)),
            share=round(float(severities[n]) / whole, 3) if whole > 0.0 else 0.0,
        )
        for n in range(FEATURES)
    ]


def _rounded(value: float) -> float:
    """Return four significant digits, which is more than the estimate is worth."""
    return float(f"{value:.4g}")


def _decimals(value: float) -> int:
    """Return how many decimals show two digits of a value, at least 2."""
    return max(2, 1 + ceil(-log10(value))) if value > 0.0 else 2


def _price(price_nanos: int) -> str:
    """Return a price in dollars to its last digit, cents at least.

    >>> _price(1_234_500_000_000), _price(-37_630_000_000), _price(6_412_500)
    ('1,234.50', '-37.63', '0.0064125')
    """
    whole, _, decimals = price_text(abs(price_nanos)).partition(".")
    return f"{'-' if price_nanos < 0 else ''}{int(whole):,}.{decimals:0<2}"


def _distance(price_nanos: int, mean: float) -> str:
    """Return how far a price is from the mean, in digits that tell them apart.

    In per cent of the mean, or in dollars where one of both is not above zero or nearly zero.

    >>> _distance(137_350_000_000, 137.9301)
    'Price 137.35 is 0.42 % below the trimmed mean 137.93'
    >>> _distance(6_412_500, 0.00641201)
    'Price 0.0064125 is 0.0076 % above the trimmed mean 0.00641201'
    >>> _distance(-10_000_000_000, -1.45)
    'Price -10.00 is 8.55 dollars below the trimmed mean -1.45'
    """
    price = price_nanos / 1e9
    apart = abs(price - mean)
    side = "above" if price >= mean else "below"
    decimals = _decimals(apart)
    if price > 0.0 and mean > 0.0 and apart < MOST_TIMES * mean:
        percent = 100.0 * apart / mean
        far = f"{percent:,.{_decimals(percent)}f} %"
        decimals = max(decimals, _decimals(mean))
    else:
        far = f"{apart:,.{decimals}f} dollars"
    of_mean = f"{mean:,.{decimals}f}"
    return f"Price {_price(price_nanos)} is {far} {side} the trimmed mean {of_mean}"


def _what(feature: int, evidence: np.void, price_nanos: int, size: int) -> str:
    """Return what the feature saw."""
    value = float(evidence["values"][feature])
    if feature == 0:
        distance = _distance(price_nanos, float(evidence["mean_usd"]))
        return f"{distance} of the last {LOCAL} trades"
    if feature == 1:
        return f"Price jumped {value:,.1f} times its usual step in one trade"
    if feature == 2:
        return f"Price moved {value:,.1f} times its usual range in ten trades"
    shown = _shown(feature, value, float(evidence["usual_size"]))
    if feature == 3:
        return f"{size:,} shares in one trade"
    if feature == 4:
        return f"The same price, size and side repeated, as unlikely as {shown:,.0f} heads in a row"
    return f"More than {shown:,.0f} shares on one side within 10 ms, in many trades"


VERBS: Final = (
    "deviates that far",
    "jumps that far",
    "comes after such a move",
    "is that large",
    "is in a run this long",
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
    family = int(evidence["family"])
    of_family = FEATURES_OF[family]
    feature = of_family[int(np.argmax(evidence["severities"][of_family]))]
    what = _what(feature, evidence, int(trades.price_nanos[i]), int(trades.size[i]))
    if evidence["calibrated"] != 1.0:
        return f"{what}; not yet calibrated for this symbol, judged by what is usual of most."
    return f"{what}; {_chance(float(evidence['families'][family]))} trades {VERBS[feature]}."
