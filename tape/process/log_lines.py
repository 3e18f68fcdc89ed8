"""Log records as lines for people: the event, and its facts behind it."""

import logging
from typing import Final

from tape.process.terminal_text import printable_lines

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def facts(record: logging.LogRecord) -> dict[str, object]:
    """Return what a record has beyond what every record has."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def facts_text(record: logging.LogRecord) -> str:
    """Return the facts in words."""
    return " ".join(f"{name}={value}" for name, value in facts(record).items())


class Note(logging.Formatter):
    """A line of a command: nobody has asked for its time, but for the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, safe to print."""
        text = f"{record.getMessage()}  {facts_text(record)}".rstrip()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return printable_lines(text)


def log_as_notes() -> None:
    """Have what is logged without any configuration written with its facts."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Note())
