"""A message as channels take it, and how they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

Weight = Literal["info", "warning", "urgent"]

Takes = Literal["none", "with it", "after it"]
"""How a channel takes pictures: not, in the same request as the message, or as one of its own."""

TITLE_MAX: Final = 200
TEXT_MAX: Final = 3_000
"""Most characters of a message: more is cut, since services refuse or split what is longer."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads, and what a program does.

    Attributes:
        title: one line.
        text: plain text, lines apart.
        html: the same for channels that show HTML; all that came from outside is escaped.
        url: the page where more can be seen; empty if there is none.
        fields: the same facts for a program, of JSON's kinds.
        picture_png: a small picture that goes with it; None if there is none.
        picture_name: what its file is called.
    """

    title: str
    text: str
    html: str
    url: str = ""
    weight: Weight = "warning"
    fields: Mapping[str, object] = field(default_factory=dict)
    picture_png: bytes | None = None
    picture_name: str = "trades.png"


class ChannelError(Exception):
    """A channel did not take a message; the sentence holds nothing secret."""


class RefusedError(ChannelError):
    """The channel will never take this message: sending it again does not help."""


class AwayError(ChannelError):
    """The channel did not take the message; it may later.

    Attributes:
        retry_after_s: how long the channel asks us to wait; None if it does not say.
        needs_person: whether waiting alone will hardly help, as with a wrong password.
    """

    def __init__(
        self, why: str, *, retry_after_s: float | None = None, needs_person: bool = False
    ) -> None:
        super().__init__(why)
        self.retry_after_s, self.needs_person = retry_after_s, needs_person


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether a channel's server answers, as far as can be seen without a message."""

    well: bool | None
    text: str


class Channel(Protocol):
    """A way to people: one address of one service."""

    @property
    def name(self) -> str:
        """Return its name, as rules and the topic `alerts` have it."""

    @property
    def place(self) -> str:
        """Return where it leads, with nothing secret: for logs and people."""

    @property
    def takes_pictures(self) -> Takes:
        """Return whether pictures go with messages, or after them."""

    def show(self, picture_png: bytes, name: str, /) -> None:
        """Send a picture by itself, after the message that it belongs to.

        Raises `ChannelError` if it was not taken.
        """

    def send(self, message: Message, once: str, /) -> str | None:
        """Send a message and return its id there, if the service tells one.

        `once` names the message: the same when it is sent again.

        Raises:
            RefusedError: the service will never take it.
            AwayError: it did not take it now.
        """

    def reached(self) -> Reached:
        """Look whether the service can be reached, without sending anything."""
