"""Reading reviews: JSON lines, one answer to one alert each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from tape.archives.outcome import Outcome
from tape.errors import ArchiveError
from tape.model.fields import Unreadable
from tape.model.parsing import parsed
from tape.process.regular_file import LARGE, read_file

ANSWERS: Final[dict[str, bool | None]] = {
    "confirmed": True,
    "dismissed": False,
    "escalated": True,
    "acknowledged": None,
    "open": None,
}
"""What a state says of an alert; None of those that are no answer yet."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody said of an alert.

    Attributes:
        id: of an anomaly, or of an episode with `of_episode`.
        confirmed: the answer; None says that there is none, or none any more.
        by: who said it; empty if not known.
        at_us: when, microseconds since 1970.
    """

    id: str
    of_episode: bool
    confirmed: bool | None
    by: str
    at_us: int


class _Line(msgspec.Struct, frozen=True):
    state: str
    at: str
    of_anomaly: str | None = msgspec.field(default=None, name="anomaly_id")
    of_episode: str | None = msgspec.field(default=None, name="episode_id")
    by: str | None = None
    reason: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def read_reviews(paths: Iterable[Path], outcome: Outcome) -> list[Review]:
    """Return the reviews in files, in their order; notes the lines that are none.

    Raises `ArchiveError` for a file that cannot be read.
    """
    found = []
    for path in paths:
        try:
            data = read_file(path, LARGE)
        except OSError as error:
            raise ArchiveError(
                f"cannot read the reviews in {path} ({error.strerror})", "correct the path"
            ) from None
        for number, line in _lines(data):
            try:
                found.append(review_of(line))
            except Unreadable as fault:
                what = fault.rejected
                outcome.count(what.reason, 1, f"{path.name}:{number}", what.detail, str(path))
    return found


def review_of(line: bytes) -> Review:
    """Return the review in a line; raises `Unreadable`."""
    read = parsed(_decoder, line)
    name = read.of_anomaly or read.of_episode
    if not name:
        raise Unreadable("field_missing", "neither anomaly_id nor episode_id says what it is about")
    if read.state not in ANSWERS:
        states = ", ".join(ANSWERS)
        raise Unreadable("field_type", f"the state {read.state[:40]!r} is none of {states}")
    return Review(
        name, not read.of_anomaly, ANSWERS[read.state], read.by or "", _microseconds(read.at)
    )


def _microseconds(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(
            "time_syntax", f"at {text[:40]!r} is no time, as 2025-05-05T14:30:00Z is one"
        ) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return (at - EPOCH) // timedelta(microseconds=1)


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold something, with their numbers."""
    for number, line in enumerate(data.removeprefix(BOM).split(b"\n"), start=1):
        if line.strip():
            yield number, line
