"""The features of a trade by a literal reading of docs/supervised.md: all trades are kept in lists.

Shares no line with the kernel. A symbol's tape so far goes in, one trade's features come out.
"""

import math
import statistics
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import groupby, pairwise, takewhile
from zoneinfo import ZoneInfo

NAN = float("nan")
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Print:
    """A trade, and its quotes if there are any."""

    ts_ns: int
    price_nanos: int
    size: int
    side: str
    bid_nanos: int = 0
    ask_nanos: int = 0

    @property
    def price(self) -> float:
        return self.price_nanos / 1e9

    @property
    def tick(self) -> float:
        return 0.01 if abs(self.price) >= 1 else 0.0001


def bps(now: Print, base: float) -> float:
    return 1e4 * abs(now.price - base) / max(abs(base), 100 * now.tick)


def fading_mean(values: list[float], fade: float) -> float:
    """Of the first values all count alike, later ones more than older ones."""
    mean = 0.0
    for n, value in enumerate(values, start=1):
        mean += max(fade, 1 / n) * (value - mean)
    return mean


def mean_and_deviation(values: list[float], fade: float) -> tuple[float, float]:
    mean = deviation = 0.0
    for n, value in enumerate(values, start=1):
        weight = max(fade, 1 / n)
        deviation += weight * (abs(value - mean) - deviation)
        mean += weight * (value - mean)
    return mean, deviation


def z_of(value: float, before: list[float], fade: float) -> float:
    if not before:
        return NAN
    mean, deviation = mean_and_deviation(before, fade)
    return (value - mean) / (1.25 * deviation + 0.25)


class Usual:
    """A usual step or distance: an outlier counts for it as eight usual ones at most."""

    def __init__(self) -> None:
        self.mean = 0.0

    def learn(self, value: float, floor: float, trade: int) -> None:
        most = 8 * (self.mean + floor) if trade > 60 else math.inf
        self.mean += max(1 / 500, 1 / trade) * (min(value, most) - self.mean)


def octaves(count: float) -> float:
    return math.log2(1 + count)


def run(tape: list[Print], *fields: str) -> int:
    def same(one: Print) -> bool:
        return all(getattr(one, name) == getattr(tape[-1], name) for name in fields)

    return len(list(takewhile(same, reversed(tape))))


def moves_in_a_row(tape: list[Print]) -> int:
    """Trades that left the price where it was neither end such a run nor count for it."""
    steps = [b.price_nanos - a.price_nanos for a, b in pairwise(tape)]
    signs = [step > 0 for step in steps if step]
    return len(list(takewhile(lambda up: up == signs[-1], reversed(signs))))


