"""From reviews to one answer per alert, and what became of the others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tape.desk.learn.alerts import Alerts
from tape.desk.learn.reviews import Review
from tape.model.anomaly import Anomaly

LONGEST: Final = 200
"""Characters of an id in a sentence; the longest id of a trade has some 150."""
WORDS: Final = {True: "confirmed", False: "dismissed", None: "no answer"}


@dataclass(frozen=True, slots=True)
class Answered:
    """An alert with the answer that counts."""

    alert: Anomaly
    confirmed: bool


@dataclass(slots=True)
class Answers:
    """One answer per alert.

    Attributes:
        answered: in the order of their trades' times.
        unknown: ids of reviews that are about no known alert, each once, in their order.
        contradictory: ids of alerts whose last reviews, of the same time, differ; none counts.
        at_odds: in words, of alerts that several people answered differently; the last counts.
        open: how many known alerts have no answer, or none any more.
    """

    answered: list[Answered] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    contradictory: list[str] = field(default_factory=list)
    at_odds: list[str] = field(default_factory=list)
    open: int = 0

    def sentences(self) -> Iterator[str]:
        """Yield what a person should know of reviews that do not count, or not as they stand."""
        if self.unknown:
            yield (
                f"unknown: {_reviewed(self.unknown)} not among these anomalies and "
                f"{'does' if len(self.unknown) == 1 else 'do'} not count; the first: "
                f"{short(self.unknown[0])}"
            )
        if self.contradictory:
            yield (
                f"contradictory: {_reviewed(self.contradictory)} answered in two ways at the same "
                "time: neither answer counts until a later review says which; the first: "
                f"{self.contradictory[0]}"
            )
        if self.at_odds:
            many = len(self.at_odds)
            alerts = "1 alert was" if many == 1 else f"{many:,} alerts were"
            yield (
                f"at odds: {alerts} answered differently by several people: the last answer "
                f"counts; the first: {self.at_odds[0]}"
            )
        if self.open:
            yield f"open: {self.open:,} reviewed alerts have no answer and do not count"


def answers_of(reviews: Iterable[Review], alerts: Alerts) -> Answers:
    """Return the answer of each alert that somebody reviewed.

    An episode and the trade that stands for it are one alert. Of its reviews the last one counts.
    """
    found = Answers()
    unknown: dict[str, None] = {}
    by_alert: dict[str, list[Review]] = {}
    known: dict[str, Anomaly] = {}
    for review in reviews:
        alert = alerts.of(review)
        if alert is None:
            unknown[review.id] = None
        else:
            known[alert.anomaly_id] = alert
            by_alert.setdefault(alert.anomaly_id, []).append(review)
    found.unknown = list(unknown)
    for name, alert in sorted(known.items(), key=lambda one: (one[1].trade.ts_event_ns, one[0])):
        _settle(found, alert, by_alert[name])
    return found


def _settle(found: Answers, alert: Anomaly, reviews: Sequence[Review]) -> None:
    """Take up the answer that the reviews of an alert come to."""
    latest_us = max(one.at_us for one in reviews)
    last = {one.confirmed for one in reviews if one.at_us == latest_us}
    if len(last) > 1:
        found.contradictory.append(alert.anomaly_id)
        return
    (answer,) = last
    if answer is None:
        found.open += 1
        return
    found.answered.append(Answered(alert, answer))
    by_person = {one.by: one for one in sorted(reviews, key=lambda one: one.at_us) if one.by}
    different = [one for one in by_person.values() if one.confirmed not in (answer, None)]
    agreeing = [one for one in by_person.values() if one.confirmed is answer]
    if different and agreeing:
        said = ", ".join(
            f"{short(one.by)} {WORDS[one.confirmed]}" for one in (agreeing[0], different[0])
        )
        found.at_odds.append(f"{alert.anomaly_id} ({said})")


def short(name: str) -> str:
    """Return an id as a sentence has it: what is longer than any of ours is cut off.

    >>> short("NVDA-2-1751961600171836530-7"), len(short("N" * 1_000_000))
    ('NVDA-2-1751961600171836530-7', 200)
    """
    return name if len(name) <= LONGEST else name[: LONGEST - 2] + " …"


def _reviewed(names: Sequence[str]) -> str:
    return "1 reviewed id is" if len(names) == 1 else f"{len(names):,} reviewed ids are"
