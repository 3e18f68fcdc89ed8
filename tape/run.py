"""How an app or a command ends: a sentence and an exit code, never a traceback for an operator."""

import errno
import sys
from collections.abc import Callable

from tape.errors import TapeError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""


def run_main(main: Callable[[], int]) -> int:
    """Return the exit code of `main`, having said in one sentence what an operator can mend."""
    try:
        return main()
    except TapeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemError as error:
        # The Kafka client, interrupted in the middle of a call, wraps what interrupted it.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        where = f" at {error.filename}" if error.filename else ""
        print(f"error: {error.strerror}{where}: free space or correct rights", file=sys.stderr)
        return 4
