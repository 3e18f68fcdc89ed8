"""An anomaly as a viewer has it. Whoever may write to the topic chose its bytes."""

from dataclasses import dataclass

import msgspec

from tape.market.test_issues import is_test_issue
from tape.process.terminal_text import printable

PRICE_MAX = 20
"""Most characters of a price that are shown; what a stranger wrote may be longer."""


class _Reason(msgspec.Struct, frozen=True):
    rule: str
    text: str


class _Anomaly(msgspec.Struct, frozen=True):
    ts_event: str
    symbol: str
    price: msgspec.Raw
    size: int
    anomaly_id: str
    anomalies: list[str]
    reasons: list[_Reason]
    side: str = ""
    sequence: int = -1
    severity: float | None = None
    context: str = ""
    episode_id: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A flagged trade; all texts are safe to print.

    Attributes:
        time: UTC, as on the wire.
        price: dollars per share, with the digits of the wire; `size` is shares.
        reasons: a sentence a rule.
        episode: id of the anomaly that its episode began with; empty if the message has none.
        source: partition and offset of the trade on `stocks`.
        raw: the message, as it came.
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

    @property
    def named(self) -> str:
        """Return the symbol, and that it is a test issue of an exchange, if so."""
        return f"{self.symbol} (test issue)" if is_test_issue(self.symbol) else self.symbol


_decoder = msgspec.json.Decoder(_Anomaly)


def seen(value: bytes, source: tuple[int, int] | None = None) -> Seen | None:
    """Return the anomaly in a message, or None if there is none."""
    try:
        found = _decoder.decode(value)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors, but for nesting
        return None
    more = "" if found.severity is None else f"severity {found.severity:.2f}"
    if found.context:
        more += f", {found.context}"
    return Seen(
        id=printable(found.anomaly_id),
        time=printable(found.ts_event),
        symbol=printable(found.symbol),
        price=printable(bytes(found.price)[:PRICE_MAX].decode(errors="replace")),
        size=found.size,
        side=printable(found.side),
        rules=tuple(map(printable, found.anomalies)),
        reasons=tuple(printable(reason.text) for reason in found.reasons),
        more=printable(more),
        episode=printable(found.episode_id),
        source=source,
        raw=value,
    )


def one_line(value: bytes) -> bytes | None:
    """Return a message as one line of JSON, or None if it is no JSON."""
    try:
        if b"\n" not in value and b"\r" not in value:
            msgspec.json.decode(value)
            return value
        return msgspec.json.encode(msgspec.json.decode(value))
    except (ValueError, RecursionError):
        return None
