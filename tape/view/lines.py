"""Anomalies, or events, as lines on standard output: JSON and CSV for programs, else text."""

import os
import select
import sys
from collections.abc import Callable
from typing import BinaryIO

from tape.kafka.follower import Follower
from tape.model.rejected import Rejected
from tape.process.terminal_text import printable
from tape.view.alert import Seen, one_digit, one_line, seen
from tape.view.event import State, state_of
from tape.view.filters import Filter

Shape = Callable[[bytes, tuple[int, int] | None], bytes | Rejected | None]
"""Returns a message of the topic as a line; None for one that is not wanted."""


def trade_lines(chosen: Filter, shape: Callable[[Seen], bytes]) -> Shape:
    """Return what makes a line of each anomaly that a filter shows."""

    def line(value: bytes, source: tuple[int, int] | None) -> bytes | Rejected | None:
        one = seen(value, source)
        if isinstance(one, Rejected):
            return one
        return shape(one) if chosen.shows(one) else None

    return line


def event_lines(chosen: Filter) -> Shape:
    """Return what makes a line of each episode: when it opens, and when there is more to say."""

    def line(value: bytes, _: tuple[int, int] | None) -> bytes | Rejected | None:
        one = state_of(value)
        if isinstance(one, Rejected):
            return one
        return event_text(one) if chosen.fits(one) else None

    return line


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


def event_text(one: State) -> bytes | None:
    """Return a state of an episode as a line; None if the line before has said as much.

    An episode has a line when it opens, with its reason, and one when it closes, if more trades
    joined it or its move has a name.
    """
    facts = (("severity", one_digit(one.severity)), ("priority", one_digit(one.priority)))
    worth = " ".join(f"{name} {text}" for name, text in facts if text)
    head = f"{one.time}  {one.symbol}  {worth + '  ' if worth else ''}"
    if one.is_opening:
        return f"{head}{one.reason or one.text}".encode(errors="replace")
    if one.is_closed and (one.flags > 1 or one.mark):
        return f"{head}over: {one.text}".encode(errors="replace")
    return None


def stream(
    follower: Follower,
    shape: Shape,
    *,
    head: bytes = b"",
    limit: int | None = None,
    tell: Callable[[str], None],
) -> int:
    """Write lines to standard output until its reader goes away, or `limit` are written.

    Args:
        follower: where messages come from.
        shape: makes lines of them.
        head: comes before all of them.
        limit: most that are written; None for all.
        tell: gets trouble, once, and messages that are no anomalies.

    Returns:
        0, the exit code.
    """
    out = sys.stdout.buffer
    written, trouble = 0, ""
    try:
        out.write(head)
        records = follower.before()
        if follower.gave_up:
            tell("there may be more of the past: it was looked through for a few seconds only")
        while not _reader_is_gone(out):
            for record in records:
                line = shape(record.value, record.source)
                if isinstance(line, Rejected):
                    tell(f"skipped a message on {record.topic} that cannot be read: {line.detail}")
                elif line is not None:
                    out.write(line + b"\n")
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
