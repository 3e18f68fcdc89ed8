"""Episodes written down literally; slow, exact, and without a line of the fast code."""

import json
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.oracle import Trade

NAMES = ["High Volume", "Rapid Price Change", "Isolation Forest", "Calibrated"]
DAY_NS = 86_400_000_000_000
QUIET_NS = 30 * 60 * 1_000_000_000
"""The very next trade after a flag belongs to its episode if it comes within half an hour."""


def in_oracle_words(message: bytes) -> dict[str, Any]:
    """A message of `episodes` as `told` would have it, without its place on the tape."""
    m = json.loads(message, parse_float=lambda text: round(Fraction(text) * 10**9))
    return {
        "episode_id": m["episode_id"],
        "symbol": m["symbol"],
        "state": m["state"],
        "flags": m["flags"],
        "rules": m["rules"],
        "first": (_ns(m["first_ts_event"]), m["first_sequence"]),
        "last": (_ns(m["last_ts_event"]), m["last_sequence"]),
        "prices": (m["price_before"], m["price_extreme"], m["price_after"]),
        "mark": m["mark"],
        "shares": (m["shares"], round(float(Fraction(m["notional_usd"], 10**9)), 2)),
        "duration_ns": m["duration_s"],
    }


NOT_KNOWN_BEFORE = {
    "anomaly": ("context", "priority", "episode_id"),
    "episode": (
        *("severity", "priority", "family", "rule", "reason", "context", "publisher_id"),
        *("shares", "notional_usd", "mark", "text"),
    ),
}
"""Of a symbol whose trades and times were not counted, and of an episode that was open then."""


def of_any_version(message: bytes) -> dict[str, Any]:
    """A message without what a state of the version before leaves unknown at first."""
    said = json.loads(message)
    new = NOT_KNOWN_BEFORE["episode" if "state" in said else "anomaly"]
    return {name: value for name, value in said.items() if name not in new}


def _ns(text: str) -> int:
    second, _, fraction = text.removesuffix("Z").partition(".")
    assert len(fraction) == 9
    return int(datetime.fromisoformat(f"{second}+00:00").timestamp()) * 10**9 + int(fraction)


def told(
    trades: Iterable[Trade], answers: Iterable[tuple[str, set[str]]], gap_ns: int = 1_000_000_000
) -> tuple[list[str | None], list[dict[str, Any]]]:
    """Return per trade its episode, if it is flagged, and every state of every episode.

    Prices are in 1e-9 dollars here, times in nanoseconds; `at` is the position of the trade that
    brought the state.
    """
    open_ones: dict[str, list[int]] = {}  # the flagged trades of a symbol's open episode
    tape = list(trades)
    verdicts = list(answers)
    mine: dict[str, list[int]] = {}  # accepted trades of a symbol, as positions
    ids: list[str | None] = []
    states: list[dict[str, Any]] = []

    def state(kind: str, at: int, flagged: list[int], accepted: list[int]) -> dict[str, Any]:
        first, last = tape[flagged[0]], tape[flagged[-1]]
        name = last[0]
        ordinary = [n for n in accepted if not verdicts[n][1]]
        earlier = [tape[n][3] for n in ordinary if n < flagged[0]]
        before = earlier[-1] if earlier else None
        start = first[3] if before is None else before
        extreme = max((tape[n][3] for n in flagged), key=lambda price: abs(price - start))
        after = mark = None
        if kind == "closed":
            later = [tape[n][3] for n in ordinary if flagged[-1] < n < at]
            after = later[-1] if later else None
            if after is None and tape[at][2] // DAY_NS == last[2] // DAY_NS:
                after = tape[at][3]
            moved = 0 if before is None else abs(extreme - before)
            if (
                moved
                and before is not None
                and after is not None
                and moved >= Fraction(10, 10_000) * abs(before)
            ):
                left = Fraction(after - before, extreme - before)
                few = away([n for n in accepted if flagged[0] <= n < at], set(flagged), before) <= 3
                mark = "move" if left >= Fraction(1, 2) else "spike"
                if left <= Fraction(1, 3) and few:
                    mark = "bad print"
        rules = [rule for n in flagged for rule in verdicts[n][1]]
        return {
            "at": at,
            "episode_id": f"{name}-{first[1]}-{first[2]}-{first[6]}",
            "symbol": name,
            "state": kind,
            "flags": len(flagged),
            "rules": {rule: rules.count(rule) for rule in NAMES if rule in rules},
            "first": (first[2], first[6]),
            "last": (last[2], last[6]),
            "prices": (before, extreme, after),
            "mark": mark,
            "shares": (
                sum(tape[n][4] for n in flagged),
                round(
                    float(Fraction(sum(abs(tape[n][3]) * tape[n][4] for n in flagged), 10**9)), 2
                ),
            ),
            "duration_ns": abs(last[2] - first[2]),
        }

    def away(places: list[int], flagged: set[int], before: int) -> int:
        """How many trades were far out, each by the extreme as it was when it came."""
        count, farthest = 0, 0
        for n in places:
            far = abs(tape[n][3] - before)
            if n in flagged and far > farthest:
                count = 0 if far > 2 * farthest else count
                farthest = far
            count += farthest > 0 and far >= Fraction(farthest, 2)
        return count

    for at, (trade, (outcome, rules)) in enumerate(zip(tape, verdicts, strict=True)):
        ids.append(None)
        if outcome == "DUPLICATE":
            continue
        name = trade[0]
        accepted = mine.setdefault(name, [])
        accepted.append(at)
        flagged = open_ones.get(name)
        apart = abs(trade[2] - tape[flagged[-1]][2]) if flagged else 0
        is_next = flagged is not None and accepted[-2] == flagged[-1]
        if flagged and apart > gap_ns and not (is_next and apart <= QUIET_NS):
            states.append(state("closed", at, flagged, accepted))
            del open_ones[name]
        if rules:
            flagged = open_ones.setdefault(name, [])
            flagged.append(at)
            kind = "opened" if len(flagged) == 1 else "extended"
            states.append(state(kind, at, flagged, accepted))
            ids[at] = states[-1]["episode_id"]
    return ids, states
