"""Builders of trades, messages and days that are ordinary until a test says otherwise."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tape.model.fields import NANOS
from tape.model.trade import Trade, encode

OPEN_NS: Final = 1_746_451_800 * NANOS
"""Monday 2025-05-05, 9:30 in New York: the regular session begins."""

APART_NS: Final = 10_000_000
"""Between two trades of `a_trade` whose sequences follow one another: 10 ms."""


def a_trade(sequence: int = 1, **changes: Any) -> Trade:
    """Return an ordinary trade: 100 shares of NVDA at 100 dollars, 10 ms after the one before.

    Args:
        sequence: its number at the exchange; its time follows from it.
        changes: fields of `Trade` that are to be others; `price_usd` sets `price_nanos`.

    >>> a_trade(3, size=20_000).size, a_trade(price_usd=99.5).price_nanos
    (20000, 99500000000)
    """
    if "price_usd" in changes:
        changes["price_nanos"] = round(changes.pop("price_usd") * NANOS)
    time_ns = changes.get("ts_event_ns", OPEN_NS + (sequence - 1) * APART_NS)
    fields: dict[str, Any] = {
        "ts_recv_ns": time_ns + 200_000,
        "ts_event_ns": time_ns,
        "publisher_id": 2,
        "side": "B",
        "price_nanos": 100 * NANOS,
        "size": 100,
        "sequence": sequence,
        "symbol": "NVDA",
    }
    return Trade(**(fields | changes))


def a_message(sequence: int = 1, **changes: Any) -> bytes:
    """Return the message of `a_trade`, as it lies on `stocks`."""
    return encode(a_trade(sequence, **changes))


def a_day(
    trades: int, symbols: Sequence[str] = ("AAPL", "AMD", "INTC", "NVDA"), *, seed: int = 0
) -> list[Trade]:
    """Return trades of a regular session in the order of their times: small steps, small sizes.

    Prices walk by a cent or two from 100 dollars on, sizes are up to 300 shares: the classic
    rules flag none of these. The same arguments give the same day.

    >>> [trade.symbol for trade in a_day(3, ["A", "B"], seed=1)]
    ['A', 'B', 'A']
    """
    dice = random.Random(seed)  # noqa: S311 - a day has to come again
    cents = dict.fromkeys(symbols, 10_000)
    step_ns = int(6.5 * 3_600 * NANOS) // max(1, trades)
    day = []
    for number in range(trades):
        symbol = dice.choice(symbols)
        cents[symbol] = max(100, cents[symbol] + dice.choice((-2, -1, -1, 0, 0, 0, 1, 1, 2)))
        day.append(
            a_trade(
                number + 1,
                symbol=symbol,
                ts_event_ns=OPEN_NS + number * step_ns,
                price_nanos=cents[symbol] * NANOS // 100,
                size=dice.randint(1, 300),
                side=dice.choice("AB"),
            )
        )
    return day


def messages(trades: Iterable[Trade]) -> tuple[list[bytes], list[bytes]]:
    """Return keys and values of trades as they lie on `stocks`, for `Judge.judge`."""
    listed = list(trades)
    return [trade.symbol.encode() for trade in listed], [encode(trade) for trade in listed]
