"""Positions as versions up to 0.9 kept them: in the changelog of a stateful Quix source."""

import msgspec

from tape.errors import StateError
from tape.streaming.positions import HIDDEN, FileState, Position, committed_records


class _Old(msgspec.Struct, frozen=True):
    rows: int
    done: bool = False
    damaged: bool = False


def old_positions(client_config: dict[str, str], input_topic: str) -> dict[str, Position]:
    """Return what an earlier version had sent of each file, by content; empty if it never ran.

    Such a position may lie up to a second's worth of trades behind what was sent: a producer
    that was killed, and is started again as this version, sends these once more.
    """
    topic = f"changelog__{input_topic}-producer--source-archives"
    found: dict[str, Position] = {}
    for key, value in committed_records(client_config, topic, missing=HIDDEN):
        try:
            sha256 = msgspec.json.decode(key or b"", type=str)
            if value is None:
                found.pop(sha256, None)
                continue
            old = msgspec.json.decode(value, type=_Old)
        except msgspec.MsgspecError as error:
            raise StateError(
                f"the topic {topic} holds what is no position of an earlier version ({error})",
                "delete it, which sends every file again",
            ) from None
        state: FileState = "damaged" if old.damaged else "sent"
        found[sha256] = Position(
            rows=old.rows, uncounted=old.rows, state=state if old.done else "sending"
        )
    return found
