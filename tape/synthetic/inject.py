"""Puts labelled anomalies of seven kinds into a day, synthetic or real; the same by seed.

Prices stay on the grid of the exchange, times and sequences keep rising, and no auction's print
is touched, so that the file reads like any other.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.market.auctions import AUCTION_SHARES
from tape.synthetic.day import COLUMNS, Label, SyntheticDay
from tape.synthetic.insertion import Insertion, with_insertions
from tape.synthetic.ordinary import BUY, CENT, I64, SELL

KINDS: Final = (
    "fat finger",
    "small misprint",
    "volume spike",
    "burst",
    "stuck feed",
    "spike that reverts",
    "gap",
)
APART: Final = 80
"""Trades of the symbol between the end of one anomaly and the beginning of the next, at least."""
GAP_TRADES: Final = 10
"""Trades at the new level that belong to a gap's label; what follows is the market as it is."""
TRIES: Final = 400
"""Rows after a drawn one that are tried before the anomaly is given up."""


def inject(
    made: SyntheticDay,
    *,
    seed: int | tuple[int, ...],
    anomalies: int = 84,
    kinds: tuple[str, ...] = KINDS,
) -> SyntheticDay:
    """Return the day with up to `anomalies` anomalies, the kinds in turn, spread over the day.

    A place without room (an auction, a neighbour, the end of a symbol) moves on to the next one
    that has it; a day too short for all of them gets fewer.
    """
    random = np.random.default_rng((*((seed,) if isinstance(seed, int) else seed), 7))
    return _Injection(random, made).filled(anomalies, kinds)


