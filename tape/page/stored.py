"""One episode as the topics hold it, found by its id or by what its id begins with."""

from typing import Any, Final

from tape.errors import SettingsError
from tape.kafka.growing import record_of
from tape.kafka.reader import read_topic
from tape.kafka.topics import partition_counts
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.page.board import Board, Source
from tape.settings.page import PageSettings

NAMED_MAX: Final = 3
"""Episodes that are named where an id begins several: enough to see how they differ."""
Message = Any
"""A message of Kafka's client, which is imported by `kafka` only."""
SHOWN_MAX: Final = 100
"""Characters of what was asked for in a sentence about it."""


def stored_episode(settings: PageSettings, asked: str) -> tuple[Board, str]:
    """Return a board with one episode, and the episode's id.

    Args:
        settings: where the topics are.
        asked: an `episode_id` or `anomaly_id`, or how just one episode's begins.

    Raises:
        SettingsError: no episode on the topics has such an id, or several have.
    """
    client, board = settings.client_config(), Board()
    topics = (settings.output, settings.episodes, settings.reviews)
    there = dict(zip(topics, partition_counts(client, topics), strict=True))
    held = {
        topic: [one for lane in read_topic(client, topic) for one in lane] if there[topic] else []
        for topic in topics
    }
    flagged, states = held[settings.output], held[settings.episodes]
    name = _named(asked, flagged, states, settings.episodes)
    wanted = f'"{name}"'.encode()
    for message in flagged:
        if wanted in (message.value() or b""):
            one = record_of(message)
            source = Source(one.topic, one.partition, one.offset, one.at_ms, one.source)
            board.add_anomaly(one.value, source)
    for message in _of(name, states):
        board.add_episode(message.value() or b"", message.timestamp()[1] / 1_000)
    for message in _of(name, held[settings.reviews]):
        board.add_review(message.value() or b"")
    if board.detail(name) is None:
        raise _nothing(asked, settings.episodes)
    return board, name


def _of(name: str, messages: list[Message]) -> list[Message]:
    return [one for one in messages if one.key() == name.encode() and one.value()]


def _named(asked: str, flagged: list[Message], states: list[Message], topic: str) -> str:
    """Return the id of the one episode that is meant; a whole id counts more than a beginning."""
    begins = f'"{asked}'.encode()
    found: dict[str, None] = {}
    for message in states:
        key = (message.key() or b"").decode(errors="replace")
        if key == asked:
            return key
        if key.startswith(asked) and message.value():
            found[key] = None
    for message in flagged:
        value = message.value() or b""
        whole = begins + b'"' in value
        if begins not in value or (not whole and len(found) > NAMED_MAX):
            continue
        one = decode_anomaly(value)
        if isinstance(one, Anomaly):
            ids = (one.anomaly_id, one.episode_id)
            if asked in ids:
                return one.episode_id
            if any(each.startswith(asked) for each in ids):
                found[one.episode_id] = None
    if not asked or not found:
        raise _nothing(asked, topic)
    if len(found) > 1:
        some = ", ".join(list(found)[:NAMED_MAX])
        more = " and others" if len(found) > NAMED_MAX else ""
        raise SettingsError(
            f"several episodes begin with {asked[:SHOWN_MAX]!r}: {some}{more}",
            "give more of the id",
        )
    return next(iter(found))


def _nothing(asked: str, topic: str) -> SettingsError:
    return SettingsError(
        f"there is no episode {asked[:SHOWN_MAX]!r} on {topic}",
        "take the episode_id of a message, or the anomaly_id of a flagged trade; "
        "`tape watch` shows both, and of files `tape replay FILES --anomaly ID` tells",
    )
