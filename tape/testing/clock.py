"""A clock that a test sets."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class SettableClock:
    """A `tape.process.clock.Clock` that stands still until it is moved, or slept by.

    >>> clock = SettableClock()
    >>> clock.sleep(2.5)
    >>> clock.advance(1.0)
    >>> clock.now_s(), clock.slept_s
    (1003.5, [2.5])

    Attributes:
        at_s: what it tells.
        slept_s: for how long it was slept by, each time.
    """

    at_s: float = 1_000.0
    slept_s: list[float] = field(default_factory=list)

    def now_s(self) -> float:
        """Return what it was set to."""
        return self.at_s

    def sleep(self, seconds: float) -> None:
        """Move on at once, and note it."""
        self.slept_s.append(seconds)
        self.at_s += seconds

    def advance(self, seconds: float) -> None:
        """Move on, as time does while something else happens."""
        self.at_s += seconds
