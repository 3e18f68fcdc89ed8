"""The circuit breaker: a bad deployment must not drain its input into `rejected`."""

from collections import Counter, deque
from collections.abc import Sequence

from tape.errors import BreakerError

SPAN: int = 100_000
"""Records over which the share of rejected ones is taken."""


class Breaker:
    """Trips when too large a share of the last records, or too many in a row, was rejected.

    `share_max` and `run_max` are limits; 0 turns a limit off. The share is judged once `SPAN`
    records were seen, in whole batches: a batch is what is committed or not.
    """

    def __init__(self, share_max: float, run_max: int) -> None:
        self._share_max, self._run_max = share_max, run_max
        self._run = 0
        self._run_reasons: Counter[str] = Counter()
        self._batches: deque[tuple[int, Counter[str]]] = deque()
        self._records = 0
        self._reasons: Counter[str] = Counter()

    def note(self, records: int, rejected: Sequence[tuple[int, str]]) -> None:
        """Take note of a batch: how many records, and (position, reason) of each rejected one.

        Raises `BreakerError` before anything of the batch is written if a limit is exceeded.
        """
        self._note_run(records, rejected)
        reasons = Counter(reason for _, reason in rejected)
        self._batches.append((records, reasons))
        self._records += records
        self._reasons += reasons
        while self._records - self._batches[0][0] >= SPAN:
            old_records, old_reasons = self._batches.popleft()
            self._records -= old_records
            self._reasons -= old_reasons
        if self._share_max and self._records >= SPAN:
            share = self._reasons.total() / self._records
            if share > self._share_max:
                raise BreakerError(
                    f"{share:.1%} of the last {self._records:,} records were rejected, more than "
                    f"REJECTED_SHARE_MAX={self._share_max:g}; {_advice(self._reasons)}"
                )

    def _note_run(self, records: int, rejected: Sequence[tuple[int, str]]) -> None:
        if not self._run_max:
            return
        expected = 0
        for position, reason in rejected:
            if position != expected:
                self._end_run()
            self._run += 1
            self._run_reasons[reason] += 1
            expected = position + 1
            if self._run >= self._run_max:
                raise BreakerError(
                    f"{self._run:,} records in a row were rejected (REJECTED_RUN_MAX="
                    f"{self._run_max:,}); {_advice(self._run_reasons)}"
                )
        if expected != records:
            self._end_run()

    def _end_run(self) -> None:
        self._run = 0
        self._run_reasons.clear()


def _advice(reasons: Counter[str]) -> str:
    reason, count = reasons.most_common(1)[0]
    return (
        f"most often {reason} ({count:,} times). Nothing of this batch was committed. Mend "
        "what writes to the input topic, or set the limit to 0 to go on regardless"
    )
