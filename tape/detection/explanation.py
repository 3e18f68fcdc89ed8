"""Turns the evidence of a flagged trade into reasons that a trader understands."""

import math

import numpy as np

from tape.anomaly import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE, Reason
from tape.columns import TradeColumns
from tape.detection.detector import CHANGE_BIT, FOREST_BIT, VOLUME_BIT, Verdicts
from tape.detection.parameters import Parameters
from tape.symbols import SymbolTable

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


def dollars(price_usd: float) -> str:
    """Return a price with as many decimals as it needs, two at least and four at most."""
    text = f"{price_usd:,.4f}"
    return text[:-2] if text.endswith("00") else text


def _rounded(price_usd: float, like_usd: float) -> str:
    """Return a computed price with cents, or four decimals where cents say little."""
    return f"{price_usd:,.2f}" if abs(like_usd) >= 1.0 else f"{price_usd:,.4f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") if share >= 1e-4 else f"{100 * share:.3g}"


def _normal_range(low_usd: float, high_usd: float, price_usd: float) -> str:
    """Return the end of a sentence: what would have been normal."""
    if math.isnan(low_usd):
        return "no price would have been normal."
    low, high = _rounded(low_usd, price_usd), _rounded(high_usd, price_usd)
    if math.isinf(low_usd):
        return f"{high} or less would have been normal."
    if math.isinf(high_usd):
        return f"{low} or more would have been normal."
    return f"{low if low == high else f'{low} to {high}'} would have been normal."


def explained(
    trades: TradeColumns,
    verdicts: Verdicts,
    position: int,
    parameters: Parameters,
    symbols: SymbolTable,
) -> list[Reason]:
    """Return the reasons of the `position`-th flagged trade of a batch, one a rule, in order."""
    i = int(verdicts.flagged[position])
    rules = int(verdicts.rules[i])
    previous, mean, _, z, normal_low, normal_high, normal_z = verdicts.evidence[position].item()
    most_shares, most_change = thresholds_of(parameters, symbols.names[int(trades.symbol[i])])
    price = float(trades.price_nanos[i] / 1e9)
    size = int(trades.size[i])
    reasons = []
    if rules & VOLUME_BIT:
        text = f"{size:,} shares in one trade; more than {most_shares:,} is unusual."
        reasons.append(Reason(HIGH_VOLUME, size, most_shares, text))
    if rules & CHANGE_BIT:
        change = abs(price - previous) / previous
        text = (
            f"Price moved {_percent(change)} % from {dollars(previous)} to {dollars(price)} "
            f"since the previous trade; more than {_percent(most_change)} % is unusual."
        )
        reasons.append(Reason(RAPID_PRICE_CHANGE, change, most_change, text))
    if rules & FOREST_BIT:
        side = "above" if z >= 0.0 else "below"
        normal = _normal_range(normal_low, normal_high, price)
        text = (
            f"Price {dollars(price)} is {abs(z):.1f} standard deviations {side} the mean "
            f"{_rounded(mean, price)} of the last {parameters.window:,} "
            f"trades; {normal}"
        )
        reasons.append(Reason(ISOLATION_FOREST, z, normal_z, text))
    return reasons
