"""Episodes as they are written: one state of one event."""

from typing import Final, Literal

import msgspec

from tape.model.anomaly import DetectorIdentity

State = Literal["opened", "extended", "closed"]


Mark = Literal["reverted", "held"]


STATES: Final[tuple[State, ...]] = ("opened", "extended", "closed")
"""In the order of the kernel's OPENED, EXTENDED and CLOSED."""


MARKS: Final[tuple[Mark, ...]] = ("reverted", "held")
"""What may become of a price spike."""


class EpisodeMessage(msgspec.Struct, frozen=True):
    """The value on `episodes`.

    Prices are dollars as on `stocks`: the last ordinary one before the first flag, the flagged
    one farthest from it, and on closing the last ordinary one within the gap after the last flag
    or else that of the closing trade. `rules` counts flagged trades, in the rules' order.
    """

    episode_id: str
    symbol: str
    state: State
    flags: int
    rules: dict[str, int]
    first_ts_event: str
    first_sequence: int | None
    last_ts_event: str
    last_sequence: int | None
    price_before: msgspec.Raw | None
    price_extreme: msgspec.Raw | None
    price_after: msgspec.Raw | None
    mark: Mark | None
    text: str
    detector: DetectorIdentity
