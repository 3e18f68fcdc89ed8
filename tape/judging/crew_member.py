"""One of the processes that judge the symbols of a tape: it gets trades, and says what it found."""

import signal
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from tape.codec.numbered import NumberedTrades
from tape.codec.row_fields import FIELDS
from tape.detection.parameters import Parameters
from tape.errors import TapeError
from tape.judging.episodes import EpisodeStep
from tape.judging.flagged import Flagged
from tape.judging.judge import Judge, Unread
from tape.model.counts import Counts
from tape.model.episode import Mark, State
from tape.process.child import end_with_parent


class Order(NamedTuple):
    """What comes before the numbers and the ordinals of some trades.

    Attributes:
        rows: how many trades.
        names: symbols that are new since the last one.
    """

    rows: int
    names: list[bytes]


class ToldStep(NamedTuple):
    """A step of an episode as another process reports it, under the names of `EpisodeStep`."""

    position: int
    state: State
    mark: Mark | None
    value: bytes
    ts_event_ns: int
    episode_id: str


class Answer(NamedTuple):
    """What came of some trades; positions count from the first of them.

    Attributes:
        error: why there is no more, and no answer; None if all is well.
    """

    flagged: list[Flagged]
    steps: list[ToldStep]
    unread: list[Unread]
    error: TapeError | None = None


class Work(NamedTuple):
    """What a process judges by. Values of steps are made only if `tells_steps`."""

    parameters: Parameters
    max_symbols: int
    tells_steps: bool


def judge_for(there: Connection, work: Work) -> None:
    """Judge what comes until nothing more comes, then report what was counted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    end_with_parent()
    try:
        _judge(there, work)
    except TapeError as error:
        there.send(Answer([], [], [], error))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # nobody is there any more
        return


def _judge(there: Connection, work: Work) -> None:
    counts = Counts()
    judge = Judge(work.parameters, work.max_symbols, counts)
    names: list[bytes] = []
    while True:
        order: Order | None = there.recv()
        if order is None:
            break
        names += order.names
        numbers = np.empty((order.rows, FIELDS), np.int64)
        there.recv_bytes_into(bytes_of(numbers))
        ordinals = np.empty(order.rows, np.int32)
        there.recv_bytes_into(bytes_of(ordinals))
        nowhere = np.zeros((order.rows, 2), np.int64)
        trades = NumberedTrades(numbers, names, ordinals, nowhere)
        found = judge.judge(trades.keys, trades)
        steps = [_told(one, work) for one in found.episodes]
        there.send(Answer(found.flagged, steps, found.unread))
    there.send(counts)


def _told(step: EpisodeStep, work: Work) -> ToldStep:
    value = step.value if work.tells_steps else b""
    return ToldStep(step.position, step.state, step.mark, value, step.ts_event_ns, step.episode_id)


def bytes_of(array: Any) -> memoryview:
    """Return the memory of an array, to be read into or sent from."""
    return memoryview(array).cast("B")
