"""The circuit breaker: a bad deployment must not drain its input into `rejected`.

What it decides depends on the records alone. Its count is kept with the work that is committed, so
a restart continues counting where the commit is, and what tripped it trips it again.
"""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

import msgspec

from tape.errors import BreakerError, StateError

SPAN: Final = 100_000
"""Records over which the share of rejected ones is taken."""

BLOCK: Final = 1_000
"""This many records are counted together; the share is judged at the end of each."""

NEWEST: Final = 1
"""Version of the count as it is kept."""


class Trip(msgspec.Struct, frozen=True):
    """What exceeded a limit.

    Attributes:
        at: the record that did it, by its place in the batch; where it is kept, by its offset.
        rejected: of the last `SPAN` records; 0 if it is too many in a row.
        run: rejected in a row; 0 if it is the share.
        reason: the most frequent one.
        times: how often it was.
    """

    at: int
    rejected: int
    run: int
    reason: str
    times: int


class _Kept(msgspec.Struct):
    """What a breaker remembers, as it is kept."""

    version: int
    blocks: list[dict[str, int]]
    records: int
    block: dict[str, int]
    run: int
    run_reasons: dict[str, int]


class Breaker:
    """Counts what was rejected of the last records, and in a row.

    A limit of 0 is off, and nothing is counted for it then. The share is judged once `SPAN`
    records were seen, at each `BLOCK` records.

    Args:
        share_max: largest share of the last `SPAN` records, 0 to 1.
        run_max: most records in a row.
        kept: what an earlier breaker gave as `kept()`; None begins with nothing counted.

    Raises:
        StateError: `kept` cannot be read.
    """

    def __init__(self, share_max: float, run_max: int, kept: bytes | None = None) -> None:
        self._share_max, self._run_max = share_max, run_max
        was = _read(kept)
        self._run, self._run_reasons = was.run, Counter(was.run_reasons)
        self._blocks = deque(was.blocks, SPAN // BLOCK)
        self._records, self._block = was.records, Counter(was.block)

    def kept(self) -> bytes:
        """Return what is to be kept until the next start."""
        return msgspec.json.encode(
            _Kept(
                version=NEWEST,
                blocks=list(self._blocks),
                records=self._records,
                block=self._block,
                run=self._run,
                run_reasons=self._run_reasons,
            )
        )

    def after(
        self, records: int, rejected: Sequence[tuple[int, str]]
    ) -> tuple["Breaker", Trip | None]:
        """Return the breaker with this many more records counted, and what tripped it, if any.

        `rejected` has (position, reason) of each rejected one, in their order.
        """
        one = Breaker(self._share_max, self._run_max)
        if self._run_max:
            one._run, one._run_reasons = self._run, self._run_reasons.copy()
        if self._share_max:
            one._blocks = self._blocks.copy()
            one._records, one._block = self._records, self._block.copy()
        trips = [one._note_share(records, rejected), one._note_run(records, rejected)]
        found = [trip for trip in trips if trip is not None]
        return one, min(found, key=lambda trip: trip.at, default=None)

    def refuses(self, trip: Trip) -> bool:
        """Return whether the limits of now are exceeded by it."""
        if trip.run:
            return 0 < self._run_max <= trip.run
        return 0 < self._share_max < trip.rejected / SPAN

    def error(self, trip: Trip, *, of: str, cure: str) -> BreakerError:
        """Return what is to be raised for a trip; `of` is where the records lie."""
        if trip.run:
            name, limit = "REJECTED_RUN_MAX", f"{self._run_max:,}"
            what = f"{trip.run:,} records in a row of {of} were rejected ({name}={limit})"
        else:
            name, limit = "REJECTED_SHARE_MAX", str(self._share_max)
            what = (
                f"{trip.rejected / SPAN:.3%} of the last {SPAN:,} records of {of} were rejected, "
                f"more than {name}={limit}"
            )
        if trip.reason == "partition_wrong":
            cure += " (send with the partitioner murmur2)"
        return BreakerError(
            f"{what}; most often {trip.reason} ({trip.times:,} times). Nothing of this batch was "
            "committed, and each start ends like this",
            f"{cure}, and start with {name}=0 until these records are behind, which writes them "
            "to the topic of rejected records",
        )

    def _note_share(self, records: int, rejected: Sequence[tuple[int, str]]) -> Trip | None:
        if not self._share_max:
            return None
        begin, nth, first = 0, 0, None
        while begin < records:
            end = min(begin + BLOCK - self._records, records)
            while nth < len(rejected) and (rejected[nth][0] < end or end == records):
                self._block[rejected[nth][1]] += 1
                nth += 1
            self._records += end - begin
            begin = end
            if self._records == BLOCK:
                found = self._end_block(end - 1)
                first = first or found
        return first

    def _end_block(self, at: int) -> Trip | None:
        self._blocks.append(dict(self._block))
        self._records, self._block = 0, Counter()
        if len(self._blocks) * BLOCK < SPAN:
            return None
        if sum(sum(block.values()) for block in self._blocks) <= self._share_max * SPAN:
            return None
        reasons = sum(map(Counter, self._blocks), Counter[str]())
        (reason, times), *_ = reasons.most_common(1)
        return Trip(at, reasons.total(), 0, reason, times)

    def _note_run(self, records: int, rejected: Sequence[tuple[int, str]]) -> Trip | None:
        if not self._run_max:
            return None
        expected, first = 0, None
        for position, reason in rejected:
            if position != expected:
                self._end_run()
            self._run += 1
            self._run_reasons[reason] += 1
            expected = position + 1
            if self._run >= self._run_max and first is None:
                (most, times), *_ = self._run_reasons.most_common(1)
                first = Trip(position, 0, self._run, most, times)
        if expected != records:
            self._end_run()
        return first

    def _end_run(self) -> None:
        self._run = 0
        self._run_reasons.clear()


def _read(kept: bytes | None) -> _Kept:
    if kept is None:
        return _Kept(NEWEST, [], 0, {}, 0, {})
    try:
        found = msgspec.json.decode(kept, type=_Kept)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"the count of rejected records that was kept cannot be read ({error}): it is damaged "
            "or of another version",
            "start the version that wrote it",
        ) from None
    if found.version != NEWEST:
        raise StateError(
            f"the count of rejected records that was kept is of version {found.version}, this "
            f"program reads {NEWEST}",
            "start the version that wrote it",
        )
    return found
