"""Announcements on their way to one channel: what is sent, and what became of it."""

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from tape.alerting.decision import Announcement
from tape.alerting.kept import Digested, Sent, Trial
from tape.alerting.message import Message
from tape.alerting.pictures import Source
from tape.alerting.underway import Place

Record = Sent | Digested | Trial
Outcome = Literal["sent", "refused", "given up", "dropped"]
"""Dropped is what has to be decided on again, by whoever has its partition then."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An announcement on its way.

    Attributes:
        places: where the states came from whose telling this is; more than one if it replaced
            others that waited.
        since_s: when the first of them was given.
        replaced: the announcements in whose place this one waits, the newest first.
        source: the trade whose surroundings are shown; None for no picture.
    """

    announcement: Announcement
    message: Message
    places: tuple[Place, ...]
    since_s: float
    replaced: tuple[Announcement, ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a parcel; its record is on the topic `alerts`, unless it was dropped."""

    parcel: Parcel
    outcome: Outcome
    record: Record
    why: str = ""


def instead(newer: Parcel, older: Parcel) -> Parcel:
    """Return a parcel that stands for an older one, too."""
    return replace(
        newer,
        places=older.places + newer.places,
        since_s=older.since_s,
        replaced=(*newer.replaced, older.announcement, *older.replaced),
    )


def key_of(announcement: Announcement) -> str:
    """Return what an announcement is about: of two that wait, the newer one is enough."""
    if isinstance(announcement.record, Sent):
        return announcement.record.episode_id
    return announcement.once


def told(record: Record, *, message_id: str | None = None, failed: str | None = None) -> Record:
    """Return a record that says that a channel was told, or why it will not be."""
    if isinstance(record, Sent):
        if record.told is None:
            return record
        new = msgspec.structs.replace(record.told, message_id=message_id, failed=failed)
        return msgspec.structs.replace(record, told=new)
    if isinstance(record, Trial):
        return msgspec.structs.replace(record, message_id=message_id)
    return msgspec.structs.replace(record, message_id=message_id, failed=failed)
