"""The command `tape` as a process, also as `python -m tape`: quiet at Ctrl-C from here on."""

import sys

from tape.process.interrupts import INTERRUPTED, end_at_once


def script() -> None:
    """Run the command line and end with its exit code."""
    end_at_once()
    from tape.process.streams import whole_streams

    whole_streams()
    from tape.cli import main

    try:
        main()
    except KeyboardInterrupt:  # between the last line that handles it and the next one here
        sys.exit(INTERRUPTED)
    finally:
        end_at_once()  # what is left is Python's own end


if __name__ == "__main__":
    script()
