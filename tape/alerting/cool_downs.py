"""When the episodes of each symbol were announced, so that the next one may wait."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field


@dataclass(slots=True)
class CoolDowns:
    """Trade times of first announcements, by symbol and channel; their order does not matter."""

    _times: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def cools(self, symbol: str, channel: str, at_ns: int, cool_down_ns: int) -> bool:
        """Return whether one was announced less than this before or after a time.

        After it too: trades of one symbol may come late, and a clock may once have been wrong.
        """
        times = self._times.get((symbol, channel), [])
        next_one = bisect_left(times, at_ns)
        near = times[max(next_one - 1, 0) : next_one + 1]
        return any(abs(at_ns - one) < cool_down_ns for one in near)

    def note(self, symbol: str, channel: str, at_ns: int, sign: int) -> None:
        """Take up one, or with a sign below 0 forget it."""
        times = self._times.setdefault((symbol, channel), [])
        if sign > 0:
            insort(times, at_ns)
        else:
            times.remove(at_ns)
            if not times:
                del self._times[symbol, channel]
