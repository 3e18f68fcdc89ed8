"""How the pipeline is: live, idle, behind or disconnected, with the figures that say so."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from tape.model.fields import NANOS, iso_time

QUIET_S: Final = 12.0
"""Without news for this long the pipeline counts as idle: at night the tape is silent."""
RATE_S: Final = 5.0
"""Rates are of this many seconds."""
BEHIND_S: Final = 10.0
"""A detector that needs longer for what waits is behind."""
BEHIND_TRADES: Final = 2_000
"""Fewer that wait are no backlog: a commit's worth."""


@dataclass(slots=True)
class Pulse:
    """Takes notes of what happens; all times are in seconds of one clock.

    Attributes:
        connected: whether the broker answers.
        waiting: trades on the input that are not judged yet; None if nobody knows.
        problem: what the page has to tell beyond that, as a sentence.
    """

    connected: bool = False
    waiting: int | None = None
    problem: str = ""
    news_s: float = -1e9
    _rates: "deque[tuple[float, int, int]]" = field(default_factory=deque)

    def note(self, now_s: float, trades: int, anomalies: int) -> None:
        """Note the counts so far."""
        self._rates.append((now_s, trades, anomalies))
        while len(self._rates) > 2 and now_s - self._rates[1][0] >= 60.0:
            self._rates.popleft()

    def rates(self, now_s: float) -> tuple[float, float]:
        """Return trades per second of the last seconds, and anomalies per minute of the last."""
        if len(self._rates) < 2:
            return 0.0, 0.0
        last = self._rates[-1]
        recent = next(one for one in self._rates if now_s - one[0] <= RATE_S or one is last)
        took_s = max(last[0] - recent[0], 1e-9)
        trades = (last[1] - recent[1]) / took_s if last is not recent else 0.0
        first = self._rates[0]
        minutes = max(last[0] - first[0], 1.0) / 60
        return trades, (last[2] - first[2]) / max(minutes, 1 / 6)

    def state(self, now_s: float) -> str:
        """Return live, idle, behind or disconnected."""
        if not self.connected:
            return "disconnected"
        rate, _ = self.rates(now_s)
        if self.waiting and self.waiting > max(BEHIND_TRADES, BEHIND_S * rate):
            return "behind"
        return "live" if now_s - self.news_s < QUIET_S else "idle"

    def facts(self, now_s: float, newest_ns: int) -> dict[str, Any]:
        """Return what the bar of the page says."""
        rate, per_minute = self.rates(now_s)
        waiting = self.waiting
        return {
            "state": self.state(now_s),
            "trades_per_s": round(rate, 1),
            "anomalies_per_min": round(per_minute, 1),
            "lag": waiting,
            "lag_s": None if waiting is None or rate <= 0 else round(waiting / rate, 1),
            "age_s": None if not newest_ns else round(now_s - newest_ns / NANOS, 1),
            "newest": iso_time(newest_ns) if newest_ns else None,
            "quiet_s": round(min(now_s - self.news_s, 86_400.0), 1),
            "problem": self.problem,
        }
