"""Children that do not outlive the process that started them."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when its parent dies (`man 2 prctl`)."""


def end_with_parent() -> None:
    """Have this process killed when its parent dies; does nothing where there is no prctl.

    Without it, a source would keep sending after `kill -9` of its app, beside the next start.
    """
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:  # it died in between
        os.kill(os.getpid(), signal.SIGKILL)
