"""The alerts that reviews are about, out of all that were written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tape.archives.outcome import Outcome
from tape.desk.learn.reviews import Review
from tape.errors import ArchiveError, SettingsError
from tape.model.anomaly import ANOMALY_MAX, Anomaly, decode_anomaly
from tape.model.rejected import Rejected
from tape.process.regular_file import open_file

LINES: Final = ".jsonl"


@dataclass(frozen=True, slots=True)
class Alerts:
    """Anomalies that somebody asks for, by their own ids and by those of their episodes.

    An episode is known by the trade of it that has the highest priority.
    """

    wanted: frozenset[str]
    by_id: dict[str, Anomaly] = field(default_factory=dict)
    by_episode: dict[str, Anomaly] = field(default_factory=dict)

    def add(self, alert: Anomaly) -> None:
        """Take up an anomaly if it is wanted; of one that comes twice the later counts."""
        if alert.anomaly_id in self.wanted:
            self.by_id[alert.anomaly_id] = alert
        if alert.episode_id in self.wanted:
            known = self.by_episode.get(alert.episode_id)
            if known is None or _first(alert) <= _first(known):
                self.by_episode[alert.episode_id] = alert

    def of(self, review: Review) -> Anomaly | None:
        """Return what a review is about, None if it is not known."""
        return (self.by_episode if review.of_episode else self.by_id).get(review.id)


def _first(alert: Anomaly) -> tuple[float, int, str]:
    """Return what is least of the first in a list by priority."""
    priority = 0.0 if alert.priority is None else alert.priority
    return -priority, alert.trade.ts_event_ns, alert.anomaly_id


def alerts_in_files(paths: Iterable[Path], reviews: Iterable[Review], outcome: Outcome) -> Alerts:
    """Return what reviews are about, from files of anomalies; notes lines that are none.

    Raises:
        SettingsError: a file is of a form that has not all numbers.
        ArchiveError: a file cannot be read.
    """
    alerts = Alerts(frozenset(one.id for one in reviews))
    for path in paths:
        if path.suffix != LINES:
            raise SettingsError(
                f"--anomalies {path} does not end in {LINES}, and other forms have not all numbers "
                "of an anomaly",
                f"write it with `tape replay DAYS --output anomalies{LINES}`",
            )
        for number, line in enumerate(_lines(path), start=1):
            found = decode_anomaly(line)
            if isinstance(found, Rejected):
                outcome.count(found.reason, 1, f"{path.name}:{number}", found.detail, str(path))
            else:
                alerts.add(found)
    return alerts


def alerts_in_messages(
    values: Iterable[bytes | None], reviews: Iterable[Review], outcome: Outcome, topic: str
) -> Alerts:
    """Return what reviews are about, from the messages of a topic; notes those that are none."""
    alerts = Alerts(frozenset(one.id for one in reviews))
    for number, value in enumerate(values, start=1):
        found = decode_anomaly(value)
        if isinstance(found, Rejected):
            outcome.count(found.reason, 1, f"message {number:,} on {topic}", found.detail)
        else:
            alerts.add(found)
    return alerts


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is longer than any anomaly its beginning."""
    try:
        with open_file(path) as file:
            while line := file.readline(ANOMALY_MAX + 1):
                yield line
                while len(line) > ANOMALY_MAX and not line.endswith(b"\n"):
                    line = file.readline(ANOMALY_MAX + 1)
    except OSError as error:
        raise ArchiveError(
            f"cannot read the anomalies in {path} ({error.strerror})", "correct the path"
        ) from None
