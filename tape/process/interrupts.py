"""Ctrl-C in the process `tape`: before and after the work it ends at once, without a word.

An app also ends at once at SIGTERM before its work. Without a handler it would be killed by it
or, as the first process of a container, not even hear it.

A `KeyboardInterrupt` would not do there: compiled modules, interrupted while they are imported,
turn it into errors of their own, or print it and continue.
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""

AGAIN_S = 0.02
"""By then a callback is over; if not, there is one more."""


def end_at_once() -> None:
    """Let Ctrl-C end the process from now on; where it is ignored (`nohup`, `&`), it stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)


def stop_at_once() -> None:
    """Let SIGTERM end an app from now on as done, until Quix Streams takes the signal over."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)


def clean_up_first() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again, for work that leaves nothing half-done."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, _raise)
        sys.unraisablehook = _not_lost


def shield_callbacks() -> None:
    """Have `called_by_the_client` work in a process that has Python's own handler of Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with suppress(ValueError):  # only the main thread may, and only there it comes
            signal.signal(signal.SIGINT, _raise)


def leave_it_to_asyncio() -> None:
    """Let an event loop handle Ctrl-C: it ends its tasks first where Python's own handler is."""
    if signal.getsignal(signal.SIGINT) is _raise:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def called_by_the_client(callback: Callable[P, R]) -> Callable[P, R]:
    """Keep Ctrl-C out of a callback of the Kafka client; it comes when the callback is over.

    The client is compiled. Of an exception in a callback some of its calls know nothing: they
    return as if all were well, and the interpreter makes a `SystemError` of it at whatever comes
    next. Every callback that the main thread may run is to be wrapped.
    """

    @functools.wraps(callback)
    def shielded(*args: P.args, **kwargs: P.kwargs) -> R:
        return callback(*args, **kwargs)

    return shielded


def _code_of_shielded() -> CodeType:
    found = called_by_the_client.__code__.co_consts
    return next(c for c in found if isinstance(c, CodeType) and c.co_name == "shielded")


_SHIELDED = _code_of_shielded()


def was_interrupted(error: BaseException) -> bool:
    """Return whether an error comes from a `KeyboardInterrupt`, at however many removes."""
    seen, waiting = set(), [error]
    while waiting:
        one = waiting.pop()
        seen.add(id(one))
        if isinstance(one, KeyboardInterrupt):
            return True
        further = (one.__cause__, one.__context__)
        waiting += [other for other in further if other is not None and id(other) not in seen]
    return False


def _raise(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code is _SHIELDED:
            _again_soon()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _not_lost(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat a Ctrl-C that came where nothing can be raised, such as in a callback of LLVM's."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    _again_soon()


def _again_soon() -> None:
    again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _stop(number: int, frame: FrameType | None) -> None:
    os._exit(0)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
