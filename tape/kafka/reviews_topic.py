"""Topic `reviews` for commands: what counts of each episode."""

from tape.kafka.reader import read_topic
from tape.kafka.topics import partition_counts
from tape.model.rejected import Rejected
from tape.model.review import Review, decode_review, follows


def reviews_that_count(client_config: dict[str, str], topic: str) -> tuple[list[Review], int]:
    """Return the review of each episode that counts, and how many records cannot be read.

    Of two that were decided at once the first on the topic does. There are none where the topic
    is not there. Raises `BrokerError` if it cannot be read.
    """
    if partition_counts(client_config, [topic]) == [0]:
        return [], 0
    found: dict[str, Review] = {}
    unreadable = 0
    for lane in read_topic(client_config, topic):
        for message in lane:
            value = message.value()
            if value is None:
                found.pop((message.key() or b"").decode("utf-8", "replace"), None)
                continue
            review = decode_review(value)
            if isinstance(review, Rejected):
                unreadable += 1
            elif follows(found.get(review.episode_id), review):
                found[review.episode_id] = review
    return sorted(found.values(), key=lambda one: (one.at, one.episode_id)), unreadable
