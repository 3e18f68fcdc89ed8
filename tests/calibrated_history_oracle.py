"""The calibrated profile from its papers' formulas, over a symbol's whole history at once.

Nothing here walks from trade to trade as the kernel does, but for the running median of the size.
What the kernel keeps as a running value is a weighted mean over the history (`running_mean`), a
window is a slice of it, and where a value is capped by itself the equations are solved by
repetition until nothing changes. So an update that the kernel leaves out, does twice or does for
the wrong trade gives other numbers here.

It knows sessions by nights and halts, auctions, and stamps that rise; no wrong stamps, no prices
around zero, and no new levels: days without them are compared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.calibrated_tail_oracle import START

F64 = npt.NDArray[np.float64]
NAMES = ("dev", "jump", "move", "size", "run", "flow")
PRICE, TAIL_CLASSES = slice(0, 3), 128


@dataclass(frozen=True)
class History:
    """One symbol's trades in their order; `session` numbers nights and halts through."""

    time_ns: npt.NDArray[np.int64]
    cents: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    side: npt.NDArray[np.str_]
    session: npt.NDArray[np.int64]
    auction: npt.NDArray[np.bool_]

    @property
    def number(self) -> npt.NDArray[np.int64]:
        """Return how many trades there are up to each, auctions among them."""
        return np.arange(1, len(self.time_ns) + 1)


def running_mean(values: F64, weights: F64) -> F64:
    """Return the running mean after each value, from 0: each older one is worth 1 - w the less."""
    left = np.cumprod(np.where(weights < 1.0, 1.0 - weights, 1.0))
    found = left * np.cumsum(values * weights / left)
    return found.astype(np.float64)


def before(values: F64) -> F64:
    """Return per trade the value after the one before it, 0 at first."""
    return np.concatenate([[0.0], values[:-1]])


def windows(history: History, kept: npt.NDArray[np.int64], length: int) -> list[F64]:
    """Return per kept trade the last prices of its session before it, in dollars."""
    price, session = history.cents[kept] / 100, history.session[kept]
    first = np.searchsorted(session, session)
    return [price[max(start, at - length) : at] for at, start in enumerate(first.tolist())]


def trimmed(window: F64) -> float:
    """Return the mean without the lowest and the highest tenth (Brownlees & Gallo 2006)."""
    cut = len(window) // 10
    return float(np.sort(window)[cut : len(window) - cut].mean())


def price_values(h: History) -> tuple[F64, F64]:
    """Return the three features of the price per trade, and its distance from the last nine."""
    kept = np.flatnonzero(~h.auction)
    price, known = h.cents[kept] / 100, h.number[kept]
    inside = windows(h, kept, 60)
    rows = np.flatnonzero([len(window) > 0 for window in inside])  # not a session's first
    held = np.array([len(inside[row]) for row in rows])
    p, n, last = price[rows], known[rows], price[rows - 1]
    mean = np.array([trimmed(inside[row]) for row in rows])
    nine = np.array([np.median(inside[row][-9:]) for row in rows])
    near = np.where(held >= 9, nine, mean)
    ten = np.array(
        [np.median(inside[row][-11:-8]) if len(inside[row]) >= 12 else 0 for row in rows]
    )
    slow, fast = np.where(n > 500, 1 / 500, 1 / n), np.maximum(1 / 100, 1 / n)
    most, tick = np.where(n > 60, 8.0, np.inf), 0.01

    apart = np.abs(p - mean)
    usual = np.full(len(p), np.inf)
    for _ in range(60):
        usual, last_usual = (
            before(running_mean(np.minimum(apart, most * usual), slow)) + tick,
            usual,
        )
        if np.allclose(usual, last_usual, 1e-13, 0):
            break

    start = np.flatnonzero(np.diff(h.session[kept][rows], prepend=-1))
    step, jumped = np.full(len(p), np.inf), np.zeros(len(p), np.bool_)
    far_mean, far_near = np.abs(p - mean) / mean, np.abs(p - near) / near
    session_first = np.zeros(len(p), np.int64)
    session_first[start] = start
    session_first = np.maximum.accumulate(session_first)
    for _ in range(200):
        steady = np.maximum.accumulate(np.where(~jumped, np.arange(len(p)), -1))
        place = np.concatenate([[-1], steady[:-1]])
        first_price = price[rows[session_first] - 1]
        anchor = np.where(place >= session_first, p[np.maximum(place, 0)], first_price)
        move = np.minimum(np.abs(p - last) / last, np.abs(p - anchor) / anchor)
        believed = np.minimum(move, most * step)
        product = believed * before(believed)  # bipower variation, Lee & Mykland (2008)
        moves = running_mean(believed, np.where(believed > 0, fast, 0.0))
        least = np.maximum(0.5 * tick / p, 0.25 * before(moves))
        found = np.sqrt(before(running_mean(product, slow)) * np.pi / 2) + least
        same = np.array_equal(jumped, move > 6 * found) and np.allclose(found, step, 1e-12, 0)
        step, jumped = found, move > 6 * found
        if same:
            break
    values, distance = np.zeros((len(h.cents), 3)), np.zeros(len(h.cents))
    at = kept[rows]
    values[at, 0] = np.where(held >= 10, np.minimum(apart, np.abs(p - near)) / usual, 0.0)
    values[at, 1] = np.minimum(np.minimum(move, far_near), far_mean) / step
    far_ten = np.abs(p - ten) / np.where(ten > 0, ten, 1)
    values[at, 2] = np.where(held >= 12, np.minimum(far_ten, far_mean) / step / np.sqrt(10), 0.0)
    distance[at] = far_near
    return values, distance


