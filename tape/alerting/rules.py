"""The rules by which people are told: which episodes, on which channels, how often."""

from dataclasses import dataclass
from typing import Final

from tape.alerting.hours import MarketHours, QuietHours, is_open
from tape.alerting.kept import Reason
from tape.model.episode import Episode

MIN_PRIORITY: Final = 6.0
COOL_DOWN_S: Final = 900.0
MAX_PER_HOUR: Final = 20
ESCALATE: Final = 2.0
"""Points of priority: 2 is a price ten times as far off, or a trade a hundred times as rare."""
MAX_AGE_S: Final = 3_600.0

ORDER: Final[tuple[Reason, ...]] = (
    "symbol",
    "family",
    "rule",
    "mark",
    "closed market",
    "priority",
    "severity",
)
"""In which a rule looks at a state; the last reason is that of the one which nearly matched."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One `[[rule]]` of ALERT_RULES; empty sets mean all.

    Attributes:
        min_priority: 0 takes episodes without a priority, too.
        min_severity: None takes those without a severity, too.
        families: of the episode's worst trade.
        rules: the detectors' rules; one of the episode's has to be among them.
        marks: what a closed episode has to be; then nothing is announced before.
        market_hours: of the trade that brought the state.
        cool_down_s: trade time between the first announcements of two episodes of a symbol.
        max_per_hour: announcements per clock hour and channel; the others come in a digest.
        escalate: points of priority from which on an episode is announced again; None: never.
        follow_up: whether the end of an announced episode is told.
        max_age_s: older ones, as after an outage, come in a digest.
    """

    name: str
    min_priority: float = MIN_PRIORITY
    min_severity: float | None = None
    symbols: frozenset[str] = frozenset()
    not_symbols: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    market_hours: MarketHours = "all"
    channels: frozenset[str] = frozenset()
    cool_down_s: float = COOL_DOWN_S
    max_per_hour: int = MAX_PER_HOUR
    quiet_hours: QuietHours | None = None
    escalate: float | None = ESCALATE
    follow_up: bool = True
    max_age_s: float = MAX_AGE_S

    def is_for(self, channel: str) -> bool:
        """Return whether it speaks to a channel."""
        return not self.channels or channel in self.channels

    def misses(self, episode: Episode, at_ns: int) -> Reason | None:
        """Return why a state is not wanted, None if it is.

        Args:
            episode: the state.
            at_ns: time of the trade that brought it.
        """
        if self.symbols and episode.symbol not in self.symbols:
            return "symbol"
        if episode.symbol in self.not_symbols:
            return "symbol"
        if self.families and episode.family not in self.families:
            return "family"
        if self.rules and not self.rules.intersection(episode.rules):
            return "rule"
        if self.marks and episode.mark not in self.marks:
            return "mark"
        if not is_open(self.market_hours, at_ns):
            return "closed market"
        if self.min_priority > 0 and not _reaches(episode.priority, self.min_priority):
            return "priority"
        if self.min_severity is not None and not _reaches(episode.severity, self.min_severity):
            return "severity"
        return None

    def quiet_until_ns(self, now_ns: int) -> int | None:
        """Return when the quiet hours end that a time lies in, None if it lies in none."""
        return None if self.quiet_hours is None else self.quiet_hours.until_ns(now_ns)

    def because(self, episode: Episode) -> str:
        """Return in a few words why a state is wanted."""
        parts = []
        if episode.priority is not None:
            parts.append(f"priority {episode.priority:g}, at least {self.min_priority:g}")
        if self.min_severity is not None and episode.severity is not None:
            parts.append(f"severity {episode.severity:g}, at least {self.min_severity:g}")
        if self.marks and episode.mark is not None:
            parts.append(episode.mark)
        return "; ".join(parts) or "every episode is wanted"


def _reaches(value: float | None, least: float) -> bool:
    return value is not None and value >= least


Rules = tuple[AlertRule, ...]
DEFAULT_RULES: Final[Rules] = (AlertRule("default"),)
"""Without ALERT_RULES."""


def choose(rules: Rules, channel: str, episode: Episode, at_ns: int) -> AlertRule | Reason:
    """Return the first rule for a channel that wants a state, or why none does.

    The reason is that of the rule which came nearest. With no rule for the channel it is "rule".
    """
    nearest: Reason | None = None
    for rule in rules:
        if not rule.is_for(channel):
            continue
        reason = rule.misses(episode, at_ns)
        if reason is None:
            return rule
        if nearest is None or ORDER.index(reason) > ORDER.index(nearest):
            nearest = reason
    return "rule" if nearest is None else nearest