class _Injection:
    """A day in work. Rows keep their numbers until all trades to be added are put in at last."""

    def __init__(self, random: np.random.Generator, made: SyntheticDay) -> None:
        self._random = random
        self._made = replace(made, **{name: getattr(made, name).copy() for name in COLUMNS})
        self._rows = [np.flatnonzero(made.symbol == number) for number in range(len(made.symbols))]
        self._free_from = [0] * len(made.symbols)
        self._labels: list[Label] = list(made.labels)
        self._insertions: list[Insertion] = []
        self._kinds: dict[str, Callable[[I64, int], Label | None]] = {
            "fat finger": self._fat_finger,
            "small misprint": self._small_misprint,
            "volume spike": self._volume_spike,
            "burst": self._burst,
            "stuck feed": self._stuck_feed,
            "spike that reverts": self._spike,
            "gap": self._gap,
        }

    def filled(self, anomalies: int, kinds: tuple[str, ...]) -> SyntheticDay:
        trades = len(self._made.symbol)
        anomalies = min(anomalies, sum(len(rows) // APART + 1 for rows in self._rows))  # the room
        places = np.linspace(trades * 0.05, trades * 0.95, anomalies + 1)[:-1].astype(np.int64)
        step = int(places[1] - places[0]) if anomalies > 1 else 1
        for nth, place in enumerate(places.tolist()):
            start = place + int(self._random.integers(max(step // 2, 1)))
            self._put(kinds[nth % len(kinds)], start)
        return with_insertions(replace(self._made, labels=self._labels), self._insertions)

    def _put(self, kind: str, start: int) -> None:
        """Put one anomaly at the first place from `start` on that has room for it."""
        for row in range(start, min(start + TRIES, len(self._made.symbol))):
            number = int(self._made.symbol[row])
            rows = self._rows[number]
            at = int(np.searchsorted(rows, row))
            if at < self._free_from[number]:
                continue
            label = self._kinds[kind](rows, at)
            if label is not None:
                self._labels.append(label)
                last = int(np.searchsorted(rows, label.last_row))
                self._free_from[number] = last + APART
                return

    def _span(self, rows: I64, at: int, count: int) -> I64 | None:
        """Return the next `count` rows of the symbol if there are that many, none an auction.

        Nor may one have a price of zero or less, which has no share by which it could move.
        """
        span = rows[at : at + count]
        if len(span) < count or (self._made.size[span] >= AUCTION_SHARES).any():
            return None
        return span if (self._made.price_nanos[span] > 0).all() else None

    def _sign(self) -> int:
        return 1 if self._random.random() < 0.5 else -1

    def _log_uniform(self, low: float, high: float) -> float:
        return float(np.exp(self._random.uniform(np.log(low), np.log(high))))

    def _moved(self, rows: I64, share: float | npt.NDArray[np.float64]) -> None:
        """Move prices by a share of themselves, onto the grid, at least by one step of it."""
        old = self._made.price_nanos[rows]
        tick = np.where(old >= 100 * CENT, CENT, CENT // 100)
        new = np.rint(old * (1 + np.asarray(share, np.float64)) / tick).astype(np.int64) * tick
        far = old // tick * tick + np.where(np.asarray(share) > 0, tick, -tick)
        new = np.where((np.abs(new - old) < tick) & (np.asarray(share) != 0), far, new)
        self._made.price_nanos[rows] = np.maximum(new, tick)

    def _off(self, rows: I64, at: int, kind: str, low: float, high: float) -> Label | None:
        span = self._span(rows, at, 1)
        if span is None:
            return None
        row = int(span[0])
        before = int(self._made.price_nanos[row])
        self._moved(span, self._sign() * self._log_uniform(low, high))
        return Label(row, row, kind, int(self._made.price_nanos[row]) / before - 1)

    def _fat_finger(self, rows: I64, at: int) -> Label | None:
        """One price off by 0.3 to 3 %."""
        return self._off(rows, at, "fat finger", 0.003, 0.03)

    def _small_misprint(self, rows: I64, at: int) -> Label | None:
        """One price off by 0.05 to 0.3 %."""
        return self._off(rows, at, "small misprint", 0.0005, 0.003)

    def _volume_spike(self, rows: I64, at: int) -> Label | None:
        """One trade of 3,000 to 60,000 shares."""
        span = self._span(rows, at, 1)
        if span is None:
            return None
        row = int(span[0])
        shares = round(self._log_uniform(3_000, 60_000))
        self._made.size[row] = shares
        return Label(row, row, "volume spike", float(shares))

    def _stuck_feed(self, rows: I64, at: int) -> Label | None:
        """60 to 250 trades in a row of the same price, size and side, at their own times."""
        span = self._span(rows, at, int(self._random.integers(60, 251)))
        made = self._made
        if span is None or int(made.price_nanos[span[0]]) % _tick(int(made.price_nanos[span[0]])):
            return None
        for column in (made.price_nanos, made.size, made.side):
            column[span] = column[span[0]]
        return Label(int(span[0]), int(span[-1]), "stuck feed", float(len(span)))

    def _spike(self, rows: I64, at: int) -> Label | None:
        """6 to 25 trades that leave the price by 0.15 to 1 % and come back: half a sine."""
        count = int(self._random.integers(6, 26))
        span = self._span(rows, at, count)
        if span is None:
            return None
        height = self._sign() * self._log_uniform(0.0015, 0.01)
        self._moved(span, height * np.sin(np.pi * (np.arange(count) + 1) / (count + 1)))
        return Label(int(span[0]), int(span[-1]), "spike that reverts", height)

    def _gap(self, rows: I64, at: int) -> Label | None:
        """All later prices of the symbol shifted by 0.15 to 1 %."""
        span = self._span(rows, at, GAP_TRADES)
        if span is None:
            return None
        made = self._made
        price = int(made.price_nanos[span[0]])
        tick = _tick(price)
        share = self._sign() * self._log_uniform(0.0015, 0.01)
        shift = int(np.rint(price * share / tick)) * tick or (tick if share > 0 else -tick)
        if made.price_nanos[rows[at:]].min() + shift < tick:
            return None
        made.price_nanos[rows[at:]] += shift
        return Label(int(span[0]), int(span[-1]), "gap", shift / price)

    def _burst(self, rows: I64, at: int) -> Label | None:
        """80 to 200 more trades, 5 to 30 µs apart, of one side, of 100 shares or more."""
        row = int(rows[at])
        made = self._made
        count = int(self._random.integers(80, 201))
        times = made.ts_event_ns[row] + np.cumsum(self._random.integers(5_000, 30_001, count))
        last = row + 1 >= len(made.symbol) or made.price_nanos[row] <= 0
        if last or made.size[row] >= AUCTION_SHARES or made.ts_event_ns[row + 1] < times[-1]:
            return None
        buying = self._random.random() < 0.5
        tick = _tick(int(made.price_nanos[row]))
        steps = np.cumsum(self._random.random(count) < 0.02) * (1 if buying else -1)
        price = np.maximum(made.price_nanos[row] // tick + steps, 1) * tick
        size = 100 * self._random.geometric(0.6, count)
        side = BUY if buying else SELL
        self._insertions.append(Insertion(row, times, price, size, side))
        # The first trade added; `with_insertions` moves labels to the rows as they are at last.
        return Label(row, row, "burst", float(count))


def _tick(price_nanos: int) -> int:
    """Return the exchange's step: a cent, and a hundredth of it under a dollar (Rule 612)."""
    return CENT if price_nanos >= 100 * CENT else CENT // 100
