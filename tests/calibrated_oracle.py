"""The calibrated profile written down literally; slow, and without a line of the fast code.

`judged` is Python's own lists and floats only, to be compared with.
"""

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.calibrated_tail_oracle import START, Tail

Trade = tuple[str, int, int, int, str, int]
"""symbol, ts_event_ns, price_nanos, size, side, publisher; none is seen twice"""


FAMILIES = {"price": ("dev", "jump", "move"), "size": ("size",), "feed": ("run", "flow")}
SHARES = {"price": 0.5, "size": 0.3, "feed": 0.2}


def _budget(
    family: str, per_10k: float | None = None, per_day: float | None = None
) -> dict[str, float]:
    share = SHARES[family]
    if per_day is not None:
        per_day *= share
        first, least, most, far = 4.0, 1.5, 7.0, math.inf
        rise = sink = 0.1 / share
    else:
        assert per_10k is not None
        per_10k *= share
        trades = {"price": 2, "size": 1.5, "feed": 1}[family]
        first = max(-math.log10(trades * per_10k / 10_000), 0.5)
        least = max(first - 0.7, 0.5)
        most, far, rise, sink = first + 0.3, 0.5, 0.065, 0.05
        if family == "price":
            most, far, rise, sink = first + 2, 2.0, 0.1, 0.1
    return {
        "first": first,
        "least": least,
        "most": most,
        "trade": (per_10k or 0.0) / 10_000,
        "day": per_day or 0.0,
        "far": far,
        "rise": rise,
        "sink": sink,
    }


def _fresh(budgets: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {
        "limits": {name: _fresh_limit(budget) for name, budget in budgets.items()},
        "n": 0,
        "day": None,
        "tails": {name: Tail(name) for name in START},
        "doubt": None,
        "moved": 0.0,
        "bipower": 0.0,
        "move": 0.0,
        "last_return": 0.0,
        "spread": 0.0,
        "usual": None,
        "repeats": {False: 0.0, True: 0.0},
        "spacing": 0.0,
        "reopened": None,
        "direction": 0,
        "last": (None, None, None),
    }


def _fresh_limit(budget: dict[str, float]) -> dict[str, Any]:
    return {
        "budget": budget,
        "limit": budget["first"],
        "strong": 0.0,
        "alert": 0,
        "event_left": 0,
    }


def _new_session(s: dict[str, Any], prices: list[float]) -> None:
    s.update(prices=prices, away=0, old=(0, 0.0), flow=[], flow_doubt=None, run=0.0)
    if prices:
        s["anchor"] = prices[0]


def _clock(ts: int) -> tuple[int, int]:
    """Return New York's day since 1970 and the ns of it that have passed."""
    seconds, ns = divmod(ts, 10**9)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo("America/New_York"))
    passed = (local.hour * 3600 + local.minute * 60 + local.second) * 10**9 + ns
    return local.date().toordinal(), passed


def _price(s: dict[str, Any], price: float, values: dict[str, float]) -> None:
    prices = s["prices"]
    if not prices:
        s["anchor"] = price
        prices.append(price)
        return
    tick = 0.01 if abs(price) >= 1 else 0.0001
    if s["moved"]:
        tick = min(0.01, s["moved"] * (2 if abs(price) >= 1 else 1))
    weight = 1 / 500 if s["n"] > 500 else 1 / s["n"]
    window = sorted(prices[-60:])
    cut = len(window) // 10
    middle = window[cut : len(window) - cut]
    most = 8 if s["n"] > 60 else math.inf
    mean = math.fsum(middle) / len(middle)
    apart, usual = abs(price - mean), s["spread"] + tick
    shifted = False
    if apart > 6 * usual:
        side = 1 if price > mean else -1
        s["away"] = s["away"] + side if s["away"] * side > 0 else side
        shifted = abs(s["away"]) >= 8
    else:
        s["away"] = 0
    left, old = s["old"]
    if left > 0:
        left -= 1
        s["old"] = (left, old)
        apart = min(apart, abs(price - old))
    nearby = sorted(prices[-9:])[4] if len(window) >= 9 else mean
    if len(window) >= 10:
        s["around"] = (mean, usual)
        values["dev"] = min(apart, abs(price - nearby)) / usual
    s["spread"] += weight * (min(apart, most * usual) - s["spread"])

    def off(base: float) -> float:
        """The change from a base in parts of it, or of 200 usual distances if that is more."""
        return float(abs(price - base) / max(abs(base), 200 * usual))

    least = max(tick / 2 / max(abs(price), 200 * usual), s["move"] / 4)
    step = math.sqrt(s["bipower"] * math.pi / 2) + least
    last = s["last"][0] / 1e9
    move = min(off(last), off(s["anchor"]))
    s["distance"] = off(nearby)
    values["jump"] = min(move, off(nearby), off(mean)) / step
    if len(window) >= 12:
        before = sorted(prices[-11:-8])[1]
        far = min(off(before), off(mean))
        if left > 0:
            far = min(far, off(old))
        values["move"] = far / step / math.sqrt(10)
    believed = min(move, most * step)
    s["bipower"] += weight * (believed * s["last_return"] - s["bipower"])
    s["last_return"] = believed
    if believed > 0:
        s["move"] += max(1 / 100, 1 / s["n"]) * (believed - s["move"])
    if price != last:
        changed = abs(price - last)
        if s["moved"]:
            changed = min(changed, most * s["moved"])
        s["moved"] += max(1 / 100, 1 / s["n"]) * (changed - s["moved"])
    if move <= 6 * step:
        s["anchor"] = price
    prices.append(price)
    if shifted:
        s["prices"] = prices[-8:]
        s["away"], s["old"] = 0, (250, mean)


