"""Files as a store: Parquet by kind and UTC day, each file whole or not there.

A file's name says which offsets it has, and when the broker took them: what comes again, after a
kill or for a group that begins again, is known by that and skipped. Nothing is ever replaced or
deleted, also where a topic was made again and its offsets begin at 0.
"""

import errno
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tape.errors import StoreError
from tape.model.fields import NANOS, iso_time
from tape.process.clock import CLOCK, WALL_CLOCK, Clock
from tape.process.own_folder import make_private, private
from tape.sinks.parquet_tables import DayRow, TableOf, tables
from tape.sinks.sink import Item, Kind, Poison, SinkBusyError

NAME: Final = re.compile(r"part-(\d+)-(\d+)-(\d+)-(\d+)-(\d+)\.parquet")
"""Partition, first and last offset, first and last time of the broker in milliseconds."""

DAY_NS: Final = 86_400 * NANOS
OLD_S: Final = 3_600.0
"""A part that is this old was left behind by a process that was killed."""

FROZEN_S: Final = 8.0
"""Longest for one file. It is less than a session of the consumer group: a process that was frozen
for longer may have lost the partition to another, which has written these rows."""

RETRY_S: Final = 5.0


@dataclass(slots=True)
class Span:
    """What a file has of a partition: offsets and the broker's times, the last ones included."""

    first: int
    last: int
    first_ms: int
    last_ms: int

    def has(self, item: Item) -> bool:
        """Return whether a file of this span has an item."""
        inside = self.first <= item.offset <= self.last
        return inside and self.first_ms <= item.appended_ms <= self.last_ms


@dataclass(slots=True)
class _Day:
    """The files of one kind and day, by partition."""

    spans: dict[int, list[Span]] = field(default_factory=dict)

    def has(self, item: Item) -> bool:
        return any(span.has(item) for span in self.spans.get(item.partition, ()))


class ParquetStore:
    """Writes one file per kind, UTC day and partition of what it is given."""

    def __init__(self, folder: Path, *, clock: Clock = CLOCK) -> None:
        self._folder, self._clock = folder, clock
        self._days: dict[tuple[Kind, str], _Day] = {}
        self._tables: dict[Kind, TableOf] = {}
        self._seen_s = 0.0

    def open(self) -> None:
        """See that files can be written here, and remove what a killed process left half-written.

        Raises:
            StoreError: they cannot.
        """
        try:
            self._tables = tables()
        except ImportError:
            raise StoreError("Parquet needs pyarrow", "pip install 'tapewatch[sink]'") from None
        try:
            make_private(self._folder)
            probe = self._folder / f".{secrets.token_hex(8)}.part"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"cannot write into {self._folder} ({error.strerror})",
                "correct its rights, or set SINK_DIR to another folder",
            ) from None
        for part in self._folder.rglob(".*.part"):
            with suppress(OSError):
                if WALL_CLOCK.now_s() - part.stat().st_mtime > OLD_S:
                    part.unlink()

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Look at the files again: another process may have had this partition meanwhile."""
        self._days.clear()

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Write what is not there yet; returns the items of which no row can be made."""
        self._seen_s, poison = self._clock.now_s(), []
        groups: dict[tuple[Kind, int], list[Item]] = {}
        for item in items:
            groups.setdefault((item.kind, item.partition), []).append(item)
        for (kind, partition), group in groups.items():
            made = self._tables[kind].rows(group)
            by_day: dict[int, list[DayRow]] = {}
            for row in made:
                if isinstance(row, Poison):
                    poison.append(row)
                else:
                    by_day.setdefault(row.ts_ns // DAY_NS, []).append(row)
            for day, rows in by_day.items():
                self._write_day(kind, iso_time(day * DAY_NS)[:10], partition, rows)
        return poison

    def flush(self) -> None:
        """Do nothing: `write` returns when all is on the disk."""

    def close(self) -> None:
        """Do nothing: no file is kept open."""

    def _write_day(self, kind: Kind, day: str, partition: int, rows: list[DayRow]) -> None:
        folder = self._folder / f"topic={kind}" / f"day={day}"
        known = self._days.get((kind, day))
        if known is None:
            known = self._days[kind, day] = _Day(_spans_in(folder))
        new = [row for row in rows if not known.has(row.item)]
        if not new:
            return
        offsets = [row.item.offset for row in new]
        times = [row.item.appended_ms for row in new]
        span = Span(min(offsets), max(offsets), min(times), max(times))
        name = f"part-{partition}-{span.first:012}-{span.last:012}-{span.first_ms}-{span.last_ms}"
        try:
            self._write_file(folder / f"{name}.parquet", self._tables[kind].table(new))
        except OSError as error:
            why = f"cannot write into {folder} ({error.strerror or error})"
            raise SinkBusyError(why, retry_after_s=RETRY_S) from None
        known.spans.setdefault(partition, []).append(span)

    def _write_file(self, path: Path, table: Any) -> None:
        import pyarrow.parquet as pq

        make_private(path.parent)
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with open(part, "xb", opener=private) as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            if self._clock.now_s() - self._seen_s > FROZEN_S:
                raise OSError(errno.ETIMEDOUT, "it took so long that others may have this by now")
            part.replace(path)
            self._seen_s = self._clock.now_s()
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _spans_in(folder: Path) -> dict[int, list[Span]]:
    """Return what the files of a day have, by partition, as their names say it."""
    spans: dict[int, list[Span]] = {}
    for path in folder.glob("*.parquet"):
        match = NAME.fullmatch(path.name)
        if match is not None:
            partition, *numbers = map(int, match.groups())
            spans.setdefault(partition, []).append(Span(*numbers))
    return spans
