"""Logs: short constant events, facts as fields; plain on a terminal, JSON elsewhere."""

import json
import logging
import sys
import time
from typing import Final

from tape.model.rejected import Rejected
from tape.process.clock import CLOCK, Clock
from tape.process.log_lines import facts, facts_text
from tape.process.terminal_text import printable, printable_lines

log = logging.getLogger(__name__)

RDKAFKA: Final = "[rdkafka#"
TRIED_AGAIN: Final = (": retrying", "Coordinator load in progress", "Coordinator not available")
"""How librdkafka's own lines are known, and those of them that need nobody."""


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = facts_text(record)
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{clock} {record.levelname.lower():7} {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return printable_lines(f"{text}  {told}" if told else text)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **facts(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(log_format: str, log_level: str) -> None:
    """Send this project's logs, and warnings of the libraries under it, to standard error."""
    plain = log_format == "plain" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_Plain() if plain else _Json())
    handler.addFilter(_raised_anyway)
    handler.addFilter(_tried_again_anyway)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("tape", "__main__"):
        logging.getLogger(name).setLevel(log_level)


def _raised_anyway(record: logging.LogRecord) -> bool:
    """Hold back what Quix Streams logs, with a traceback, of an error that it then raises."""
    return not (record.name.startswith("quixstreams") and record.levelno >= logging.ERROR)


def _tried_again_anyway(record: logging.LogRecord) -> bool:
    """Hold back what librdkafka says of a request that it sends again by itself.

    A broker that has just started answers so for a few seconds; if it lasts, the call that waits
    for it raises an error of its own.
    """
    text = record.getMessage()
    return not (RDKAFKA in text and any(sign in text for sign in TRIED_AGAIN))


class LogRate:
    """Lets one line per second through for each key, and counts what it held back."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._next_s: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def admit(self, key: str) -> int | None:
        """Return how many lines were held back before this one, or None to hold it back."""
        now_s = self._clock.now_s()
        if now_s < self._next_s.get(key, 0.0):
            self._held[key] = self._held.get(key, 0) + 1
            return None
        self._next_s[key] = now_s + 1.0
        return self._held.pop(key, 0)


class RejectedLog:
    """Logs the event `rejected`: at most one line per second and reason."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._rate = LogRate(clock)

    def note(self, rejected: Rejected, source: str) -> None:
        """Log why and where from, never what: a record may hold what must not reach a log."""
        held_back = self._rate.admit(rejected.reason)
        if held_back is not None:
            why = {"reason": rejected.reason, "detail": rejected.detail}
            why["source"] = printable(source)
            log.warning("rejected", extra={**why, "held_back": held_back})
