"""Files as a feed: every trade of a folder's archives, merged in the order of the tape."""

from collections.abc import Generator, Iterator, Sequence

from tape.archives import Archive, RejectedRow
from tape.archives.one_tape import read_tape
from tape.archives.tape_batches import TapeBatch
from tape.errors import BooksError
from tape.feeds.feed import FeedBatch, FeedPart, Since
from tape.model.fields import TIME_MAX_NS
from tape.process.read_ahead import read_ahead


class ArchiveFeed:
    """Reads archives as one tape; its parts are the files, by the hash of their content."""

    def __init__(self, archives: Sequence[Archive], symbols: frozenset[str] = frozenset()) -> None:
        """Read all symbols, or only `symbols`."""
        self._archives, self._symbols = archives, symbols
        self._reading: Generator[FeedBatch, None, None] | None = None

    def batches(self, since: Since, /) -> Iterator[FeedBatch]:
        """Yield what is left of the tape, of whose files `since` rows lie behind.

        Raises:
            BooksError: the rows of a file are not the trades, the rows skipped and the rows
                rejected that the reader counted.
        """
        self.close()
        self._reading = self._batches(since)
        return self._reading

    def close(self) -> None:
        """Close the files."""
        if self._reading is not None:
            self._reading.close()

    def _batches(self, since: Since) -> Generator[FeedBatch, None, None]:
        rows, counted = dict(since), dict.fromkeys((a.sha256 for a in self._archives), 0)
        archives, symbols = self._archives, self._symbols

        def read() -> Iterator[TapeBatch]:
            return read_tape(archives, latest_ns=TIME_MAX_NS, symbols=symbols, done=since)

        for batch in read_ahead(read):  # while the messages before them are sent
            parts = {}
            for sha256 in [*batch.of, *(name for name in batch.rows if name not in batch.of)]:
                before, of = rows.get(sha256, 0), batch.of.get(sha256)
                behind = max(before, batch.rows.get(sha256, before))
                part = FeedPart(behind, ended=sha256 in batch.ended)
                if of is not None:
                    part.trades, part.rejected = of.trades, of.rejected
                    counted[sha256] += of.trades + of.skipped + _rows(of.rejected)
                part.skipped = part.rows - before - part.trades - _rows(part.rejected)
                if part.skipped < 0 or (
                    part.ended and not since.get(sha256) and counted[sha256] != part.rows
                ):
                    raise BooksError(
                        f"the books of a file do not balance ({sha256[:12]}): {part.rows:,} rows "
                        f"were read, and {counted[sha256]:,} of them sent, skipped or rejected",
                        "please report this with the file; nothing of the last transaction was "
                        "committed",
                    )
                rows[sha256], parts[sha256] = part.rows, part
            yield FeedBatch(batch.keys, batch.values, batch.ts_event_ns, parts, batch.unreadable)


def _rows(rejected: Sequence[RejectedRow]) -> int:
    return sum(row.row > 0 for row in rejected)
