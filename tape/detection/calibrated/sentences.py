"""One sentence a trader understands, from the evidence of a flagged trade."""

import numpy as np

from tape.columns import TradeColumns
from tape.detection.calibrated.state import FEATURES, LOCAL


def _what(feature: int, value: float, price: float, mean: float, size: int) -> str:
    """Return what the feature saw."""
    if feature == 0:
        side = "above" if price >= mean else "below"
        percent = 100 * abs(price - mean) / mean if mean > 0 else 0.0
        return f"Price {percent:.2f} % {side} the trimmed mean of the last {LOCAL} trades"
    if feature == 1:
        return f"Price jumped {value:.1f} times its usual step in one trade"
    if feature == 2:
        return f"Price moved {value:.1f} times its usual range in ten trades"
    if feature == 3:
        return f"{size:,} shares in one trade"
    if feature == 4:
        return f"The same price, size and side {int(value) + 1:,} times in a row"
    return f"{np.expm1(value):,.0f} shares on one side within some 10 ms"


def sentence(trades: TradeColumns, i: int, evidence: np.void) -> str:
    """Return why trade i was flagged: its rarest property, and how rare the trade is."""
    feature = int(np.argmax(evidence["severities"]))
    assert feature < FEATURES  # noqa: S101
    what = _what(
        feature,
        float(evidence["values"][feature]),
        float(trades.price_nanos[i] / 1e9),
        float(evidence["mean_usd"]),
        int(trades.size[i]),
    )
    if evidence["calibrated"] != 1.0:
        return f"{what}; unusual by cautious defaults, not yet calibrated for this symbol."
    return f"{what}; 1 in {10 ** float(evidence['severity']):,.0f} trades is that unusual."
