"""How far the producer is: a bar on a terminal, a log line every ten seconds elsewhere."""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from tqdm import tqdm

from tape.archives import Archive
from tape.feeds.feed import FeedPart
from tape.process.clock import CLOCK, Clock
from tape.process.terminal_text import printable

log = logging.getLogger(__name__)

LINE_S = 10.0


class Progress:
    """Counts rows read, per file and in all: a bar on a terminal, else a line every 10 s.

    Args:
        archives: the files, in the order in which they are sent.
        rows_hint: about how many rows each of them has.
        clock: by which lines come.
    """

    def __init__(
        self, archives: Sequence[Archive], rows_hint: Sequence[int], clock: Clock = CLOCK
    ) -> None:
        self._clock = clock
        self._hints = dict(zip((a.sha256 for a in archives), rows_hint, strict=True))
        self._numbers = {a.sha256: number for number, a in enumerate(archives, start=1)}
        self._total = max(1, sum(rows_hint))
        self._sent_before: set[str] = set()
        self._rows: dict[str, int] = {}
        self._trades = 0
        self._start_s = self._line_s = clock.now_s()
        self._file = ""
        self._bar = tqdm(
            total=self._total,
            unit=" rows",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )
        self._beside = _lines_above_the_bar() if not self._bar.disable else []

    def start(self, archive: Archive, rows: int) -> None:
        """Begin a file of which `rows` rows were sent before."""
        self._file, number = archive.path.name, self._numbers[archive.sha256]
        self._bar.set_description(f"{printable(self._file)} ({number}/{len(self._numbers)})")
        self._at(archive.sha256, rows)
        facts = {"file": self._file, "number": number, "files": len(self._numbers)}
        log.info("sending", extra=facts)

    def already_sent(self, archive: Archive) -> None:
        """Count a file that an earlier run has sent."""
        if archive.sha256 not in self._sent_before:
            self._sent_before.add(archive.sha256)
            log.info("sent before", extra={"file": archive.path.name})
        self.skip(archive)

    def skip(self, archive: Archive) -> None:
        """Count a file as done of which nothing is sent; it says nothing of how fast we are."""
        hint = self._hints[archive.sha256]
        if not self._bar.disable:  # tqdm gives a bar that is off no `initial`
            self._bar.initial += hint - self._rows.get(archive.sha256, 0)
        self._at(archive.sha256, hint)

    def advance(self, parts: Mapping[str, FeedPart]) -> None:
        """Count what was sent."""
        for sha256, part in parts.items():
            self._trades += part.trades
            self._at(sha256, part.rows)
        now_s = self._clock.now_s()
        if self._bar.disable and now_s - self._line_s >= LINE_S:
            self._line_s = now_s
            share = min(1.0, sum(self._rows.values()) / self._total)
            elapsed_s = now_s - self._start_s
            facts = {
                "file": self._file,
                "trades": self._trades,
                "trades_per_s": round(self._trades / elapsed_s),
                "eta_s": round(elapsed_s / max(share, 1e-9) * (1 - share)),
            }
            log.info("progress", extra=facts)

    def _at(self, sha256: str, rows: int) -> None:
        """Note how many rows of a file lie behind; fewer than before after a lost transaction."""
        self._bar.update(rows - self._rows.get(sha256, 0))
        self._rows[sha256] = rows

    def close(self, *, is_done: bool = False) -> None:
        """Leave the terminal as it was; what is done in whole ends at 100 %.

        How many rows a file has was a guess: what was read of it is all that it has.
        """
        if is_done:
            self._bar.total = max(1, sum(self._rows.values()))
        self._bar.refresh()
        self._bar.close()
        for handler, stream in self._beside:
            handler.setStream(stream)

    def summary(self, facts: Mapping[str, object], *, trades: int) -> None:
        """Say what was sent: `trades`, and what else is known of it."""
        elapsed_s = max(1e-9, self._clock.now_s() - self._start_s)
        log.info(
            "producer done",
            extra={
                **facts,
                "files": len(self._numbers),
                "files_sent_before": len(self._sent_before),
                "seconds": round(elapsed_s, 2),
                "trades_per_s": round(trades / elapsed_s),
            },
        )


class _AboveTheBar:
    """A stream whose lines stand above the bar, which is drawn again below them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write lines."""
        with tqdm.external_write_mode(file=self._stream):
            return self._stream.write(text)

    def flush(self) -> None:
        """Write what is held."""
        self._stream.flush()


def _lines_above_the_bar() -> list[tuple[logging.StreamHandler[Any], TextIO]]:
    """Let logs to standard error stand above the bar; return the handlers as they were."""
    found = []
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            found.append((handler, handler.stream))
            handler.setStream(_AboveTheBar(sys.stderr))
    return found
