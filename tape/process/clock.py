"""The clock that waiting and measuring go by; a test puts a settable one in its place."""

import time
from typing import Final, Protocol


class Clock(Protocol):
    """Tells the time and waits; see `tape.testing.SettableClock`."""

    def now_s(self) -> float:
        """Return the time in seconds; only differences between two answers mean something."""

    def sleep(self, seconds: float) -> None:
        """Return when this many seconds have passed."""


class MonotonicClock:
    """The machine's clock that never goes back, whatever the time of day is set to."""

    def now_s(self) -> float:
        """Return seconds since some moment in the past."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds."""
        time.sleep(seconds)


class WallClock:
    """The time of day, for comparison with what others have written down, as files' times."""

    def now_s(self) -> float:
        """Return seconds since 1970, in UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep for this many seconds."""
        time.sleep(seconds)


CLOCK: Final[Clock] = MonotonicClock()
WALL_CLOCK: Final[Clock] = WallClock()


def wall_ns() -> int:
    """Return the time of day in nanoseconds since 1970, in UTC."""
    return time.time_ns()
