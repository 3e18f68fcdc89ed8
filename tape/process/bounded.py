"""Calls of a library that end in time, although the library may hang in them."""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

NAME: Final = "a bounded call"
"""Of the threads in which calls run."""


class NoAnswerError(TimeoutError):
    """The time was over; what a call itself raises when its own is over is not this."""


def in_time(timeout_s: float, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises.

    Args:
        timeout_s: how long it may take, in seconds.
        call: what may be called in a thread of its own.

    Raises:
        NoAnswerError: the call has not ended in that time. Its thread is left behind; it does not
            keep the process from ending.
    """
    returned: list[T] = []
    raised: list[BaseException] = []

    def called() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # raised below, where it can be caught
            raised.append(error)

    thread = in_background(called)
    thread.join(timeout_s)
    if raised:
        raise raised[0]
    if not returned:
        raise NoAnswerError(f"no answer within {timeout_s:.0f} s")
    return returned[0]


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Start a call in a thread that does not keep the process from ending; returns the thread."""
    thread = threading.Thread(target=call, name=NAME, daemon=True)
    thread.start()
    return thread


def left_behind() -> bool:
    """Return whether calls are still under way, though nobody waits for them any more."""
    return any(one.name == NAME and one.is_alive() for one in threading.enumerate())
