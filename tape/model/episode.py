"""Episodes as they are written and read: one state of one event."""

from decimal import Decimal
from typing import Final, Literal

import msgspec

from tape.model.anomaly import ANOMALY_MAX, DetectorIdentity
from tape.model.parsing import read_message
from tape.model.rejected import Rejected
from tape.model.rules import Family

State = Literal["opened", "extended", "closed"]


Mark = Literal["bad print", "spike", "move"]


STATES: Final[tuple[State, ...]] = ("opened", "extended", "closed")
"""In the order of the kernel's OPENED, EXTENDED and CLOSED."""


BAD_PRINT: Final[Mark] = "bad print"
SPIKE: Final[Mark] = "spike"
MOVE: Final[Mark] = "move"
MARKS: Final[tuple[Mark, ...]] = (BAD_PRINT, SPIKE, MOVE)
"""What a price move may have been: a few trades that came back, more that came back, or one that
stayed."""


class EpisodeMessage(msgspec.Struct, frozen=True):
    """The value on `episodes`.

    Prices are dollars as on `stocks`: the last ordinary one before the first flag, the flagged
    one farthest from it, and on closing the last ordinary one within the gap after the last flag
    or else that of the closing trade. `rules` counts flagged trades, in the rules' order; `shares`
    and `notional_usd` are of all of them. From `severity` to `publisher_id` without these two all
    is that of the worst trade so far.
    """

    episode_id: str
    symbol: str
    state: State
    flags: int
    rules: dict[str, int]
    severity: float | None
    priority: float | None
    family: Family | None
    rule: str | None
    reason: str | None
    context: str | None
    shares: int | None
    notional_usd: float | None
    publisher_id: int | None
    first_ts_event: str
    first_sequence: int | None
    last_ts_event: str
    last_sequence: int | None
    duration_s: float
    price_before: msgspec.Raw | None
    price_extreme: msgspec.Raw | None
    price_after: msgspec.Raw | None
    mark: Mark | None
    text: str
    detector: DetectorIdentity


class Episode(msgspec.Struct, frozen=True):
    """A state of an episode as a reader has it.

    Prices are dollars, times text as on the wire. What messages of an earlier version did not have
    is None.
    """

    episode_id: str
    symbol: str
    state: State
    flags: int
    rules: dict[str, int]
    first_ts_event: str
    last_ts_event: str
    text: str
    detector: DetectorIdentity
    first_sequence: int | None = None
    last_sequence: int | None = None
    price_before: Decimal | None = None
    price_extreme: Decimal | None = None
    price_after: Decimal | None = None
    mark: str | None = None
    severity: float | None = None
    priority: float | None = None
    family: str | None = None
    rule: str | None = None
    reason: str | None = None
    context: str | None = None
    shares: int | None = None
    notional_usd: float | None = None
    publisher_id: int | None = None
    duration_s: float | None = None


_decoder = msgspec.json.Decoder(Episode)


def decode_episode(raw: bytes | None) -> Episode | Rejected:
    """Return the state in a message of `episodes`, or the reason there is none; never raises."""
    return read_message(_decoder, raw, ANOMALY_MAX)
