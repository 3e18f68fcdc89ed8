"""Archives as steps: messages sent together, and what they mean to each file's position."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tape.archives import Archive, read_archive
from tape.errors import ArchiveError
from tape.streaming.ledger import Part


@dataclass(slots=True)
class Step:
    """Messages in the order of the tape, and what lies behind of each file once they are sent.

    `refused` is why a file could not be opened; then there is nothing else.
    """

    keys: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    ts_event_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    parts: dict[str, Part] = field(default_factory=dict)
    refused: ArchiveError | None = None


def steps_of(
    archives: Sequence[Archive],
    done: Mapping[str, int],
    *,
    latest_ns: int,
    symbols: frozenset[str],
) -> Iterator[Step]:
    """Yield what is left of archives, of which `done` rows lie behind."""
    for archive in archives:
        rows = done.get(archive.sha256, 0)
        batches = read_archive(archive, latest_ns=latest_ns, symbols=symbols, skip_rows=rows)
        try:
            for batch in batches:
                rows = batch.rows
                part = Part(rows, len(batch.values), batch.skipped, batch.rejected, batch.damaged)
                yield Step(batch.keys, batch.values, batch.ts_event_ns, {archive.sha256: part})
        except ArchiveError as error:  # this file only: the others are still sent
            yield Step(parts={archive.sha256: Part(rows)}, refused=error)
        else:
            yield Step(parts={archive.sha256: Part(rows, ended=True)})
