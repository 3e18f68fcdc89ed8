"""Tails of the calibrated profile, for `calibrated_oracle`."""

import math

import numpy as np

FADE = math.exp(-1_000 / 400_000)
START = {
    "dev": [0.5, 2.6, 0.5, 0.25],
    "jump": [0.5, 2.7, 0.85, 0.4],
    "move": [0.4, 2.1, 0.7, 0.3],
    "size": [1.0, 4.5, 0.9, 0.0],
    "run": [0.2, 4.4, 1.4, 0.35],
    "flow": [0.5, 6.0, 3.0, 0.5],
    "all": [0.89, 3.0, 0.4343, 0.0],
}
"""Median, 99.5th percentile, scale, shape of the 20,000 (`flow`: 5,000) values begun with."""
LINEAR = {"size", "all"}


class Tail:
    """A histogram, and the generalised Pareto fitted to it."""

    def __init__(self, name: str) -> None:
        self.linear = name in LINEAR
        self.least_shape = 0.4 if name == "flow" else 0.0
        self.least_trust = 0.2 if name in ("dev", "jump", "move") else 0.05
        self.fit: list[float] = []
        larger = [self.first_chance(START[name], self.edge(n)) for n in range(128)] + [0.0]
        worth = 5_000 if name == "flow" else 20_000
        self.prior = [np.float32(worth * (larger[n] - larger[n + 1])) for n in range(128)]
        self.counts = [np.float32(0)] * 128
        self.credit = [30.0, 10.0, 2.0]
        self.refit(0, fade=1.0)

    def first_chance(self, start: list[float], value: float) -> float:
        median, threshold, scale, shape = start
        if value <= median:
            return 1 - 0.5 * value / median
        if value <= threshold:
            return float(0.5 * 0.01 ** ((value - median) / (threshold - median)))
        x = (value - threshold) / scale
        return 0.005 * (math.exp(-x) if shape == 0 else (1 + shape * x) ** (-1 / shape))

    def edge(self, n: int) -> float:
        if self.linear:
            return n / 8
        return 0.0 if n == 0 else 2.0 ** (n // 8 - 6) * (1 + n % 8 / 8)

    def place(self, value: float) -> int:
        if self.linear:
            return min(int(value * 8), 127)
        if value < 2.0**-6:
            return 0
        mantissa, exponent = math.frexp(value)
        return min((exponent + 5) * 8 + int((2 * mantissa - 1) * 8), 127)

    def severity(self, value: float) -> float:
        threshold, chance, scale, shape, median = self.fit
        if value <= median:
            return 0.0
        top = -math.log10(chance)
        if value <= threshold:
            half = math.log10(2)
            return half + (top - half) * (value - median) / (threshold - median)
        x = (value - threshold) / scale
        survival = math.log1p(shape * x) / shape if shape > 1e-6 else x
        return min(top + survival / math.log(10), 16.0)

    def learn(self, value: float, severity: float) -> bool:
        due = [1e-2, 1e-3, 1e-4]
        most = [200.0, 50.0, 10.0]
        self.credit = [min(self.credit[n] + 1.3 * due[n], most[n]) for n in range(3)]
        if severity >= 2:
            which = 0 if severity < 3 else 1 if severity < 4 else 2
            if self.credit[which] < 1:
                return False
            self.credit[which] -= 1
        threshold, chance, scale, shape, _ = self.fit
        if value > threshold:
            decay = max(5 * math.log(10) + math.log(chance), 0.0)
            far = math.expm1(shape * decay) / shape if shape > 1e-6 else decay
            value = min(value, threshold + scale * far)
        self.counts[self.place(value)] += np.float32(1)
        return True

    def refit(self, trades: int, fade: float = FADE) -> None:
        trust = max(math.exp(-trades / 4_000), self.least_trust)
        counts = [float(self.counts[n]) + trust * float(self.prior[n]) for n in range(128)]
        total = sum(counts)
        first = 127
        while first > 1 and sum(counts[first:]) < max(0.005 * total, 50):
            first -= 1
        if sum(counts[first:]) > 0.05 * total:
            first += 1
        above = sum(counts[first:])
        threshold = self.edge(first)
        below, at = 0.0, 0
        while at < 127 and below + counts[at] < total / 2:
            below += counts[at]
            at += 1
        part = min(max((total / 2 - below) / max(counts[at], 1e-9), 0.0), 1.0)
        median = min(self.edge(at) + (self.edge(at + 1) - self.edge(at)) * part, threshold * 0.999)
        scale, shape = 0.25 * threshold, self.least_shape
        if above >= 25:
            middle = [(self.edge(n) + self.edge(n + 1)) / 2 - threshold for n in range(128)]
            mean = sum(counts[n] * middle[n] for n in range(first, 128)) / above
            moment = (
                sum(
                    counts[n] * middle[n] * (sum(counts[n + 1 :]) + counts[n] / 2) / above
                    for n in range(first, 128)
                )
                / above
            )
            if mean - 2 * moment > 0:
                shape = min(max(2 - mean / (mean - 2 * moment), self.least_shape), 0.6)
            scale = max(mean * (1 - shape), (self.edge(first + 1) - threshold) / 2)
        self.fit = [threshold, (above + 0.5) / (total + 1), scale, shape, median]
        self.counts = [count * np.float32(fade) for count in self.counts]