def size_values(h: History) -> tuple[F64, F64]:
    """Return the size in octaves of the running median per trade, and that median before it."""
    usual, values = np.zeros(len(h.size)), np.zeros(len(h.size))
    level = 0.0
    for k in np.flatnonzero(~h.auction).tolist():
        level = level or max(float(h.size[k]), 1.0)
        usual[k] = level
        up = h.size[k] > level
        level = max(level * (1 + max(0.0002, 1 / (k + 1))) ** (1 if up else -1), 1.0)
    kept = ~h.auction
    values[kept] = np.log2(1 + h.size[kept] / usual[kept])
    return values, usual


def gaps(h: History) -> tuple[F64, F64]:
    """Return the time since the trade before, 0 across nights and halts, and the usual one, ns."""
    passed = np.diff(h.time_ns, prepend=h.time_ns[0]).astype(float)
    begins = np.diff(h.session, prepend=-1) != 0
    passed[begins] = 0.0
    weights = np.where(begins, 0.0, np.maximum(1 / 200, 1 / h.number))
    spacing = np.zeros(len(passed))
    for _ in range(20):  # no gap counts as more than fifty usual ones, or than a second
        most = np.maximum(50 * before(spacing), 1e9)
        spacing, last = running_mean(np.minimum(passed, most), weights), spacing
        if np.allclose(spacing, last, 1e-13, 0):
            break
    return passed, spacing


def run_values(h: History) -> F64:
    """Return the rarity of the run of equal price, size and side per trade, in nats."""
    passed, spacing = gaps(h)
    kept = np.flatnonzero(~h.auction)
    key = list(zip(h.cents[kept], h.size[kept], h.side[kept], strict=True))
    again = np.array([False, *(one == other for one, other in zip(key[1:], key, strict=False))])
    lot = np.concatenate([[False], h.size[kept][:-1] == 100])
    timed = passed[kept] > 0
    known = h.number[kept]
    rarity = np.zeros(len(kept))
    for of_lot in (False, True):
        mine = timed & (lot == of_lot)
        weight = np.where(mine, np.maximum(1 / 5_000, 1 / known), 0.0)
        share = before(running_mean(again.astype(float), weight))
        rarity[mine] = -np.log(np.maximum(share[mine], 0.01))
    whole = 0.05 + 0.95 * np.minimum(passed[kept] / np.maximum(4 * spacing[kept], 1), 1)
    added = np.where(again & timed, whole * rarity, 0.0)
    fresh = ~again | (np.diff(h.session[kept], prepend=-1) != 0)
    total = np.cumsum(added)
    run = total - np.maximum.accumulate(np.where(fresh, total, 0.0))
    values = np.zeros(len(h.cents))
    values[kept] = run
    return values


