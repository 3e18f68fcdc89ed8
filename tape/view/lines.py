"""Anomalies as lines on standard output: JSON for programs, text for terminals that are dumb."""

import os
import select
import sys
from collections.abc import Callable
from typing import BinaryIO

from tape.kafka.follower import Follower
from tape.model.rejected import Rejected
from tape.process.terminal_text import printable
from tape.view.alert import Seen, one_line, seen
from tape.view.filters import Filter

Shape = Callable[[Seen], bytes]


def as_json(one: Seen) -> bytes:
    """Return the message as it came, on one line."""
    return one_line(one.raw)


def as_text(one: Seen) -> bytes:
    """Return an anomaly as a line for a person."""
    why = " ".join(one.reasons)
    worth = f"priority {one.worth}  " if one.worth else ""
    what = f"{one.time}  {one.named}  {one.price}  {one.size:,}"
    text = f"{what}  {worth}{', '.join(one.rules)}: {why}"
    return text.encode(errors="replace")


def stream(
    follower: Follower,
    chosen: Filter,
    shape: Shape,
    *,
    limit: int | None = None,
    tell: Callable[[str], None],
) -> int:
    """Write anomalies to standard output until its reader goes away, or `limit` are written.

    Args:
        follower: where they come from.
        chosen: which of them are written.
        shape: as what.
        limit: most that are written; None for all.
        tell: gets trouble, once, and messages that are no anomalies.

    Returns:
        0, the exit code.
    """
    out = sys.stdout.buffer
    written, trouble = 0, ""
    try:
        records = follower.before()
        while not _reader_is_gone(out):
            for record in records:
                one = seen(record.value, record.source)
                if isinstance(one, Rejected):
                    tell(f"skipped a message on the topic that is no anomaly: {one.detail}")
                elif chosen.shows(one):
                    out.write(shape(one) + b"\n")
                    written += 1
                    if written == limit:
                        break
            if records:
                out.flush()
            if written == limit:
                return 0
            if follower.trouble != trouble:
                trouble = follower.trouble
                tell(printable(trouble) or "the broker answers again")
            records = follower.records()
    except BrokenPipeError:
        pass
    # What is still buffered has no reader: without this Python would complain at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return 0


def _reader_is_gone(out: BinaryIO) -> bool:
    """Return whether a pipe has lost its reader, which else shows only at the next anomaly."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(out.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
