"""How a channel's messages get their pictures: with them, after them, or not at all."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from tape.alerting.decision import Announcement
from tape.alerting.message import Channel, ChannelError, Message
from tape.alerting.pictures import Pictures, Source
from tape.process.bounded import NoAnswerError, in_time

Fate = Literal["sent", "failed"]
"""Of a picture: the channel took it, or the message is there without it."""

SHOW_S: Final = 10.0
"""Longest wait for a channel to take a picture that follows a message: what comes next waits."""

NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9.-]+")
"""What a symbol may have and the name of a file should not."""


class Illustrating:
    """Gives the messages of one channel their pictures; whatever fails, the message goes."""

    def __init__(
        self, channel: Channel, pictures: Pictures | None, noted: Callable[[str, Fate], None]
    ) -> None:
        """Take the channel, what draws (None: nothing), and who hears what became of pictures."""
        self._channel, self._pictures, self._noted = channel, pictures, noted
        self._takes = "none" if pictures is None else channel.takes_pictures

    def before(
        self, message: Message, announcement: Announcement, source: Source | None
    ) -> Message:
        """Return the message as it is to be sent: with a picture, if the channel takes it so."""
        if self._takes != "with it" or source is None or announcement.episode is None:
            return message
        picture = self._drawn(announcement, source)
        if picture is None:
            self.note("failed")
            return message
        return replace(message, picture_png=picture, picture_name=file_name(announcement))

    def after(self, announcement: Announcement, source: Source | None, *, has_time: bool) -> None:
        """Send the picture that follows a message, if there is time for it."""
        if self._takes != "after it" or source is None or announcement.episode is None:
            return
        taken = has_time and self._shown(announcement, source)
        self.note("sent" if taken else "failed")

    def note(self, fate: Fate) -> None:
        """Note what became of a picture."""
        self._noted(self._channel.name, fate)

    def _drawn(self, announcement: Announcement, source: Source) -> bytes | None:
        return None if self._pictures is None else self._pictures.of(announcement, source)

    def _shown(self, announcement: Announcement, source: Source) -> bool:
        picture = self._drawn(announcement, source)
        if picture is None:
            return False
        try:
            in_time(SHOW_S, lambda: self._channel.show(picture, file_name(announcement)))
        except (ChannelError, NoAnswerError):
            return False
        return True


def file_name(announcement: Announcement) -> str:
    """Return what the file of a picture is called."""
    symbol = "" if announcement.episode is None else announcement.episode.symbol
    return f"{NOT_IN_NAMES.sub('_', symbol) or 'trades'}.png"
