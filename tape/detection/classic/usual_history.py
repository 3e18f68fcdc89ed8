"""What a symbol's history holds before its own trades: the z values that are usual anywhere.

z is in units of the symbol's own spread, so that ordinary values differ little between symbols:
pooled over many days they are close to normal with a deviation of 1.25. A history that began
empty would grow its first forests from 50 neighbouring values, and those flag one in ten trades.
"""

from math import ceil, gcd
from statistics import NormalDist
from typing import Final

SPREAD: Final = 1.25
"""Standard deviation of ordinary z values."""
STRIDE_SHARE: Final = 0.618
"""The values are taken in strides of this share of all, so that any part of them is usual, too."""
JUDGED_FROM: Final = 100
"""The first trade of a symbol that a forest judges: few prices before it make no spread."""


def usual_history(length: int) -> list[float]:
    """Return this many usual z values, oldest first: quantiles of a normal in scattered order."""
    step = ceil(STRIDE_SHARE * length)
    while gcd(step, length) != 1:
        step += 1
    inverse = NormalDist().inv_cdf
    return [SPREAD * inverse((i * step % length + 0.5) / length) for i in range(length)]
