"""The classic rules written down literally; slow, and without a line of the fast code.

`judged` is numpy, scikit-learn and Python integers only, to be compared with.
"""

from collections import defaultdict, deque
from functools import cache
from math import gcd
from statistics import NormalDist
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest

UNIT = 100_000  # prices count in 1e-4 dollars as long as all of the symbol can

Trade = tuple[str, int, int, int, int, int, int]
"""symbol, publisher_id, ts_event_ns, price_nanos, size, side, sequence"""


def _fresh() -> dict[str, Any]:
    return {"ring": deque(maxlen=1024), "newest": {}, "n": 0, "last": None, "pending": []}


def _outcome(symbol: dict[str, Any], trade: Trade) -> str:
    publisher, ts, sequence = trade[1], trade[2], trade[6]
    if sequence > 0 and trade in symbol["ring"]:
        return "DUPLICATE"
    symbol["ring"].append(trade)
    newest = symbol["newest"].get(publisher, ts)
    symbol["newest"][publisher] = max(ts, newest)
    return "LATE" if ts < newest else "NEW"


def usual(length: int) -> list[float]:
    """The history of a symbol that has not traded."""
    strides = (n for n in range(1, 10 * length) if n >= 0.618 * length and gcd(n, length) == 1)
    stride = next(strides)
    places = [(i * stride) % length for i in range(length)]
    return [1.25 * NormalDist().inv_cdf((place + 0.5) / length) for place in places]


@cache
def first_forest(length: int, trees: int, contamination: float, seed: int) -> IsolationForest:
    forest = IsolationForest(n_estimators=trees, contamination=contamination, random_state=seed)
    return forest.fit(np.array(usual(length)).reshape(-1, 1))


def judged(
    trades: list[Trade],
    *,
    volume_threshold: int = 20_000,
    change_threshold: float = 0.01,
    overrides: dict[str, tuple[int, float]] | None = None,
    window: int = 1_000,
    stride: int = 20,
    history: int = 1_000,
    refit_every: int = 1_000,
    trees: int = 100,
    contamination: float = 0.01,
    random_state: int = 42,
    training: str = "thinned",
) -> list[tuple[str, set[str]]]:
    """Return per trade its outcome and the rules that fired."""
    states: dict[str, dict[str, Any]] = defaultdict(_fresh)
    answers: list[tuple[str, set[str]]] = []

    def score(s: dict[str, Any]) -> None:
        """Ask the forest about all trades since it was grown."""
        if s["pending"]:
            z = np.array([z for _, z in s["pending"]]).reshape(-1, 1)
            for (at, _), decision in zip(
                s["pending"], s["forest"].decision_function(z), strict=True
            ):
                if decision < 0:
                    answers[at][1].add("Isolation Forest")
        s["pending"] = []

    for trade in trades:
        name, _, _, price, size, _, _ = trade
        s = states[name]
        outcome = _outcome(s, trade)
        rules: set[str] = set()
        answers.append((outcome, rules))
        if outcome == "DUPLICATE":
            continue
        s["n"] += 1
        most, change = (overrides or {}).get(name, (volume_threshold, change_threshold))
        if size > most:
            rules.add("High Volume")
        p, p0 = price / 1e9, s["last"]
        if p0 and abs(p - p0) / abs(p0) > change:
            rules.add("Rapid Price Change")
        s["last"] = p

        s["unit"] = 1 if price % UNIT else s.get("unit", UNIT)
        nanos = s.setdefault("prices", deque(maxlen=window))
        if len(nanos) == window:
            s["nanos"] -= nanos[0]
            s["nanos2"] -= nanos[0] ** 2
        nanos.append(price)
        s["nanos"] = s.get("nanos", 0) + price
        s["nanos2"] = s.get("nanos2", 0) + price**2
        m = len(nanos)
        total, squares = s["nanos"] // s["unit"], s["nanos2"] // s["unit"] ** 2  # without a rest
        spread = m * squares - total**2
        z = float(m * (price // s["unit"]) - total) / np.sqrt(float(spread)) if spread > 0 else None
        past = s.setdefault("history", deque(usual(history), maxlen=history))
        s.setdefault("forest", first_forest(history, trees, contamination, random_state))
        if s["n"] % stride == 0 and z is not None:
            past.append(z)
        if s["n"] % refit_every == 0:
            learn = list(past)
            if training == "window":
                root = np.sqrt(float(spread)) if spread > 0 else None
                ahead = [float(m * (q // s["unit"]) - total) for q in nanos]
                learn = [] if root is None else [one / root for one in ahead]
            if training == "thinned" or len(learn) >= 50:
                score(s)
                s["forest"] = IsolationForest(
                    n_estimators=trees, contamination=contamination, random_state=random_state
                ).fit(np.array(learn).reshape(-1, 1))
        if s["n"] >= 100 and z is not None:
            s["pending"].append((len(answers) - 1, z))
    for s in states.values():
        score(s)
    return answers
