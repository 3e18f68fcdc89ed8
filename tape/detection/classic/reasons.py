"""Turns the evidence of a flagged trade into reasons that a trader understands."""

from decimal import Decimal
from functools import lru_cache
from math import isinf, isnan
from typing import Final

import numpy as np

from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.detection.protocol import Verdicts
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns
from tape.model.fields import NANOS, dollars
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


REMEMBERED: Final = 4_096
"""Prices whose texts are kept: a stock that is quoted in cents has some hundreds a day."""


@lru_cache(maxsize=REMEMBERED)
def _price(nanos: int) -> tuple[float, str]:
    """Return a price in dollars, the nearest float and exactly as it is printed."""
    return nanos / NANOS, dollars(Decimal(nanos).scaleb(-9))


CLEAR: Final = 1e-6
"""Dollars apart from which on two printed prices are told by their floats: those err by 2e-9."""


def _apart(value: float, other: float, printed: str, above: bool, digits: int) -> str | None:
    """Return `value` with so few decimals that as printed it is still above `other`, or below.

    `other` is the float of what is `printed`. At least `digits` decimals. None where it is not
    above or below, or by too little.
    """
    for places in range(digits, MOST_DIGITS + 1):
        text = f"{value:,.{places}f}"
        apart = float(text.replace(",", "")) - other
        if not above:
            apart = -apart
        if apart > CLEAR:
            return text
        if apart > -CLEAR:
            exact, found = _number(printed), _number(text)
            if found > exact if above else found < exact:
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


def _normal_range(
    low_usd: float, high_usd: float, price: tuple[float, str], below: bool, digits: int
) -> str:
    """Return the end of a sentence: what would have been normal, below the price or above it.

    The price lies outside of the range as printed, too.
    """
    if isnan(low_usd):
        return "no price would have been normal."
    if below:
        high = _apart(high_usd, *price, False, digits)
        if high is None:
            return "a little less would have been normal."
        if isinf(low_usd):
            return f"{high} or less would have been normal."
        low = _apart(low_usd, float(high.replace(",", "")), high, False, digits)
    else:
        low = _apart(low_usd, *price, True, digits)
        if low is None:
            return "a little more would have been normal."
        if isinf(high_usd):
            return f"{low} or more would have been normal."
        high = _apart(high_usd, float(low.replace(",", "")), low, True, digits)
    if low is None or high is None:
        return f"{low or high} would have been normal."
    return f"{low} to {high} would have been normal."


def _place(price: tuple[float, str], mean_usd: float, z: float, digits: int) -> str:
    """Return where a price lies by the mean, so that the numbers as printed agree."""
    mean = None if z == 0.0 else _apart(mean_usd, *price, z < 0.0, digits)
    if mean is None:
        return "at the mean"
    far = f"{abs(z):.1f}" if abs(z) >= 0.05 else f"{abs(z):.1g}"
    return f"{far} standard deviations {'below' if z < 0.0 else 'above'} the mean {mean}"


Facts = tuple[float, float, float, float, float, float, float]
"""A row of `EVIDENCE`."""


def _reasons(
    rules: int, price_nanos: int, size: int, facts: Facts, limits: tuple[int, float], window: str
) -> list[Reason]:
    """Return why a trade was flagged, one reason per rule, in order.

    Args:
        rules: its bits.
        price_nanos: its price.
        size: its shares.
        facts: its evidence.
        limits: thresholds of its symbol: shares, and share of the price.
        window: how many trades the forest looks back on, as text.
    """
    previous, mean, std, z, normal_low, normal_high, normal_z = facts
    most_shares, most_change = limits
    price = _price(price_nanos)
    reasons = []
    if rules & HIGH_VOLUME.bit:
        text = f"{size:,} shares in one trade; more than {most_shares:,} is unusual."
        reasons.append(Reason(HIGH_VOLUME.name, size, most_shares, text))
    if rules & RAPID_PRICE_CHANGE.bit:
        change = abs(price_nanos / 1e9 - previous) / abs(previous)
        moved, usual = _percents(change, most_change)
        text = (
            f"Price moved {moved} % from {dollars(previous)} to {price[1]} "
            f"since the previous trade; more than {usual} % is unusual."
        )
        reasons.append(Reason(RAPID_PRICE_CHANGE.name, change, most_change, text))
    if rules & ISOLATION_FOREST.bit:
        digits = 2 if abs(price_nanos) >= NANOS else 4  # where cents say little
        below = normal_high == mean + normal_z * std
        normal = _normal_range(normal_low, normal_high, price, below, digits)
        text = (
            f"Price {price[1]} is {_place(price, mean, z, digits)} of the last "
            f"{window} trades; {normal}"
        )
        reasons.append(Reason(ISOLATION_FOREST.name, z, normal_z, text))
    return reasons


def explained(
    trades: TradeColumns,
    verdicts: Verdicts,
    position: int,
    parameters: Parameters,
    symbols: SymbolTable,
) -> list[Reason]:
    """Return the reasons of the `position`-th flagged trade of a batch, one per rule, in order."""
    i = int(verdicts.flagged[position])
    return _reasons(
        int(verdicts.rules[i]),
        int(trades.price_nanos[i]),
        int(trades.size[i]),
        verdicts.evidence[position].item(),
        thresholds_of(parameters, symbols.names[int(trades.symbol[i])]),
        f"{parameters.window:,}",
    )


def all_explained(
    trades: TradeColumns, verdicts: Verdicts, parameters: Parameters, symbols: SymbolTable
) -> list[list[Reason]]:
    """Return the reasons of all flagged trades of a batch: each column is looked at once."""
    rows, window = verdicts.flagged, f"{parameters.window:,}"
    limits: dict[int, tuple[int, float]] = {}
    found = []
    for rules, price_nanos, size, facts, number in zip(
        verdicts.rules[rows].tolist(),
        trades.price_nanos[rows].tolist(),
        trades.size[rows].tolist(),
        verdicts.evidence.tolist(),
        trades.symbol[rows].tolist(),
        strict=True,
    ):
        own = limits.get(number)
        if own is None:
            own = limits[number] = thresholds_of(parameters, symbols.names[number])
        found.append(_reasons(rules, price_nanos, size, facts, own, window))
    return found
