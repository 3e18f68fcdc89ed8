"""What topic `alerts` keeps: what each channel knows of an episode, digests, and mutes.

All that a restart needs is here: what was announced and when, what was withheld and why, and which
digests are still due. A record's key is that of what it is about, so the topic may be compacted.
"""

from typing import Final, Literal

import msgspec

from tape.model.anomaly import ANOMALY_MAX
from tape.model.episode import State
from tape.model.parsing import read_message
from tape.model.rejected import Rejected

VERSION: Final = 1
"""Of the records; a reader takes those of later versions for what it knows of them."""
TEXT_MAX: Final = 300
"""Characters kept of an episode's sentence."""

Kind = Literal["new", "worse", "ended", "digest", "test"]
Reason = Literal[
    "symbol",
    "family",
    "rule",
    "mark",
    "priority",
    "severity",
    "closed market",
    "already known",
    "old state",
    "muted",
    "expected",
    "quiet hours",
    "cool-down",
    "cap",
    "late",
]
"""Why a state is withheld. Up to "old state" it follows from the state, the rules and what was
announced, and can be found again at any time; the others are kept, so that they can be listed."""
LATER: Final[frozenset[Reason]] = frozenset(("quiet hours", "cap", "late"))
"""What is withheld for these comes in a digest."""


class Told(msgspec.Struct, frozen=True):
    """What a channel was told of an episode.

    Attributes:
        kind: of the newest announcement.
        rule: that of ALERT_RULES which announced it; what follows is decided by it, too.
        step: the state announced with it, as `step_of` numbers states.
        priority: announced with it, as `severity`.
        ts_event: time of the trade that brought the state announced first.
        at: when each "new" and "worse" was decided, oldest first; they count in a cap.
        message_id: by which the channel knows the message, if it gives such a thing.
        failed: why the channel was not told after all, as "refused: HTTP 400"; not tried again.
    """

    kind: Kind
    rule: str
    step: int
    priority: float | None
    severity: float | None
    ts_event: str
    at: tuple[str, ...]
    message_id: str | None = None
    failed: str | None = None


class Held(msgspec.Struct, frozen=True):
    """Why the newest state was withheld.

    Attributes:
        by: the rule, mute or event of a calendar that withheld it.
        digest_at: when the digest is due that lists it; None if none does.
    """

    reason: Reason
    by: str
    digest_at: str | None = None


class Sent(msgspec.Struct, frozen=True, tag_field="record", tag="episode"):
    """What was decided of an episode on one channel; key `EPISODE_ID|CHANNEL`.

    Attributes:
        rule: name of the rule in ALERT_RULES that decided.
        step: the newest state decided on, as `step_of` numbers states.
        at: when that was; the wall clock, in a preview the trades' time.
        ts_event: time of the trade that brought that state.
        told: None if the channel was not told of it.
        held: None if that state was announced.
        withheld: how many of its states were withheld so far, by reason and what withheld them,
            such as "muted m-1f2e".
    """

    episode_id: str
    channel: str
    symbol: str
    rule: str
    step: int
    state: State
    at: str
    ts_event: str
    priority: float | None
    severity: float | None
    mark: str | None
    text: str
    told: Told | None = None
    held: Held | None = None
    withheld: dict[str, int] = {}
    version: int = VERSION


class Digested(msgspec.Struct, frozen=True, tag_field="record", tag="digest"):
    """The newest digest on one channel; key `digest|CHANNEL`.

    Attributes:
        at: when it was decided; all whose digest was due by then are in it or an earlier one.
        episodes: how many it listed.
        failed: as in `Told`.
    """

    channel: str
    at: str
    episodes: int
    message_id: str | None = None
    failed: str | None = None
    version: int = VERSION


class Mute(msgspec.Struct, frozen=True, tag_field="record", tag="mute"):
    """Silence that a person asked for; key `mute|MUTE_ID`.

    Attributes:
        symbols: empty for all.
        since: from when on, by the wall clock.
        until: its end; every mute has one.
        why: what the person said.
        ended: when somebody ended it before.
    """

    mute_id: str
    symbols: tuple[str, ...]
    since: str
    until: str
    why: str
    who: str = ""
    ended: str | None = None
    version: int = VERSION


class Trial(msgspec.Struct, frozen=True, tag_field="record", tag="test"):
    """The newest test message on one channel; key `test|CHANNEL`."""

    channel: str
    at: str
    message_id: str | None = None
    version: int = VERSION


Record = Sent | Digested | Mute | Trial

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def key_of(record: Record) -> bytes:
    """Return the key of a record on topic `alerts`."""
    match record:
        case Sent():
            return f"{record.episode_id}|{record.channel}".encode()
        case Digested():
            return f"digest|{record.channel}".encode()
        case Mute():
            return f"mute|{record.mute_id}".encode()
        case Trial():
            return f"test|{record.channel}".encode()


def encode_record(record: Record) -> bytes:
    """Return the value of a record on topic `alerts`."""
    return _encoder.encode(record)


def decode_record(raw: bytes | None) -> Record | Rejected:
    """Return the record in a message of `alerts`, or the reason there is none; never raises."""
    return read_message(_decoder, raw, ANOMALY_MAX)
