"""How an app or a command ends: a sentence and an exit code, never a traceback for an operator."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from tape.errors import (
    BrokerAwayError,
    BrokerLostError,
    IdExpiredError,
    SettingsError,
    TapeError,
)
from tape.process.bounded import left_behind
from tape.process.interrupts import (
    INTERRUPTED,
    clean_up_first,
    end_at_once,
    shield_callbacks,
    was_interrupted,
)
from tape.process.terminal_text import printable

log = logging.getLogger(__name__)

SPACE_OR_RIGHTS: Final = "free space or correct rights"
CURES: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM), SPACE_OR_RIGHTS),
    errno.EROFS: SPACE_OR_RIGHTS,
    errno.ENAMETOOLONG: "shorten it",
    errno.EFBIG: "raise the limit of a file's size (`ulimit -f`), or write to another disk",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit of open files (`ulimit -n`)"),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), "see what else runs here, and try again"),
    **dict.fromkeys(
        (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT),
        "see whether the disk, or the network to it, is well",
    ),
    errno.ELOOP: "correct the links",
}
"""What to do about errors of the system that come from the machine, not from this program."""

NO_MEMORY: Final = "ask for less at a time, or give it more memory"


def run_main(main: Callable[[], int]) -> int:
    """Return the exit code of `main`, having said in one sentence what an operator can fix."""
    shield_callbacks()
    try:
        _look_where_we_are()
        exit_code = main()
        sys.stdout.flush()  # here, where its errors are handled, and not when Python ends
        return exit_code
    except IdExpiredError:
        log.warning("transactional id expired")
        _begin_again()
    except TapeError as error:
        print(printable(f"error: {error}"), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemError as error:
        # Compiled code, interrupted in the middle of a call, wraps what interrupted it.
        if not was_interrupted(error):
            raise
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has gone: `| head`
        _drop_output()
        return 1
    except MemoryError as error:
        print(printable(f"error: out of memory ({error}): {NO_MEMORY}"), file=sys.stderr)
        return 4
    except OSError as error:
        if error.errno not in CURES:
            raise
        where = f" at {error.filename}" if error.filename else ""
        what = error.strerror or os.strerror(error.errno)
        print(printable(f"error: {what}{where}: {CURES[error.errno]}"), file=sys.stderr)
        _drop_output()
        return 4


def refuse_words(words: Sequence[str]) -> None:
    """Raise `SettingsError` for words behind an app's name: it would do something else than asked.

    A setting that is misspelt ends an app as well.
    """
    if words:
        raise SettingsError(
            f"{words[0]}: an app takes no words",
            "settings come from the environment or .env, `tape settings` lists them (DATA_DIR is "
            "the folder that the producer sends)",
        )


def _look_where_we_are() -> None:
    """Raise `SettingsError` where the current folder is gone: libraries ask for it at import."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise SettingsError("the current folder was deleted", "change to another one") from None


def run_app(main: Callable[[], int]) -> int:
    """Run an app that has called `end_at_once`: from here on Ctrl-C lets it clean up first."""
    clean_up_first()

    def app() -> int:
        try:
            return main()
        except BrokerAwayError as error:
            raise as_lost(error) from error

    try:
        return run_main(app)
    finally:
        end_at_once()  # what is left is Python's own end


def leave(code: int) -> NoReturn:
    """End the process, at once where calls of libraries are still under way (`bounded`).

    At its own end Python stops their threads wherever they are: within the C++ of what draws
    pictures that ends the process with SIGABRT in place of this code.
    """
    if left_behind():
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def as_lost(error: BrokerAwayError) -> BrokerLostError:
    """Return what a broker that is away means to an app: its supervisor starts it again."""
    return BrokerLostError(error.cause, error.remedy)


def _begin_again() -> NoReturn:
    """Start the same program in this process: for its supervisor nothing has happened."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself


def _drop_output() -> None:
    """Send what standard output cannot take to nowhere: Python tries once more when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
