"""Reviews as they are written and read: what people decided about an episode, and when."""

from typing import Final, Literal, get_args

import msgspec

from tape.errors import SettingsError
from tape.model.parsing import read_message
from tape.model.rejected import Rejected

Decision = Literal["open", "acknowledged", "dismissed", "escalated"]
DECISIONS: Final[tuple[Decision, ...]] = get_args(Decision)
REASONS: Final = (
    "bad print",
    "real move",
    "auction or cross",
    "block trade",
    "news",
    "duplicate",
    "not anomalous",
    "other",
)
"""Why somebody decided so; a closed list, so that decisions can be counted and learnt from."""
NOTE_MAX: Final = 2_000
"""Longest note in characters: a page."""
TAGS_MAX: Final = 8
TAG_MAX: Final = 40
"""Most tags, and longest tag in characters."""
HISTORY_MAX: Final = 200
"""Most steps of a history; nobody decides more often about one event."""
REVIEW_MAX: Final = 600_000
"""Longest message in bytes that is read: a history of steps with the longest notes."""


class Step(msgspec.Struct, frozen=True):
    """One decision; `at` is ISO 8601 in UTC."""

    state: Decision
    reason: str
    note: str
    tags: tuple[str, ...]
    by: str
    at: str


class Review(msgspec.Struct, frozen=True):
    """The value on `reviews`: the last decision, and all of them in their order."""

    episode_id: str
    state: Decision
    reason: str
    note: str
    tags: tuple[str, ...]
    by: str
    at: str
    history: tuple[Step, ...]


_decoder: Final = msgspec.json.Decoder(Review)
_encoder: Final = msgspec.json.Encoder()


def encode_review(review: Review) -> bytes:
    """Return the message of a review."""
    return _encoder.encode(review)


def decode_review(raw: bytes | None) -> Review | Rejected:
    """Return the review in a message of `reviews`, or the reason there is none; never raises."""
    return read_message(_decoder, raw, REVIEW_MAX)


def checked_step(
    state: str, reason: str, note: str, tags: tuple[str, ...], *, by: str, at: str
) -> Step:
    """Return a decision; raises `SettingsError` that says what of it cannot be."""
    if state not in DECISIONS:
        raise SettingsError(f"{state[:40]!r} is no decision", f"choose from {', '.join(DECISIONS)}")
    if reason not in REASONS and not (state in ("open", "acknowledged") and not reason):
        raise SettingsError(f"{reason[:40]!r} is no reason", f"choose from {', '.join(REASONS)}")
    if len(note) > NOTE_MAX:
        raise SettingsError(f"the note has {len(note):,} characters", f"write at most {NOTE_MAX:,}")
    if len(tags) > TAGS_MAX or any(not 0 < len(tag) <= TAG_MAX for tag in tags):
        raise SettingsError(
            "these are too many tags, or one is too long",
            f"give at most {TAGS_MAX} of at most {TAG_MAX} characters",
        )
    return Step(state, reason, note, tags, by, at)


def after(before: Review | None, episode_id: str, step: Step) -> Review:
    """Return the review that a decision makes of the one before."""
    history = () if before is None else before.history
    if len(history) >= HISTORY_MAX:
        raise SettingsError(
            f"there are {len(history)} decisions about this episode", "let the last one stand"
        )
    return Review(
        episode_id,
        step.state,
        step.reason,
        step.note,
        step.tags,
        step.by,
        step.at,
        (*history, step),
    )


def follows(before: Review | None, new: Review) -> bool:
    """Return whether a record continues the one before it, or says it again.

    One that was written by somebody who had not seen `before` does not: of two decisions that
    were made of one state the first on the topic counts.
    """
    if before is None:
        return True
    known = len(before.history)
    return len(new.history) >= known and new.history[:known] == before.history
