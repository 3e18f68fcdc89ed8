"""Forgetting that files were sent, so that the next start of the producer sends them again."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from tape.archives import find_archives
from tape.errors import ArchiveError
from tape.settings.producer import ProducerSettings
from tape.streaming.marks import look_at_topic
from tape.streaming.own_name import transactional_id
from tape.streaming.positions import (
    FILE,
    TOPIC,
    Book,
    positions_topic,
    read_positions,
)
from tape.streaming.transactions import TransactionLostError, Transactions

PREFIX: Final = re.compile(r"[0-9a-f]{6,64}")
"""What may be the beginning of a hash: six digits at least, so that no name is taken for one."""


def chosen(book: Book, words: Iterable[str]) -> set[str]:
    """Return the files that are meant by paths, folders, or beginnings of their hashes.

    Raises `ArchiveError` for a word by which no file, or more than one, was sent.
    """
    found: set[str] = set()
    for word in words:
        path = Path(word)
        if path.exists():
            matching = {a.sha256 for a in find_archives(path).archives} & book.files.keys()
        elif PREFIX.fullmatch(word):
            matching = {sha256 for sha256 in book.files if sha256.startswith(word)}
            if len(matching) > 1:
                raise ArchiveError(
                    f"{word} is the beginning of {len(matching)} hashes",
                    "give more of it, as `tape producer status --json` shows it",
                )
        else:
            matching = {sha256 for sha256, one in book.files.items() if one.file == path.name}
        if not matching:
            raise ArchiveError(
                f"no file {word} was sent, so nothing was forgotten",
                "`tape producer status` lists what was, a path, a name or the beginning of a hash "
                "means one of them",
            )
        found |= matching
    return found


def with_companions(book: Book, files: set[str]) -> set[str]:
    """Return files and those that were being sent together with one of them when it stopped."""
    for ahead in book.ahead.values():
        if files & ahead.rows.keys():
            files = files | ahead.rows.keys()
    return files


def forget(settings: ProducerSettings, words: Iterable[str] | None) -> dict[str, str]:
    """Forget the files that are meant, or all; returns name and state of each by its hash.

    In a transaction by the producer's own name: a producer that runs by the same INSTANCE is
    ended by it, and what it had not committed is not sent.
    """
    client, topic = settings.client_config(), positions_topic(settings.input)
    if words is not None:
        chosen(read_positions(client, topic), words)  # nobody is ended for a wrong word
    transactions = Transactions(client, transactional_id(settings))
    try:
        book = read_positions(client, topic)
        files = set(book.files) if words is None else with_companions(book, chosen(book, words))
        keys = [FILE + sha256 for sha256 in sorted(files)]
        keys += [key for key, ahead in book.ahead.items() if files & ahead.rows.keys()]
        if words is None:
            mark = msgspec.json.encode(look_at_topic(settings))
            transactions.send_one(topic, TOPIC.encode(), mark)  # nothing is taken over from before
        for key in keys:
            transactions.send_one(topic, key.encode(), None)
        transactions.commit()
    except TransactionLostError as error:
        raise error.plainly(settings.broker_address) from error
    return {sha256: book.files[sha256].file for sha256 in sorted(files)}
