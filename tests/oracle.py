"""The classic rules written down literally; slow, and without a line of the fast code.

`judged` is numpy, scikit-learn and Python integers only, to be compared with.
"""

from collections import defaultdict, deque
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest

UNIT = 100_000  # prices count in 1e-4 dollars

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
        if s["pending"] and s.get("forest") is not None:
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
        if p0 is not None and abs(p - p0) / p0 > change:
            rules.add("Rapid Price Change")
        s["last"] = p

        unit, rest = divmod(price, UNIT)
        unit += rest * 2 > UNIT or (rest * 2 == UNIT and unit % 2 == 1)
        prices = s.setdefault("prices", deque(maxlen=window))
        if len(prices) == window:
            s["sum"] -= prices[0]
            s["sum2"] -= prices[0] ** 2
        prices.append(unit)
        s["sum"] = s.get("sum", 0) + unit
        s["sum2"] = s.get("sum2", 0) + unit**2
        m = len(prices)
        spread = m * s["sum2"] - s["sum"] ** 2
        z = float(m * unit - s["sum"]) / np.sqrt(float(spread)) if spread > 0 else None
        past = s.setdefault("history", deque(maxlen=history))
        if s["n"] % stride == 0 and z is not None:
            past.append(z)
        if s["n"] % refit_every == 0:
            learn = list(past)
            if training == "window":
                root = np.sqrt(float(spread)) if spread > 0 else None
                learn = [] if root is None else [float(m * q - s["sum"]) / root for q in prices]
            if len(learn) >= 50:
                score(s)
                s["forest"] = IsolationForest(
                    n_estimators=trees, contamination=contamination, random_state=random_state
                ).fit(np.array(learn).reshape(-1, 1))
        if s.get("forest") is not None and z is not None:
            s["pending"].append((len(answers) - 1, z))
    for s in states.values():
        score(s)
    return answers
