"""Decides on each state of each episode who is told, and remembers what has to be kept.

What is about the market (its hours, calendars, cool-downs) goes by the trades' time; what is about
people (mutes, quiet hours, caps, age) by `now_ns`: the wall clock of a running app, the trades'
time in a preview. No clock is asked here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tape.alerting.cool_downs import CoolDowns
from tape.alerting.decision import Announcement, Decision, Withheld, step_of
from tape.alerting.digests import Digests, digest_of
from tape.alerting.expected import NOTHING_EXPECTED, Expected
from tape.alerting.hours import HOUR_NS, hour_end_ns
from tape.alerting.kept import Digested, Held, Kind, Mute, Record, Sent
from tape.alerting.moment import Moment, kept_ns, time_of
from tape.alerting.mutes import Mutes
from tape.alerting.rules import DEFAULT_RULES, AlertRule, Rules, choose
from tape.model.episode import Episode
from tape.model.fields import NANOS, iso_time

LATE_SLOT_NS: Final = 300 * NANOS
"""What is late comes in a digest at the end of these: soon, and not one by one."""
FORGOTTEN_NS: Final = 48 * HOUR_NS
"""Episodes last minutes; what is older than this is on the topic alone."""


class Decider:
    """Who is told of what; its state is what `heard` was given and what it decided itself."""

    def __init__(
        self,
        rules: Rules = DEFAULT_RULES,
        channels: Sequence[str] = (),
        expected: Expected = NOTHING_EXPECTED,
        records: Iterable[Record] = (),
    ) -> None:
        """Begin with what topic `alerts` has, in any order.

        Args:
            rules: of ALERT_RULES, in their order.
            channels: names of those that can be told.
            expected: what calendars announce.
            records: see `heard`.
        """
        self._rules, self._expected = rules, expected
        self._channels = tuple(dict.fromkeys(channels))
        self._sent: dict[tuple[str, str], Sent] = {}
        self._mutes, self._cool_downs, self._digests = Mutes(), CoolDowns(), Digests()
        self._announced: Counter[tuple[str, str, int]] = Counter()
        """Announcements by rule, channel and hour, for caps."""
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """Of ("announced" or "withheld", kind or reason, channel), since this was made."""
        for record in records:
            self.heard(record)

    def heard(self, record: Record) -> None:
        """Take up a record of topic `alerts`, of any instance; the same one again changes nothing.

        Nothing older replaces what is known, but for the id that a channel gave its message.
        """
        match record:
            case Sent():
                old = self._sent.get((record.episode_id, record.channel))
                if old is None or _order(record) > _order(old):
                    self._keep(record)
                elif old.told is not None and record.told is not None:
                    its_id = old.told.message_id or record.told.message_id
                    told = msgspec.structs.replace(old.told, message_id=its_id)
                    self._keep(msgspec.structs.replace(old, told=told))
            case Digested():
                self._digests.sent(record)
            case Mute():
                self._mutes.heard(record)

    def take(self, episode: Episode, now_ns: int, written_ns: int | None = None) -> list[Decision]:
        """Return what is decided about a state, one decision per channel.

        Args:
            episode: the state.
            now_ns: ns since 1970; the wall clock, in a preview the time of the state's trade.
            written_ns: when the state was written to `episodes`; None if that does not count.
        """
        at_ns, found = time_of(episode, now_ns), []
        for channel in self._channels:
            old = self._sent.get((episode.episode_id, channel))
            one = self._decide(Moment(episode, channel, at_ns, now_ns, written_ns, old))
            if isinstance(one, Announcement):
                self.counts["announced", one.kind, channel] += 1
            else:
                self.counts["withheld", one.reason, channel] += 1
            found.append(one)
        return found

    def due(self, now_ns: int) -> list[Announcement]:
        """Return the digests that are due, at most one per channel; forgets what is old."""
        now, found = iso_time(now_ns), []
        for channel in self._channels:
            names = self._digests.due(channel, now)
            if names:
                listed = [self._sent[name, channel] for name in names]
                record = Digested(channel, now, len(listed))
                self._digests.sent(record)
                self.counts["announced", "digest", channel] += 1
                found.append(digest_of(record, listed))
        self._forget(now_ns)
        return found

    def dropped(self, one: Announcement) -> None:
        """Forget an announcement that will not be sent, as if its state had not been taken.

        Of several for one episode and channel the newest is dropped first. What was decided since
        stays.
        """
        if isinstance(one.record, Digested):
            self._digests.dropped(one.record)
            for record in one.digest:
                if self._sent.get((record.episode_id, record.channel)) == record:
                    self._digests.keep(record)
        elif isinstance(one.record, Sent):
            record = one.record
            if self._sent.get((record.episode_id, record.channel)) == record:
                self._drop(record)
                if one.before is not None:
                    self._keep(one.before)

    def next_due_ns(self) -> int | None:
        """Return when the next digest is due; None if none waits."""
        found = self._digests.next_at(self._channels)
        return None if found is None else kept_ns(found)

    def _decide(self, moment: Moment) -> Decision:
        episode, channel, old = moment.episode, moment.channel, moment.old
        if old is not None and step_of(episode) <= old.step:
            return Withheld(channel, "old state", old.rule, episode)
        if old is not None and old.told is not None:
            rule = self._rule_named(old.told.rule)
            kind = moment.what_follows(rule, old.told)
            if kind is None:
                return Withheld(channel, "already known", rule.name, episode)
        else:
            chosen = choose(self._rules, channel, episode, moment.at_ns)
            if not isinstance(chosen, AlertRule):
                return Withheld(channel, chosen, "", episode)
            rule, kind = chosen, "new"
        held = self._held(rule, kind, moment)
        if held is not None:
            record = moment.withheld(rule, self._digests.also(held, old))
            self._keep(record)
            return Withheld(channel, held.reason, held.by, episode, record)
        record = moment.announced(rule, kind)
        self._keep(record)
        because = moment.because(rule, kind)
        return Announcement(kind, channel, rule.name, because, record, episode, old)

    def _held(self, rule: AlertRule, kind: Kind, moment: Moment) -> Held | None:
        """Return why an announcement is withheld, None if it is not."""
        symbol, channel, now_ns = moment.episode.symbol, moment.channel, moment.now_ns
        mute = self._mutes.on(symbol, now_ns)
        if mute is not None:
            return Held("muted", mute.mute_id)
        event = self._expected.at(symbol, moment.at_ns)
        if event is not None:
            return Held("expected", event.name)
        quiet_ns = rule.quiet_until_ns(now_ns)
        if quiet_ns is not None:
            return Held("quiet hours", rule.name, iso_time(quiet_ns))
        if kind == "ended":  # of what was announced, so neither late nor one too many
            return None
        written_ns = moment.written_ns
        if written_ns is not None and now_ns - written_ns > rule.max_age_s * NANOS:
            slot_ns = (now_ns // LATE_SLOT_NS + 1) * LATE_SLOT_NS
            return Held("late", rule.name, _when_awake(rule, slot_ns))
        cool_down_ns = round(rule.cool_down_s * NANOS)
        if kind == "new" and self._cool_downs.cools(symbol, channel, moment.at_ns, cool_down_ns):
            return Held("cool-down", rule.name)
        if self._announced[rule.name, channel, now_ns // HOUR_NS] >= rule.max_per_hour:
            return Held("cap", rule.name, _when_awake(rule, hour_end_ns(now_ns)))
        return None

    def _keep(self, record: Sent) -> None:
        """Put a record in the place of the one before, with all that follows from it."""
        self._count(self._sent.pop((record.episode_id, record.channel), None), -1)
        self._sent[record.episode_id, record.channel] = record  # behind all others
        self._count(record, 1)
        self._digests.keep(record)

    def _count(self, record: Sent | None, sign: int) -> None:
        """Let a record count in cool-downs and caps, or not any more."""
        if record is None or record.told is None:
            return
        told, channel = record.told, record.channel
        self._cool_downs.note(record.symbol, channel, kept_ns(told.ts_event), sign)
        for at in told.at:
            key = told.rule, channel, kept_ns(at) // HOUR_NS
            self._announced[key] += sign
            if not self._announced[key]:
                del self._announced[key]

    def _forget(self, now_ns: int) -> None:
        """Forget what is old, from the oldest on; what comes in a digest is kept until then."""
        old = []
        for key, record in self._sent.items():
            if now_ns - kept_ns(record.at) <= FORGOTTEN_NS:
                break
            if record.channel not in self._channels or not self._digests.waits(record):
                old.append(key)
        for key in old:
            self._drop(self._sent[key])

    def _drop(self, record: Sent) -> None:
        """Forget a record, and what follows from it."""
        del self._sent[record.episode_id, record.channel]
        self._count(record, -1)
        self._digests.forget(record)

    def _rule_named(self, name: str) -> AlertRule:
        """Return the rule; where the file does not have it any more, what is usual."""
        return next((rule for rule in self._rules if rule.name == name), AlertRule(name))


def _order(record: Sent) -> tuple[int, int, bool]:
    """Return what grows from a record of an episode to its next."""
    told = record.told
    return record.step, 0 if told is None else told.step, told is not None and bool(told.message_id)


def _when_awake(rule: AlertRule, at_ns: int) -> str:
    """Return a time, or the end of the quiet hours that it lies in."""
    quiet_ns = rule.quiet_until_ns(at_ns)
    return iso_time(at_ns if quiet_ns is None else quiet_ns)