def flow_values(h: History, usual: F64) -> F64:
    """Return the signed volume of 10 ms in usual lots, at the first trade of each time."""
    order = np.flatnonzero(~h.auction)
    begins = np.diff(h.session, prepend=0) != 0  # the clock is not there yet: only the next tells
    kept = order[~begins[order]]
    change = np.sign(np.diff(h.cents[order], prepend=0))
    place = np.maximum.accumulate(np.where(change != 0, np.arange(len(change)), 0))
    drift = np.zeros(len(h.cents))
    drift[order] = change[place]
    sign = np.where(h.side == "B", 1.0, np.where(h.side == "A", -1.0, drift))
    lots = sign[kept] * h.size[kept] / usual[kept]
    time, session = h.time_ns[kept], h.session[kept]
    values = np.zeros(len(h.cents))
    first = np.flatnonzero(np.diff(time, prepend=-1) != 0)
    sums = np.add.reduceat(lots, first)
    clipped = np.clip(sums, -1, 1)
    times, of = time[first], session[first]
    for n, at in enumerate(first.tolist()):
        low = np.searchsorted(times, times[n] - 10_000_000, side="right")
        same = of[low:n] == of[n]
        flow = clipped[low:n][same].sum() + np.clip(lots[at], -1, 1)
        values[kept[at]] = max(flow * np.sign(lots[at]), 0.0)
    return values


