"""Turns the evidence of a flagged trade into reasons that a trader understands."""

import math
from decimal import Decimal
from typing import Final

import numpy as np

from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.detection.protocol import Verdicts
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns
from tape.model.fields import dollars
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE

EVIDENCE = np.dtype(
    [
        ("previous_usd", "f8"),
        ("mean_usd", "f8"),
        ("std_usd", "f8"),
        ("z", "f8"),
        ("normal_low_usd", "f8"),
        ("normal_high_usd", "f8"),
        ("normal_z", "f8"),
    ]
)
"""Per flagged trade; NaN where there is no previous price, spread, forest or normal range."""


def thresholds_of(parameters: Parameters, symbol: str) -> tuple[int, float]:
    """Return the volume (shares) and change (share of the price) thresholds of a symbol."""
    own = parameters.overrides.get(symbol)
    volume = parameters.volume_threshold
    change = parameters.change_threshold
    if own is not None and own.volume_threshold is not None:
        volume = own.volume_threshold
    if own is not None and own.change_threshold is not None:
        change = own.change_threshold
    return volume, change


MOST_DIGITS: Final = 15
"""Decimals after which two prices that still look alike are not printed as different ones."""
PERCENT_DIGITS: Final = 30
"""The same of percentages: enough for any two floats that differ."""


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _apart(value: float, other: Decimal, *, above: bool, digits: int) -> str | None:
    """Return `value` with so few decimals that as printed it is still above `other`, or below.

    At least `digits` of them. None where it is not above or below, or by too little.
    """
    distance = value - float(other)
    if (distance if above else -distance) > 10.0**-digits:  # no rounding gets there
        return f"{value:,.{digits}f}"
    for places in range(digits, MOST_DIGITS + 1):
        text = f"{value:,.{places}f}"
        if (_number(text) > other) if above else (_number(text) < other):
            return text
    return None


def _percents(share: float, least: float) -> tuple[str, str]:
    """Return two shares, the first the larger one, as percentages that differ as printed, too."""
    both = Decimal(share) * 100, Decimal(least) * 100
    texts = ["", ""]
    for places in range(2, PERCENT_DIGITS):
        texts = [f"{one:,.{places}f}".rstrip("0").rstrip(".") for one in both]
        numbers = [_number(text) for text in texts]
        if numbers[0] > numbers[1] and (least == 0.0 or numbers[1] > 0):
            break
    return texts[0], texts[1]


def _normal_range(low_usd: float, high_usd: float, price_usd: Decimal, *, below: bool) -> str:
    """Return the end of a sentence: what would have been normal, below the price or above it.

    The price lies outside of the range as printed, too.
    """
    if math.isnan(low_usd):
        return "no price would have been normal."
    digits = _digits(price_usd)
    if below:
        high = _apart(high_usd, price_usd, above=False, digits=digits)
        if high is None:
            return "a little less would have been normal."
        if math.isinf(low_usd):
            return f"{high} or less would have been normal."
        low = _apart(low_usd, _number(high), above=False, digits=digits)
    else:
        low = _apart(low_usd, price_usd, above=True, digits=digits)
        if low is None:
            return "a little more would have been normal."
        if math.isinf(high_usd):
            return f"{low} or more would have been normal."
        high = _apart(high_usd, _number(low), above=True, digits=digits)
    if low is None or high is None:
        return f"{low or high} would have been normal."
    return f"{low} to {high} would have been normal."


def _digits(price_usd: Decimal) -> int:
    """Return how many decimals a computed price has at least: four where cents say little."""
    return 2 if abs(price_usd) >= 1 else 4


def _place(price_usd: Decimal, mean_usd: float, z: float) -> str:
    """Return where a price lies by the mean, so that the numbers as printed agree."""
    mean = _apart(mean_usd, price_usd, above=z < 0.0, digits=_digits(price_usd))
    if z == 0.0 or mean is None:
        return "at the mean"
    far = f"{abs(z):.1f}" if abs(z) >= 0.05 else f"{abs(z):.1g}"
    return f"{far} standard deviations {'below' if z < 0.0 else 'above'} the mean {mean}"


def explained(
    trades: TradeColumns,
    verdicts: Verdicts,
    position: int,
    parameters: Parameters,
    symbols: SymbolTable,
) -> list[Reason]:
    """Return the reasons of the `position`-th flagged trade of a batch, one per rule, in order."""
    i = int(verdicts.flagged[position])
    rules = int(verdicts.rules[i])
    previous, mean, std, z, normal_low, normal_high, normal_z = verdicts.evidence[position].item()
    most_shares, most_change = thresholds_of(parameters, symbols.names[int(trades.symbol[i])])
    price = float(trades.price_nanos[i] / 1e9)
    price_usd = Decimal(int(trades.price_nanos[i])).scaleb(-9)
    size = int(trades.size[i])
    reasons = []
    if rules & HIGH_VOLUME.bit:
        text = f"{size:,} shares in one trade; more than {most_shares:,} is unusual."
        reasons.append(Reason(HIGH_VOLUME.name, size, most_shares, text))
    if rules & RAPID_PRICE_CHANGE.bit:
        change = abs(price - previous) / abs(previous)
        moved, usual = _percents(change, most_change)
        text = (
            f"Price moved {moved} % from {dollars(previous)} to {dollars(price_usd)} "
            f"since the previous trade; more than {usual} % is unusual."
        )
        reasons.append(Reason(RAPID_PRICE_CHANGE.name, change, most_change, text))
    if rules & ISOLATION_FOREST.bit:
        below = normal_high == mean + normal_z * std
        normal = _normal_range(normal_low, normal_high, price_usd, below=below)
        text = (
            f"Price {dollars(price_usd)} is {_place(price_usd, mean, z)} of the last "
            f"{parameters.window:,} trades; {normal}"
        )
        reasons.append(Reason(ISOLATION_FOREST.name, z, normal_z, text))
    return reasons
