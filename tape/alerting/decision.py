"""What is decided about one state of one episode on one channel: announced, or withheld."""

from dataclasses import dataclass, field

from tape.alerting.kept import Digested, Kind, Reason, Sent, Trial
from tape.model.episode import Episode


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a channel is to be told.

    Attributes:
        channel: its name.
        rule: name of the rule in ALERT_RULES; empty for a digest and a test.
        because: why, in a few words: "priority 7.2, at least 6".
        record: what topic `alerts` gets once the channel has acknowledged it, with the channel's
            message id if it gives one (`told.message_id`, `message_id`).
        episode: its state; None for a digest and a test.
        before: what the channel knows of the episode, for an update of the message; None if new.
        digest: what a digest lists, the highest priority first.
    """

    kind: Kind
    channel: str
    rule: str
    because: str
    record: Sent | Digested | Trial
    episode: Episode | None = None
    before: Sent | None = None
    digest: tuple[Sent, ...] = ()

    @property
    def once(self) -> str:
        """Return what names this announcement: the same whenever it is sent again."""
        if isinstance(self.record, Sent):
            return f"{self.record.episode_id}|{self.channel}|{self.record.step}"
        return f"{self.kind}|{self.rule}|{self.channel}|{self.record.at}"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a channel is not told of a state.

    Attributes:
        by: the rule, mute or event of a calendar that withheld it.
        record: what topic `alerts` gets; None where the reason can be found again at any time.
    """

    channel: str
    reason: Reason
    by: str
    episode: Episode = field(repr=False)
    record: Sent | None = None


Decision = Announcement | Withheld


def step_of(episode: Episode) -> int:
    """Return a number that grows with each state of an episode: its flags, and whether it closed.

    >>> import msgspec
    >>> from tape.model.anomaly import DetectorIdentity
    >>> one = Episode("A-1", "A", "opened", 1, {}, "", "", "", DetectorIdentity("", ""))
    >>> step_of(one), step_of(msgspec.structs.replace(one, state="closed"))
    (2, 3)
    """
    return 2 * min(episode.flags, 2**52) + (episode.state == "closed")