def edges(name: str) -> F64:
    """Return the classes' edges: eighths of octaves from 1/64, or eighths of units."""
    n = np.arange(TAIL_CLASSES + 1)
    if name in ("size", "all"):
        return n / 8
    found: F64 = 2.0 ** (n // 8 - 6) * (1 + n % 8 / 8)
    found[0] = 0.0
    return found


def prior(name: str) -> F64:
    """Return what a tail is worth before a trade of the symbol is known, class by class."""
    median, threshold, scale, shape = START[name]
    x = edges(name)
    beyond = np.maximum(x - threshold, 0) / scale
    tail = np.exp(-beyond) if shape == 0 else (1 + shape * beyond) ** (-1 / shape)
    part = np.clip((x - median) / (threshold - median), 0, 1)
    share = np.where(x > median, 0.5 * 0.01**part, 1 - 0.5 * x / median)
    share = np.where(x > threshold, 0.005 * tail, share)
    share[-1] = 0.0
    return -np.diff(share) * (5_000 if name == "flow" else 20_000)


def fitted(name: str, counts: F64) -> dict[str, float]:
    """Return a generalised Pareto over a high quantile, by probability-weighted moments."""
    x, total = edges(name), counts.sum()
    beyond = np.cumsum(counts[::-1])[::-1]
    enough = np.flatnonzero(beyond >= max(0.005 * total, 50.0))
    first = max(int(enough[-1]) if len(enough) else 1, 1)
    first += beyond[first] > 0.05 * total
    above, threshold = beyond[first], x[first]
    over = (x[:-1] + x[1:])[first:] / 2 - threshold
    heavier = np.append(beyond[first + 1 :], 0.0)
    mean = (counts[first:] * over).sum() / above
    moment = (counts[first:] * over * (heavier + counts[first:] / 2)).sum() / above**2
    below = np.cumsum(counts)
    half = int(np.searchsorted(below, total / 2))
    part = np.clip((total / 2 - below[half] + counts[half]) / counts[half], 0, 1)
    median = min(x[half] + (x[half + 1] - x[half]) * part, 0.999 * threshold)
    least = 0.4 if name == "flow" else 0.0
    shape, scale = least, 0.25 * threshold
    if above >= 25:
        if mean > 2 * moment:
            shape = min(max(2 - mean / (mean - 2 * moment), least), 0.6)
        scale = max(mean * (1 - shape), (x[first + 1] - threshold) / 2)
    level = -np.log10((above + 0.5) / (total + 1))
    return {
        "threshold": threshold,
        "level": level,
        "scale": scale,
        "shape": shape,
        "median": median,
    }


def severities(fit: dict[str, float], values: F64) -> F64:
    """Return -log10 of the chance that an ordinary value is at least as large."""
    x = np.maximum(values - fit["threshold"], 0) / fit["scale"]
    decay = np.log1p(fit["shape"] * x) / fit["shape"] if fit["shape"] > 1e-6 else x
    half = np.log10(2)
    part = (values - fit["median"]) / (fit["threshold"] - fit["median"])
    bulk = np.where(values > fit["median"], half + (fit["level"] - half) * part, 0.0)
    beyond = np.minimum(fit["level"] + decay / np.log(10), 16.0)
    return np.where(values > fit["threshold"], beyond, bulk)


class Tail:
    """A feature's tail: what was learnt, block by block of a thousand trades."""

    def __init__(self, name: str) -> None:
        self.name, self.counts = name, np.zeros(TAIL_CLASSES)
        self.fit = fitted(name, prior(name))
        self.credit, self.at = np.array([30.0, 10.0, 2.0]), np.zeros(3)

    def judge(self, values: F64, place: npt.NDArray[np.int64]) -> F64:
        """Return severities of a block; `place` counts the judged trades, for the credit."""
        found = severities(self.fit, values)
        learnt = np.ones(len(values), np.bool_)
        for n, (due, most) in enumerate(((1.3e-2, 200.0), (1.3e-3, 50.0), (1.3e-4, 10.0))):
            odd = np.flatnonzero((found >= 2 + n) & ((found < 3 + n) | (n == 2)))
            for k in odd.tolist():
                credit = min(self.credit[n] + due * (place[k] - self.at[n]), most)
                learnt[k] = credit >= 1.0
                self.credit[n], self.at[n] = credit - learnt[k], place[k]
        fit = self.fit
        decay = max((5 - fit["level"]) * np.log(10), 0.0)
        far = np.expm1(fit["shape"] * decay) / fit["shape"] if fit["shape"] > 1e-6 else decay
        value = np.minimum(values, fit["threshold"] + fit["scale"] * far)
        bins = np.searchsorted(edges(self.name), value[learnt], side="right") - 1
        bins = np.clip(bins, 0, TAIL_CLASSES - 1)
        self.counts += np.bincount(bins, minlength=TAIL_CLASSES)
        return found

    def refit(self, trades: int) -> None:
        """Fit what was learnt in all, and let it fade."""
        least = 0.2 if self.name in ("dev", "jump", "move") else 0.05
        self.fit = fitted(
            self.name, self.counts + max(np.exp(-trades / 4_000), least) * prior(self.name)
        )
        self.counts = self.counts * np.exp(-1_000 / 400_000)


def judged(h: History) -> dict[str, Any]:
    """Return per trade the six values, severities, the overall one, and the priority."""
    values = np.zeros((len(h.cents), 6))
    values[:, PRICE], distance = price_values(h)
    values[:, 3], usual = size_values(h)
    values[:, 4] = run_values(h)
    values[:, 5] = flow_values(h, usual)
    tails = {name: Tail(name) for name in (*NAMES, "all")}
    taken = ~h.auction & (h.number > 60)
    place = np.cumsum(taken)
    found, overall = np.zeros_like(values), np.zeros(len(values))
    for block in range(0, len(values), 1_000):
        rows = np.flatnonzero(taken[block : block + 1_000]) + block
        for n, name in enumerate(NAMES):
            found[rows, n] = tails[name].judge(values[rows, n], place[rows])
        overall[rows] = tails["all"].judge(found[rows].max(axis=1), place[rows])
        if block + 1_000 <= len(values):
            for tail in tails.values():
                tail.refit(block + 1_000)
    families = np.stack([found[:, :3].max(1), found[:, 3], found[:, 4:].max(1)], axis=1)
    capped = np.minimum(families, 8.0)
    far = 2 * np.log10(np.clip(distance, 1e-4, 1.0) / 1e-3)
    price = np.where(families[:, 0] > 2, capped[:, 0] + far, 0.0)
    priority = np.maximum(np.maximum(price, capped[:, 1] - 1), np.maximum(capped[:, 2] - 0.6, 0))
    return {"values": values, "families": families, "overall": overall, "priority": priority}
