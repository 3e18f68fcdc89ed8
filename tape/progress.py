"""How far the producer is: a bar on a terminal, a log line every ten seconds elsewhere."""

import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tqdm import tqdm

from tape.archives import Archive, RowBatch

log = logging.getLogger(__name__)

LINE_S = 10.0


class Progress:
    """Counts trades sent, per file and in all; `rows_hint` estimates the rows of each archive."""

    def __init__(self, archives: Sequence[Archive], rows_hint: Sequence[int]) -> None:
        self._left = dict(zip((a.sha256 for a in archives), rows_hint, strict=True))
        self._files = len(archives)
        self._total = max(1, sum(rows_hint))
        self._done = self._skipped_files = 0
        self._trades = self._skipped = 0
        self._rejected: Counter[str] = Counter()
        self._start_s = self._line_s = time.monotonic()
        self._file = ""
        self._bar = tqdm(
            total=self._total,
            unit=" trades",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

    def start(self, archive: Archive, rows: int) -> None:
        """Begin a file of which `rows` rows were sent before."""
        self._file = archive.path.name
        self._done += 1
        self._bar.set_description(f"{self._file} ({self._done}/{self._files})")
        self._bar.update(rows)
        log.info("sending", extra={"file": self._file, "number": self._done, "files": self._files})

    def already_sent(self, archive: Archive) -> None:
        """Pass over a file that an earlier run has sent."""
        self._done += 1
        self._skipped_files += 1
        self._bar.update(self._left[archive.sha256])
        log.info("sent before", extra={"file": archive.path.name})

    def advance(self, batch: RowBatch, rows_before: int) -> None:
        """Count a batch, given how many rows of its file came before it."""
        self._trades += len(batch.values)
        self._skipped += batch.skipped
        self._rejected.update(row.rejected.reason for row in batch.rejected)
        self._bar.update(batch.rows - rows_before)
        now_s = time.monotonic()
        if self._bar.disable and now_s - self._line_s >= LINE_S:
            self._line_s = now_s
            share = min(1.0, self._trades / self._total)
            elapsed_s = now_s - self._start_s
            facts = {
                "file": self._file,
                "trades": self._trades,
                "trades_per_s": round(self._trades / elapsed_s),
                "eta_s": round(elapsed_s / max(share, 1e-9) * (1 - share)),
            }
            log.info("progress", extra=facts)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.close()

    def summary(self) -> None:
        """Say what was sent."""
        elapsed_s = max(1e-9, time.monotonic() - self._start_s)
        log.info(
            "producer done",
            extra={
                "trades": self._trades,
                "files": self._files,
                "files_sent_before": self._skipped_files,
                "rejected": dict(self._rejected),
                "passed_over": self._skipped,
                "seconds": round(elapsed_s, 2),
                "trades_per_s": round(self._trades / elapsed_s),
            },
        )
