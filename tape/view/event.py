"""An event as a viewer has it: the newest state of an episode, and its flagged trades."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from tape.market.test_issues import is_test_issue
from tape.model.episode import Episode, decode_episode
from tape.model.rejected import Rejected
from tape.process.terminal_text import printable
from tape.view.alert import Seen

TRADES_KEPT: Final = 500
"""Flagged trades of an event that can be looked at, the newest; nobody reads more."""
NO_RANK: Final = -1.0
"""Of what has neither rank nor priority nor severity: it stands behind all that has."""


@dataclass(frozen=True, slots=True)
class State:
    """A state of an episode; all texts are safe to print, prices are dollars.

    Attributes:
        flags: how many trades were flagged.
        shares: of all of them; None if nobody counted.
        text: a sentence about all of it.
        raw: the message, as it came.
    """

    id: str
    symbol: str
    time: str
    is_opening: bool
    is_closed: bool
    flags: int
    rules: tuple[str, ...]
    shares: int | None
    severity: float | None
    priority: float | None
    rule: str
    reason: str
    mark: str
    prices: tuple[float | None, float | None, float | None]
    text: str
    raw: bytes


def state_of(value: bytes) -> State | Rejected:
    """Return the state in a message of `episodes`, or the reason there is none."""
    found = decode_episode(value)
    if isinstance(found, Rejected):
        return found
    return State(
        id=printable(found.episode_id),
        symbol=printable(found.symbol),
        time=printable(found.last_ts_event),
        is_opening=found.state == "opened",
        is_closed=found.state == "closed",
        flags=found.flags,
        rules=tuple(map(printable, found.rules)),
        shares=found.shares,
        severity=found.severity,
        priority=found.priority,
        rule=printable(found.rule or ""),
        reason=printable(found.reason or ""),
        mark=printable(found.mark or ""),
        prices=_prices(found),
        text=printable(found.text),
        raw=value,
    )


def _prices(found: Episode) -> tuple[float | None, float | None, float | None]:
    both = (found.price_before, found.price_extreme, found.price_after)
    before, extreme, after = (None if one is None else float(one) for one in both)
    return before, extreme, after


@dataclass(slots=True)
class Event:
    """An episode, as far as it is known.

    Attributes:
        trades: its flagged trades, in the order in which they came.
        is_new: whether something of it came after the view began.
    """

    id: str
    symbol: str
    state: State | None = None
    trades: deque[Seen] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    is_new: bool = False
    worst: Seen | None = None

    def add(self, one: Seen) -> None:
        """Take up a flagged trade; of equal ones the first is the worst."""
        self.trades.append(one)
        if self.worst is None or one.rank > self.worst.rank:
            self.worst = one

    def copy(self) -> Self:
        """Return it as it is now."""
        return replace(self, trades=self.trades.copy())

    @property
    def is_open(self) -> bool:
        """Return whether more of it may come."""
        return self.state is None or not self.state.is_closed

    @property
    def time(self) -> str:
        """Return when it was last heard of: UTC, as on the wire."""
        times = [one.time for one in self.trades]
        return max([*times, *([self.state.time] if self.state else [])], default="")

    @property
    def named(self) -> str:
        """Return the symbol, and that it is a test issue of an exchange, if so."""
        return f"{self.symbol} (test issue)" if is_test_issue(self.symbol) else self.symbol

    @property
    def severity(self) -> float | None:
        """Return how odd its worst trade is; None if its detector does not say."""
        return self.state.severity if self.state else self.worst.severity if self.worst else None

    @property
    def priority(self) -> float | None:
        """Return how much it deserves to be looked at; None if its detector does not say."""
        known = [one.priority for one in (self.state, self.worst) if one is not None]
        return max((one for one in known if one is not None), default=None)

    @property
    def rank(self) -> float:
        """Return what is learnt from reviews, else its priority, else its severity."""
        learnt = [one.learnt for one in self.trades if one.learnt is not None]
        for known in (max(learnt, default=None), self.priority, self.severity):
            if known is not None:
                return known
        return NO_RANK

    @property
    def flags(self) -> int:
        """Return how many trades were flagged."""
        return max(len(self.trades), self.state.flags if self.state else 0)

    @property
    def shares(self) -> int:
        """Return the shares of all of them, of those that are known at least."""
        counted = self.state.shares if self.state else None
        return max(sum(one.size for one in self.trades), counted or 0)

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the rules that fired, each once."""
        own = (rule for one in self.trades for rule in one.rules)
        return tuple(dict.fromkeys([*(self.state.rules if self.state else ()), *own]))

    @property
    def why(self) -> tuple[str, str]:
        """Return the rule that says most, and its reason."""
        if self.state is not None and self.state.reason:
            return self.state.rule, self.state.reason
        if self.worst is not None and self.worst.reasons:
            return self.worst.rules[0] if self.worst.rules else "", self.worst.reasons[0]
        return "", self.state.text if self.state else ""

    @property
    def mark(self) -> str:
        """Return what its price move was, if it is over and that is known."""
        return self.state.mark if self.state else ""

    @property
    def moved(self) -> tuple[float | None, float | None]:
        """Return the price before it, and the one farthest from that."""
        return self.state.prices[:2] if self.state else (None, None)

    @property
    def path(self) -> Sequence[float]:
        """Return its prices in order: the one before, those of its trades, the one after."""
        before, extreme, after = self.state.prices if self.state else (None, None, None)
        own = [float(one.price) for one in self.trades]
        if extreme is not None and extreme not in own and (not own or len(own) < self.flags):
            own.append(extreme)
        return [one for one in (before, *own, after) if one is not None]

    @property
    def is_suppressed(self) -> bool:
        """Return whether a ranking would rather show none of its trades."""
        return bool(self.trades) and all(one.suppressed for one in self.trades)