def _flow(s: dict[str, Any], ts: int, signed: float) -> float:
    """The volume of the last 10 ms; the last time of it is doubted while it is far from others."""
    flow, doubt = s["flow"], s["flow_doubt"]
    newest = doubt or (flow[-1] if flow else None)
    if newest and newest[0] == ts:
        newest[1] += signed
        return 0.0
    if doubt:
        if abs(ts - doubt[0]) <= abs(ts - flow[-1][0]):
            flow = [doubt]
        s["flow"], s["flow_doubt"] = flow, None
    if flow and abs(ts - flow[-1][0]) >= 10_000_000:
        s["flow"] = flow[-255:]
        s["flow_doubt"] = [ts, signed]
        return min(abs(signed), 1.0)
    while flow and (abs(ts - flow[0][0]) >= 10_000_000 or len(flow) >= 256):
        flow = flow[1:]
    s["flow"] = [*flow, [ts, signed]]
    total = math.fsum(min(max(lots, -1.0), 1.0) for _, lots in s["flow"])
    return max(total if signed > 0 else -total, 0.0)


def _space(s: dict[str, Any], gap: int) -> None:
    most = max(50 * s["spacing"], 1e9)
    counted = min(max(gap, -most), most)
    s["spacing"] += max(1 / 200, 1 / s["n"]) * (counted - s["spacing"])
    s["spacing"] = max(s["spacing"], 0.0)


def _note_time(s: dict[str, Any], ts: int, day: int, part: float, *, trading: bool) -> float:
    """Set since, doubted, reopening; return the share of a day since the trade before."""
    s.update(since=0, begins=False, reopening=False)
    if s["n"] == 1:
        _new_session(s, [])
        s.update(day=day, time=ts, part=part)
        return 0.0
    doubt = s["doubt"]
    if doubt is not None and abs(ts - doubt["time"]) < abs(ts - s["time"]):
        s["reopened"] = None
        if doubt["session"]:
            if doubt["day"] == s["day"]:
                s["reopened"] = doubt["time"]
            _new_session(s, doubt["prices"])
        elif doubt["time"] > s["time"]:
            _space(s, doubt["time"] - s["time"])
        s.update({name: doubt[name] for name in ("day", "time", "part")})
    s["doubt"] = None
    gap = ts - s["time"]
    far = abs(gap) >= 290 * 10**9 and abs(gap) >= 50 * s["spacing"]
    if day != s["day"] or far:
        s["begins"] = day != s["day"] or (gap > 0 and trading)
        s["reopening"] = day == s["day"] and s["begins"]
        s["doubt"] = {
            "session": s["begins"],
            "day": day,
            "time": ts,
            "part": part,
            "prices": [],
        }
        return 0.0
    _space(s, gap)
    s["since"] = max(gap, 0)
    share: float = part - s["part"]
    s.update(time=ts, part=part)
    if s["reopened"] is not None and ts == s["reopened"]:
        s["reopening"] = True
    return share


def _part_of_day(passed: int) -> float:
    """Return how much of a day's alerts is due at a time: 5 % before the open, 5 % behind."""
    hour = passed / 3600e9

    def within(start: float, end: float) -> float:
        return min(max((hour - start) / (end - start), 0.0), 1.0)

    return 0.05 * (within(4, 9.5) + within(16, 20)) + 0.9 * within(9.5, 16)


def judged(
    trades: list[Trade],
    *,
    alerts_per_10k: float = 1.0,
    budgets: dict[str, dict[str, float]] | None = None,
    bands: list[tuple[float, float] | None] | None = None,
) -> list[tuple[float, bool]]:
    """Return per trade its severity and whether it is flagged; no half days.

    `budgets` has, for symbols with one of their own, `per_10k` or `per_day`. To `bands` is added,
    per trade, from where to where its price would have been normal; None if nothing was known.
    """
    states: dict[str, dict[str, Any]] = {}
    answers: list[tuple[float, bool]] = []
    for name, ts, price_nanos, size, side, _ in trades:
        if name not in states:
            own = (budgets or {}).get(name, {"per_10k": alerts_per_10k})
            states[name] = _fresh({family: _budget(family, **own) for family in FAMILIES})
        s = states[name]
        s["n"] += 1
        day, passed = _clock(ts)
        regular = 9.5 * 3600e9 <= passed < 16 * 3600e9
        most = 180e9 if size >= 50_000 else 15e9
        auction = (
            side == "N"
            and size >= 1_000
            and any(-1e9 <= passed - bell * 3600e9 < most for bell in (9.5, 16))
        )
        share = _note_time(s, ts, day, _part_of_day(passed), trading=regular or auction)
        for limit in s["limits"].values():
            _sink(limit, share)
        crossed = side == "N" and size >= 1_000
        if auction or (regular and s["reopening"] and crossed):
            answers.append((0.0, False))
            s["around"] = None
        else:
            answers.append(_judge(s, price_nanos, size, side))
        if bands is not None:
            bands.append(_band(s) if s["around"] and s["n"] > 60 else None)
        if s["n"] % 1_000 == 0:
            for tail in s["tails"].values():
                tail.refit(s["n"])
    return answers


