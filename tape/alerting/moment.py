"""One state of an episode as one channel may be told of it, and what is kept of the answer."""

from dataclasses import dataclass

from tape.alerting.decision import step_of
from tape.alerting.kept import TEXT_MAX, Held, Kind, Sent, Told
from tape.alerting.rules import AlertRule
from tape.model.episode import Episode
from tape.model.fields import Unreadable, iso_time, time_ns

AT_MOST = 16
"""Times of announcements that are kept per episode, the newest."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A state, a channel, and when.

    Attributes:
        at_ns: time of the trade that brought the state.
        now_ns: the wall clock, in a preview the same as `at_ns`.
        written_ns: when the state was written to `episodes`; None if that does not count.
        old: what the channel knows of the episode, None if nothing was decided yet.
    """

    episode: Episode
    channel: str
    at_ns: int
    now_ns: int
    written_ns: int | None
    old: Sent | None

    def what_follows(self, rule: AlertRule, told: Told) -> Kind | None:
        """Return what an episode that was announced is announced as now; None if as nothing."""
        if rule.escalate is not None and self._worse_by(told) >= rule.escalate:
            return "worse"
        if self.episode.state == "closed" and rule.follow_up and told.kind != "ended":
            return "ended"
        return None

    def _worse_by(self, told: Told) -> float:
        """Return by how many points it is worse than announced: priority, else severity."""
        episode = self.episode
        if episode.priority is not None and told.priority is not None:
            return episode.priority - told.priority
        if episode.severity is not None and told.severity is not None:
            return episode.severity - told.severity
        return -1.0

    def because(self, rule: AlertRule, kind: Kind) -> str:
        """Return in a few words why it is announced."""
        told, episode = None if self.old is None else self.old.told, self.episode
        if kind == "new" or told is None:
            return rule.because(episode)
        if kind == "ended":
            return "over" if episode.mark is None else f"over: {episode.mark}, likely"
        if episode.priority is not None and told.priority is not None:
            return f"priority {episode.priority:g}, after {told.priority:g}"
        return f"severity {episode.severity:g}, after {told.severity:g}"

    def announced(self, rule: AlertRule, kind: Kind) -> Sent:
        """Return what is kept if it is announced."""
        known: tuple[str, ...] = ()
        since, message_id = iso_time(self.at_ns), None
        if self.old is not None and self.old.told is not None:
            told = self.old.told
            known, since, message_id = told.at, told.ts_event, told.message_id
        counted = () if kind == "ended" else (iso_time(self.now_ns),)
        episode = self.episode
        now_told = Told(
            kind=kind,
            rule=rule.name,
            step=step_of(episode),
            priority=episode.priority,
            severity=episode.severity,
            ts_event=since,
            at=(*known, *counted)[-AT_MOST:],
            message_id=message_id,
        )
        return self._kept(rule, now_told, None)

    def withheld(self, rule: AlertRule, held: Held) -> Sent:
        """Return what is kept if it is withheld."""
        told = None if self.old is None else self.old.told
        return self._kept(rule, told, held)

    def _kept(self, rule: AlertRule, told: Told | None, held: Held | None) -> Sent:
        withheld = {} if self.old is None else dict(self.old.withheld)
        if held is not None:
            name = f"{held.reason} {held.by}"
            withheld[name] = withheld.get(name, 0) + 1
        episode = self.episode
        return Sent(
            episode_id=episode.episode_id,
            channel=self.channel,
            symbol=episode.symbol,
            rule=rule.name,
            step=step_of(episode),
            state=episode.state,
            at=iso_time(self.now_ns),
            ts_event=iso_time(self.at_ns),
            priority=episode.priority,
            severity=episode.severity,
            mark=episode.mark,
            text=episode.text[:TEXT_MAX],
            told=told,
            held=held,
            withheld=withheld,
        )


def time_of(episode: Episode, now_ns: int) -> int:
    """Return the time of the trade that brought a state; now, if what it says is none."""
    try:
        return time_ns(episode.last_ts_event, "last_ts_event")
    except Unreadable:
        return now_ns


def kept_ns(text: str) -> int:
    """Return a time that a record has; 0 if what it has is none."""
    try:
        return time_ns(text, "at")
    except Unreadable:
        return 0
