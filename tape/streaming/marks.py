"""Whether the input topic is still the one to which files were sent."""

from typing import Final

from tape.errors import BrokerAwayError, StateError
from tape.kafka.identity import topic_ends, topic_id
from tape.process.clock import CLOCK, Clock
from tape.settings.producer import ProducerSettings
from tape.streaming.positions import Book, TopicMark, positions_topic

STARTING_S: Final = 30.0
"""A broker that answers has its partitions some seconds later, after an outage of its own."""


def look_at_topic(
    settings: ProducerSettings, *, wait_s: float = 0.0, clock: Clock = CLOCK
) -> TopicMark:
    """Return which topic the input is now.

    Raises `BrokerError` if the broker does not answer, `BrokerAwayError` where that may pass, and
    only after `wait_s` seconds of trying.
    """
    client, until_s = settings.client_config(), clock.now_s() + wait_s
    while True:
        try:
            ends = topic_ends(client, settings.input)
        except BrokerAwayError:
            if clock.now_s() > until_s:
                raise
            clock.sleep(0.5)
        else:
            return TopicMark(topic_id(client, settings.input), ends)


def made_anew(book: Book, now: TopicMark) -> bool:
    """Return whether the topic is another one than that to which the files were sent.

    Its id says so; of a broker without ids, an end that lies before the one that was noted.
    """
    before = book.mark
    if before is None or not book.files:
        return False
    if before.topic_id and now.topic_id:
        return before.topic_id != now.topic_id
    return any(now.ends.get(number, 0) < end for number, end in before.ends.items())


def refuse_if_made_anew(settings: ProducerSettings, book: Book, now: TopicMark) -> None:
    """Raise `StateError` if files were sent to a topic that is not there any more."""
    if made_anew(book, now):
        raise StateError(
            f"the topic {settings.input} was made again: the {len(book.files):,} files that "
            f"{positions_topic(settings.input)} knows were sent to an earlier one",
            "`tape producer forget --all` sends them again",
        )
