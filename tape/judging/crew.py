"""Several processes that judge a tape together, each its own symbols, with one answer.

A symbol's verdicts depend on its own trades alone, so any share-out gives the same ones; put back
in the order of the tape they are what one judge says. What one judge does when more symbols come
than there are places depends on all of them: then there must be one.
"""

import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import Queue
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import I64
from tape.codec.batch import DecodedBatch
from tape.codec.numbered import NumberedTrades
from tape.codec.row_fields import SYMBOL
from tape.detection.protocol import Verdicts
from tape.errors import TapeError
from tape.judging.crew_member import Answer, Order, Work, bytes_of, judge_for
from tape.judging.judge import Judged, Unread
from tape.model.columns import TradeColumns
from tape.model.counts import Counts

AHEAD: Final = 4
"""Batches that are shared out before the first of them has its answers: nobody waits for work."""
END_S: Final = 5.0
"""Longest wait for a process that has said its last word."""
OTHERS: Final = -1
"""Owner of a symbol that has not come yet."""


class OneJudgeNeededError(Exception):
    """There are more symbols than places: who loses one depends on all of them."""


class _Share(NamedTuple):
    """The rows of a batch that a process judges, and their trades."""

    member: int
    rows: I64
    order: Order
    numbers: I64
    ordinals: npt.NDArray[np.int32]


@dataclass(slots=True)
class _Member:
    """A process, the end of its line, and how many names of symbols it has been given."""

    process: BaseProcess
    line: Connection
    names: int = 0


@dataclass(slots=True)
class Crew:
    """Processes that are started at once, before the caller has threads, and end with `close`.

    Attributes:
        counts: what they have judged, once all is.
    """

    jobs: int
    work: Work
    counts: Counts
    _members: list[_Member] = field(default_factory=list)
    _owner: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    _load: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    _orders: "Queue[list[_Share] | None]" = field(default_factory=Queue)
    _sender: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start the processes."""
        context = get_context("fork")  # what is loaded and compiled they have already
        sys.stdout.flush()  # else each of them would write what waits there
        for _ in range(self.jobs):
            ours, theirs = context.Pipe()
            process = context.Process(target=judge_for, args=(theirs, self.work), daemon=True)
            with warnings.catch_warnings():  # of threads of the caller, from Python 3.12 on
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
            self._members.append(_Member(process, ours))
        self._load = np.zeros(self.jobs, np.int64)
        return self

    def __exit__(self, *_: object) -> None:
        """End them, wherever they are."""
        self._orders.put(None)
        for member in self._members:
            member.process.kill()  # it has nothing to put in order
        for member in self._members:
            member.process.join(END_S)
        if self._sender is not None:
            self._sender.join(END_S)  # to a process that is gone it sends nothing more
        for member in self._members:
            member.line.close()  # now that no thread of ours uses it

    def judge(
        self, batches: Iterator[NumberedTrades], on_name: Callable[[str], bool]
    ) -> Iterator[Judged]:
        """Yield what is found in each batch, in the order of the batches.

        `on_name` is called with each new symbol; if it returns False there is no place for it, and
        `OneJudgeNeededError` is raised.
        """
        self._sender = threading.Thread(target=self._send, daemon=True, name="shares")
        self._sender.start()
        waiting: deque[list[_Share]] = deque()
        for trades in batches:
            shares = self._shared_out(trades, on_name)
            self._orders.put(shares)
            waiting.append(shares)
            if len(waiting) > AHEAD:
                yield self._joined(waiting.popleft())
        while waiting:
            yield self._joined(waiting.popleft())
        self._finish()

    def _shared_out(self, trades: NumberedTrades, on_name: Callable[[str], bool]) -> list[_Share]:
        """Return who judges which trades of a batch; a new symbol goes to who has had least."""
        symbol, names = trades.numbers[:, SYMBOL], trades.names
        if len(names) > len(self._owner):
            grown = np.full(2 * len(names), OTHERS, np.int32)
            grown[: len(self._owner)] = self._owner
            self._owner = grown
        counts = np.bincount(symbol, minlength=len(self._owner))
        new = np.flatnonzero((counts > 0) & (self._owner == OTHERS))
        first = np.array([int(np.argmax(symbol == one)) for one in new.tolist()], np.int64)
        for one in new[np.argsort(first, kind="stable")].tolist():
            if not on_name(names[one].decode()):
                raise OneJudgeNeededError
        for one in new[np.argsort(-counts[new], kind="stable")].tolist():
            least = int(np.argmin(self._load))
            self._owner[one] = least
            self._load[least] += counts[one]
        owner = self._owner[symbol]
        shares = []
        for number, member in enumerate(self._members):
            rows = np.flatnonzero(owner == number)
            if len(rows):
                self._load[number] += len(rows)
                order = Order(len(rows), list(names[member.names : len(names)]))
                member.names = len(names)
                share = _Share(number, rows, order, trades.numbers[rows], trades.ordinals[rows])
                shares.append(share)
        return shares

    def _send(self) -> None:
        """Send the shares: apart, because a full line waits for answers that we must take."""
        while (shares := self._orders.get()) is not None:
            try:
                for share in shares:
                    line = self._members[share.member].line
                    line.send(share.order)
                    line.send_bytes(bytes_of(share.numbers))
                    line.send_bytes(bytes_of(share.ordinals))
            except (OSError, ValueError):  # it has ended; who waits for its answer says so
                return

    def _joined(self, shares: list[_Share]) -> Judged:
        """Return what the processes say of a batch, in its order."""
        flagged: list[Any] = []  # under the names of Flagged and EpisodeStep
        steps: list[Any] = []
        unread: list[Unread] = []
        for share in shares:
            answer: Answer = self._answer(share.member)
            at = share.rows.tolist()
            flagged += [one._replace(position=at[one.position]) for one in answer.flagged]
            steps += [one._replace(position=at[one.position]) for one in answer.steps]
            unread += [Unread(at[one.position], one.rejected) for one in answer.unread]
        flagged.sort(key=_position)
        steps.sort(key=_position)
        unread.sort(key=_position)
        return Judged(flagged, unread, steps, NO_BATCH, NO_VERDICTS)

    def _answer(self, number: int) -> Any:
        member = self._members[number]
        try:
            answer = member.line.recv()
        except (EOFError, OSError):
            member.process.join(END_S)
            code = member.process.exitcode
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended with {code}"
            raise TapeError(
                f"a process that judges symbols {how}; nothing was written",
                "free memory, or judge in one process with --jobs 1",
            ) from None
        if isinstance(answer, Answer) and answer.error is not None:
            raise answer.error
        return answer

    def _finish(self) -> None:
        """Take up what each has counted, and let them end."""
        self._orders.put(None)
        for number, member in enumerate(self._members):
            member.line.send(None)
            self.counts.add(self._answer(number))


def _position(one: Any) -> int:
    position: int = one.position
    return position


_NOTHING: Final[Any] = np.zeros(0, np.int64)
NO_BATCH: Final = DecodedBatch(
    TradeColumns(*[_NOTHING] * len(TradeColumns.__slots__)), _NOTHING, []
)
NO_VERDICTS: Final = Verdicts.of(np.zeros(0, np.uint8))
"""The processes keep them: nobody asks for these of a tape that several judge."""
