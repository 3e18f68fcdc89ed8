"""The producer's work as a Quix source: a process of its own that sends a folder of archives.

The source's producer is our own: Quix Streams' knows no transactions for sources, and costs four
times as much a message. How trades, rejected records and positions go together: `sending`.
"""

import logging
import sys
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from quixstreams.sources import Source

from tape.archives import Discovery
from tape.errors import BrokerAwayError, TapeError
from tape.kafka.errors import refuse_if_forbidden
from tape.kafka.probe import BrokerProbe
from tape.model.counts import Counts
from tape.process.child import end_with_parent
from tape.process.exit import as_lost
from tape.process.logs import configure_logging
from tape.process.metrics import Metrics
from tape.process.terminal_text import printable
from tape.settings.producer import ProducerSettings
from tape.streaming.errors import FATAL, unforeseen
from tape.streaming.feed_source import feed_source
from tape.streaming.sending import Sender

log = logging.getLogger(__name__)

NOT_EVERYTHING: Final = 2
"""Exit code: some files could not be read, the rest was sent."""


def _log_not_read(found: Discovery) -> None:
    """Log what is no trade file, one line per reason; what may be one is reported at the end."""
    first: dict[str, Path] = {}
    files: Counter[str] = Counter()
    for one in (one for one in found.skipped if not one.may_hold_trades):
        reason = f"{one.reason}; {one.remedy}" if one.remedy else one.reason
        first.setdefault(reason, one.path)
        files[reason] += 1
    for reason, count in files.items():
        name = printable(first[reason].name)
        facts = {"reason": printable(reason), "files": count, "first": name}
        log.info("not read", extra=facts)


class ArchiveSource(Source):  # type: ignore[misc]
    """Sends every trade of a folder of archives, in the order of the tape.

    Runs in a process of its own. `exit_code` is shared with the parent, because the library
    reports a source's errors with a traceback and we end with a sentence.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        super().__init__(name="archives", shutdown_timeout=30)
        self.exit_code = get_context("spawn").Value("i", 0)
        self._settings = settings

    def run(self) -> None:
        """Send everything that was not sent before."""
        end_with_parent()
        configure_logging(self._settings.log_format, self._settings.log_level)
        try:
            missing = self._send_all()
        except BrokerAwayError as error:
            print(printable(f"error: {error}"), file=sys.stderr)
            self.exit_code.value = as_lost(error).exit_code
        except TapeError as error:
            print(printable(f"error: {error}"), file=sys.stderr)
            self.exit_code.value = error.exit_code
        else:
            if missing is not None:
                print(printable(f"error: {missing}"), file=sys.stderr)
                self.exit_code.value = NOT_EVERYTHING

    def _send_all(self) -> str | None:
        """Return what was not sent, in a sentence, or None."""
        counts = Counts()
        metrics = Metrics("producer", counts)
        if self._settings.metrics_port:
            metrics.answers = BrokerProbe(self._settings.client_config())
            metrics.serve(self._settings.metrics_host, self._settings.metrics_port)
        source = feed_source(self._settings)
        _log_not_read(source.found)
        sender = Sender(
            self._settings,
            source.found,
            counts,
            metrics,
            lambda: self.running,
            make_feed=source.make,
            rows_hint=source.rows_hint,
        )
        try:
            return sender.send().sentence()
        except FATAL as error:
            refuse_if_forbidden(error, self._settings.broker_address)
            raise unforeseen(error, self._settings.broker_address) from error
