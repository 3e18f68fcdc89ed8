"""An anomaly as a viewer has it. Whoever may write to the topic chose its bytes."""

from dataclasses import dataclass
from decimal import Decimal

from tape.market.test_issues import is_test_issue
from tape.model.anomaly import decode_anomaly
from tape.model.fields import dollars, iso_time
from tape.model.rejected import Rejected
from tape.process.terminal_text import printable


@dataclass(frozen=True, slots=True)
class Seen:
    """A flagged trade; all texts are safe to print.

    Attributes:
        time: UTC, as on the wire.
        price: dollars per share, with all its digits, cents at least; `size` is shares.
        reasons: one sentence per rule.
        episode: id of the anomaly that its episode began with.
        severity: how odd it is; None if its detector does not say.
        priority: how much it deserves to be looked at, or None.
        source: partition and offset of the trade on `stocks`.
        raw: the message, as it came.
        suppressed: whether a ranking would rather not show it.
        learnt: the rank that a ranking gave it; None without one.
    """

    id: str
    time: str
    symbol: str
    price: str
    size: int
    side: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    more: str
    episode: str
    source: tuple[int, int] | None
    raw: bytes
    suppressed: bool = False
    severity: float | None = None
    priority: float | None = None
    learnt: float | None = None

    @property
    def rank(self) -> float:
        """Return what is learnt from reviews, else its priority; what has none ranks last."""
        known = self.priority if self.learnt is None else self.learnt
        return -1.0 if known is None else known

    @property
    def worth(self) -> str:
        """Return its priority as text; empty if it has none."""
        return one_digit(self.priority)

    @property
    def named(self) -> str:
        """Return the symbol, and that it is a test issue of an exchange, if so."""
        return f"{self.symbol} (test issue)" if is_test_issue(self.symbol) else self.symbol


def one_digit(number: float | None) -> str:
    """Return a number of the columns for severity and priority; empty if there is none."""
    return "" if number is None else f"{number:.1f}"


def seen(value: bytes, source: tuple[int, int] | None = None) -> Seen | Rejected:
    """Return the anomaly in a message, or the reason there is none.

    Args:
        value: the message.
        source: partition and offset of its trade on `stocks`, if known.
    """
    found = decode_anomaly(value)
    if isinstance(found, Rejected):
        return found
    trade = found.trade
    facts = [] if found.severity is None else [f"severity {found.severity:.2f}"]
    facts += [] if found.priority is None else [f"priority {found.priority:.1f}"]
    facts += [] if found.rank is None else [f"rank {found.rank:.1f}"]
    facts += ["suppressed"] if found.suppressed else []
    facts += [found.context] if found.context else []
    return Seen(
        id=printable(found.anomaly_id),
        time=iso_time(trade.ts_event_ns),
        symbol=printable(trade.symbol),
        price=dollars(Decimal(trade.price_nanos).scaleb(-9)).replace(",", ""),
        size=trade.size,
        side=trade.side,
        rules=tuple(map(printable, found.rules)),
        reasons=tuple(printable(reason.text) for reason in found.reasons),
        more=printable(", ".join(facts)),
        episode=printable(found.episode_id),
        source=source,
        raw=value,
        suppressed=found.suppressed,
        severity=found.severity,
        priority=found.priority,
        learnt=found.rank,
    )


def one_line(message: bytes) -> bytes:
    r"""Return a JSON message on one line: line ends are only ever blanks between its parts.

    >>> one_line(b'{"a":\n1.50}')
    b'{"a": 1.50}'
    """
    return message.replace(b"\n", b" ").replace(b"\r", b" ")