def _band(s: dict[str, Any]) -> tuple[float, float]:
    """Return the prices around the mean whose distance has a severity of 4, found by halving."""
    mean, usual = s["around"]
    tail = s["tails"]["dev"]
    low, high = tail.fit[0], 1e9  # not below the threshold of the tail
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if tail.severity(middle) >= 4 else (middle, high)
    return mean - high * usual, mean + high * usual


def _sink(s: dict[str, Any], share: float) -> None:
    budget = s["budget"]
    due = budget["trade"] + budget["day"] * share
    s["alert"] = max(s["alert"] - 1, 0)
    s["event_left"] = max(s["event_left"] - 1, 0)
    limit = max(s["limit"] - budget["sink"] * due, budget["least"])
    s["limit"] = min(limit, budget["most"])
    s["strong"] = min(max(s["strong"] + 0.3 * due, 0.0), 3.0)


def _count(s: dict[str, Any], told: float) -> None:
    """Let a flag count for the limit: once in 30 trades, and not if its event is a find."""
    if s["event_left"] == 0:
        s.update(charged=0.0, event="open", find_from=s["limit"] + s["budget"]["far"])
    s["event_left"] = 60
    if s["event"] == "open" and told >= s["find_from"]:
        if s["strong"] >= 1:
            s["event"] = "counted"
            s["strong"] -= 1
        else:
            s["event"] = "find"
            s["limit"] -= s["charged"]
    if s["alert"] == 0:
        s["alert"] = 30
        if s["event"] != "find":
            limit = min(s["limit"] + s["budget"]["rise"], s["budget"]["most"])
            s["charged"] += limit - s["limit"]
            s["limit"] = limit


def _run(s: dict[str, Any], since: int) -> float:
    """Return the run with one repetition more; those of the same time do not count."""
    if since == 0:
        return float(s["run"])
    whole = 0.05 + 0.95 * min(since / max(4 * s["spacing"], 1.0), 1.0)
    return float(s["run"] - whole * math.log(max(s["repeats"][s["last"][1] == 100], 0.01)))


def _judge(s: dict[str, Any], price_nanos: int, size: int, side: str) -> tuple[float, bool]:
    values = dict.fromkeys(("dev", "jump", "move", "size", "run", "flow"), 0.0)
    since, s["around"] = s["since"], None
    s["usual"] = s["usual"] or max(float(size), 1.0)
    usual = s["usual"]
    begins = s["begins"] or not s["prices"]
    if s["begins"]:
        s["prices"].append(price_nanos / 1e9)
        s["doubt"]["prices"].append(price_nanos / 1e9)
    else:
        _price(s, price_nanos / 1e9, values)
    values["size"] = math.log2(1 + size / usual)
    factor = 1 + max(0.0002, 1 / s["n"])
    s["usual"] = max(usual * factor if size > usual else usual / factor, 1.0)
    again = (price_nanos, size, side) == s["last"]
    s["run"] = _run(s, since) if again else 0.0
    if since > 0:
        lot = s["last"][1] == 100
        s["repeats"][lot] += max(1 / 5_000, 1 / s["n"]) * (again - s["repeats"][lot])
    values["run"] = 0.0 if begins else s["run"]
    last = s["last"][0] or 0
    if price_nanos != last:
        s["direction"] = 1 if price_nanos > last else -1
    sign = {"B": 1, "A": -1}.get(side, s["direction"])
    values["flow"] = _flow(s, s["time"], sign * size / usual)
    s["last"] = (price_nanos, size, side)
    if s["n"] <= 60:
        return 0.0, False

    severities = {}
    for name, value in values.items():
        severities[name] = s["tails"][name].severity(value)
        s["tails"][name].learn(value, severities[name])
    largest = max(severities.values())
    told: float = s["tails"]["all"].severity(largest)
    s["tails"]["all"].learn(largest, told)
    flagged = False
    for family, names in FAMILIES.items():
        of_family = max(severities[name] for name in names)
        if of_family >= s["limits"][family]["limit"]:
            flagged = True
            _count(s["limits"][family], of_family)
    return told, flagged
