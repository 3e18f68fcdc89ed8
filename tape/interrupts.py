"""Ctrl-C in the process `tape`: before and after the work it ends at once, without a word.

A `KeyboardInterrupt` would not do there: compiled modules, interrupted while they are imported,
turn it into errors of their own, or print it and go on.
"""

import os
import signal
import sys
import threading
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""

AGAIN_S = 0.02
"""By then a callback is over; if not, there is one more."""


def end_at_once() -> None:
    """Let Ctrl-C end the process from now on; where it is ignored (`nohup`, `&`), it stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)


def clean_up_first() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again, for work that leaves nothing half-done."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _not_lost


def _not_lost(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat a Ctrl-C that came where nothing can be raised, such as in a callback of LLVM's."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    again = threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