def volumes(tape: list[Print], unit_ns: int) -> tuple[list[int], list[Print]]:
    """Shares of each unit of time that is over, and the trades of the one that is not."""
    groups = [list(g) for _, g in groupby(tape, key=lambda one: one.ts_ns // unit_ns)]
    return [sum(one.size for one in group) for group in groups[:-1]], groups[-1]


def usual_levels(tape: list[Print]) -> dict[str, float]:
    """Walk over a symbol's tape, and return what needs a memory of all of it."""
    step, distance, from_level = Usual(), Usual(), Usual()
    level = before_z = NAN
    found: dict[str, float] = {}
    for n, now in enumerate(tape):
        found = dict.fromkeys(
            ("return_1_z", "usual_step_bps", "median_9_bps", "median_9_z", "before_z"), NAN
        )
        found |= {"level_bps": NAN, "level_z": NAN}
        if n:
            last = tape[n - 1].price
            half_tick = 1e4 * 0.5 * now.tick / max(abs(last), 100 * now.tick)
            move = bps(now, last)
            found["return_1_z"] = move / (step.mean + half_tick)
            found["usual_step_bps"] = step.mean
            step.learn(move, half_tick, n)
        if n >= 9:
            median = statistics.median([one.price for one in tape[n - 9 : n]])
            found["median_9_bps"] = bps(now, median)
            found["before_z"] = 0.0 if math.isnan(before_z) else before_z
            before_z = abs(now.price - median) / (distance.mean + now.tick)
            found["median_9_z"] = before_z
            distance.learn(abs(now.price - median), now.tick, n)
        if n == 0 or now.ts_ns - tape[n - 1].ts_ns >= 1_800 * 10**9:
            level = now.price
        usual = from_level.mean + now.tick
        if n:
            found["level_bps"] = bps(now, level)
            found["level_z"] = abs(now.price - level) / usual
            from_level.learn(abs(now.price - level), now.tick, n)
        level += min(max(0.05 * (now.price - level), -usual / 2), usual / 2)
    return found


def features(tape: list[Print]) -> dict[str, float]:
    """Return the features of the last trade of a symbol's tape."""
    now, n = tape[-1], len(tape) - 1
    found = usual_levels(tape)
    for window in (1, 5, 20, 100):
        found[f"return_{window}_bps"] = bps(now, tape[n - window].price) if n >= window else NAN
    for name, unit_ns, fade in (("1s", 10**9, 1 / 200), ("60s", 60 * 10**9, 1 / 60)):
        over, current = volumes(tape, unit_ns)
        earlier = len(tape) - len(current)
        found[f"return_{name}_bps"] = bps(now, tape[earlier - 1].price) if earlier else NAN
        shares = sum(one.size for one in current)
        found[f"volume_{name}_z"] = z_of(octaves(shares), [octaves(one) for one in over], fade)
        if name == "1s":
            sign = {"A": -1, "B": 1, "N": 0}
            found["trades_1s"] = octaves(len(current))
            found["imbalance_1s"] = sum(sign[one.side] * one.size for one in current) / shares
            found["side_sign"] = sign[now.side]
    sizes = [math.log2(one.size) for one in tape]
    found["size_log2"] = sizes[-1]
    found["size_z"] = z_of(sizes[-1], sizes[:-1], 1 / 500)
    times = [one.ts_ns for one in tape]
    gaps = [max(b - a, 0) / 1e9 for a, b in pairwise(times)]
    found["spacing_log10"] = math.log10(max(gaps[-1], 1e-9)) if gaps else NAN
    usual = fading_mean([min(gap, 60) for gap in gaps[:-1]], 1 / 500)
    found["spacing_z"] = math.log2((gaps[-1] + 1e-6) / (usual + 1e-6)) if gaps else NAN
    found["same_time"] = octaves(run(tape, "ts_ns") - 1)
    found["run_equal"] = octaves(run(tape, "price_nanos", "size", "side"))
    found["run_price"] = octaves(run(tape, "price_nanos"))
    found["run_size"] = octaves(run(tape, "size"))
    found["run_direction"] = octaves(moves_in_a_row(tape))
    found["round_lot"] = float(now.size % 100 == 0)
    bid, ask = now.bid_nanos / 1e9, now.ask_nanos / 1e9
    quoted = 0 < bid < ask
    found["spread_bps"] = 1e4 * (ask - bid) / ((ask + bid) / 2) if quoted else NAN
    outside = max(bid - now.price, now.price - ask, 0)
    found["outside_bps"] = 1e4 * outside / ((ask + bid) / 2) if quoted else NAN
    clock = datetime.fromtimestamp(now.ts_ns // 10**9, UTC).astimezone(NEW_YORK)
    found["hour_new_york"] = clock.hour + clock.minute / 60 + clock.second / 3600
    found["auction"] = float(is_auction(now, clock.date()))
    return found


def is_auction(now: Print, day: date) -> bool:
    """Say whether a print is one of an auction of a whole day: large, without a side, at a bell."""
    for bell in (time(9, 30), time(16, 0)):
        at_ns = int(datetime.combine(day, bell, NEW_YORK).timestamp()) * 10**9
        most_ns = (180 if now.size >= 50_000 else 15) * 10**9
        if now.side == "N" and now.size >= 1_000 and -(10**9) <= now.ts_ns - at_ns < most_ns:
            return True
    return False
