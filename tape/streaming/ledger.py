"""What a run of the producer has sent of each file, until it is committed with the trades."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from tape.errors import BooksError
from tape.feeds.feed import FeedPart
from tape.streaming.positions import (
    FILE,
    Ahead,
    Book,
    Position,
    now_text,
)


class Ledger:
    """The positions of files, and which of them are not committed yet."""

    def __init__(self, book: Book, *, instance: str) -> None:
        self.files = dict(book.files)
        self.ahead = dict(book.ahead)
        self._instance = instance
        self._changed: set[str] = set()
        self._ahead_changed: set[str] = set()

    def take(self, sha256: str, name: str, part: FeedPart, symbols: list[str]) -> None:
        """Take in what a batch brings of a file.

        Args:
            sha256: of the file's content, by which it is known under any name.
            name: its path, for people.
            part: rows that lie behind, and what became of the new ones.
            symbols: those that are sent; empty for all.

        Raises:
            BooksError: the rows read are not the trades sent, the rows skipped and the rows
                rejected. Then the producer itself is wrong, and nothing of it is committed.
        """
        before = self.files.get(sha256, Position(symbols=symbols))
        rejected, faults = Counter(before.rejected), Counter(before.faults)
        for row in part.rejected:
            (rejected if row.row else faults)[row.rejected.reason] += 1
        first = before.first_rejected
        if part.rejected and not first:
            first = f"{part.rejected[0].source} {part.rejected[0].rejected.reason}"
        state = before.state
        if part.ended:
            state = "damaged" if faults else "sent"
        after = Position(
            rows=part.rows,
            trades=before.trades + part.trades,
            skipped=before.skipped + part.skipped,
            rejected=dict(rejected),
            faults=dict(faults),
            first_rejected=first,
            uncounted=before.uncounted,
            state=state,
            file=name,
            symbols=symbols,
            instance=self._instance,
            at=now_text(),
        )
        if not after.balances:
            raise BooksError(
                f"the producer's books do not balance at {name}: {after.rows:,} rows read, but "
                f"{after.trades:,} sent, {after.skipped:,} skipped and {sum(rejected.values()):,} "
                "rejected; nothing of it was committed",
                "please report this with the file",
            )
        self.files[sha256] = after
        self._changed.add(sha256)

    def set_ahead(self, ahead: Ahead) -> None:
        """Note that messages were sent beyond the positions."""
        self.ahead[ahead.key] = ahead
        self._ahead_changed.add(ahead.key)

    def end_ahead(self, key: str) -> None:
        """Note that the positions have caught up."""
        if self.ahead.pop(key, None) is not None:
            self._ahead_changed.add(key)

    def records(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield key and value of what has changed since the last commit."""
        for sha256 in sorted(self._changed):
            yield f"{FILE}{sha256}".encode(), msgspec.json.encode(self.files[sha256])
        for key in sorted(self._ahead_changed):
            ahead = self.ahead.get(key)
            yield key.encode(), None if ahead is None else msgspec.json.encode(ahead)

    def committed(self) -> None:
        """Note that all of it is on the broker."""
        self._changed.clear()
        self._ahead_changed.clear()
