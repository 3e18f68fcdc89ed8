"""Files as one tape through one judge: what `tape replay` does, without its command line."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.archives import Archive, TapeBatch, TapeColumns, read_tape, read_tape_columns
from tape.archives.outcome import Outcome
from tape.codec.numbered import NumberedTrades
from tape.codec.row_fields import TS_EVENT
from tape.errors import BooksError, SettingsError
from tape.judging.crew import Crew
from tape.judging.episodes import EpisodeStep
from tape.judging.judge import Judge, Judged
from tape.judging.store import Store
from tape.model.fields import NANOS, TIME_MAX_NS, iso_time
from tape.process.read_ahead import read_ahead

Messages = Sequence[bytes]
DAY_NS: Final = 86_400 * NANOS
END_NS: Final = 2**63 - 1
"""Later than any trade."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Time 0."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the tape that is wanted.

    Attributes:
        symbols: empty for all.
        from_ns: nanoseconds since 1970; the first time that belongs to it.
        to_ns: the first time that does not belong to it any more.
        limit: most trades of it; None for all.
    """

    symbols: frozenset[str] = frozenset()
    from_ns: int = 0
    to_ns: int = END_NS
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A stretch of the wanted part, all in the order of the tape.

    Attributes:
        values: messages of its trades.
        flagged: messages for `anomalies` of those that are flagged.
        episodes: what became of episodes meanwhile.
        judged: all that was judged with it, what lies before the wanted part too.
        wanted: of each message that was judged whether it belongs to the wanted part.
        messages: all that were judged; as `NumberedTrades` if the replay is `as_numbers`.
    """

    values: Messages
    flagged: list[bytes]
    episodes: list[EpisodeStep]
    judged: Judged
    wanted: npt.NDArray[np.bool_]
    messages: Messages


def time_ns(text: str, *, option: str, day_ends: bool = False) -> int:
    """Return a day or a time in ISO 8601 as ns since 1970; UTC where no zone is given.

    With `day_ends` a bare day stands for its end. Raises `SettingsError` naming the `option`.

    >>> time_ns("2025-05-05T14:30", option="--from")
    1746455400000000000
    >>> time_ns("2025-05-05", option="--to", day_ends=True)
    1746489600000000000
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option}: {text!r} is no time", "write 2025-05-05 or 2025-05-05T14:30:00 (UTC)"
        ) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    bare = len(text) <= len("2025-05-05")
    ns = (at - EPOCH) // timedelta(microseconds=1) * 1_000
    return ns + DAY_NS if day_ends and bare else ns


@dataclass(slots=True)
class Replay:
    """One pass of a judge over archives; its counts are right when the pass has ended.

    Attributes:
        trades: trades judged in the wanted part.
        rows: data lines read, which are `messages`, `skipped` or `rejected_rows`.
        days: days since 1970 (UTC) that have trades.
        unread: rows, and whole files, of which no message could be made.
        outcome: what was rejected and skipped; with the trades that the judge refused.
        episodes: steps of episodes in the wanted part by state, and of the closed ones by mark.
        as_numbers: whether messages are made of flagged trades alone, which saves half the time.
        kept: where an earlier run left the state of symbols; None for nowhere.
        files: with `as_numbers` the files that trades came from so far, by sha256.
        crew: processes that judge in place of the judge, which then only knows the symbols; with
            `as_numbers`, and nothing `kept`.
    """

    archives: list[Archive]
    judge: Judge
    part: Part = field(default_factory=Part)
    trades: int = 0
    rows: int = 0
    messages: int = 0
    skipped: int = 0
    rejected_rows: int = 0
    days: set[int] = field(default_factory=set)
    unread: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    episodes: Counter[str] = field(default_factory=Counter)
    as_numbers: bool = False
    kept: Store | None = None
    files: list[str] = field(default_factory=list)
    crew: Crew | None = None

    def batches(self) -> Iterator[Shown]:
        """Yield the wanted part of the tape, judged, in order of time.

        What lies before the part is judged too, so that each verdict is the one that the whole
        tape gives. No clock is asked: the same files give the same answer in any year. Raises
        `BooksError` if at the end a row is not accounted for.
        """
        for taken, found in self._judged(self._takings()):
            shown = self._shown(taken, found)
            for step in shown.episodes:
                self.episodes.update((step.state, *filter(None, [step.mark])))
            yield shown

    def _takings(self) -> "Iterator[_Taken]":
        """Yield what is read, with its books kept."""
        rows: dict[str, int] = {}
        for batch in read_ahead(self._read):
            rows |= batch.rows
            if isinstance(batch, TapeColumns):
                self.files = batch.files
            self.rows = sum(rows.values())
            values, times, keys = _messages_of(batch)
            self.messages += len(values)
            self.skipped += batch.skipped
            self.rejected_rows += sum(row.row > 0 for row in batch.rejected)  # 0: the file itself
            self.unread += len(batch.rejected)
            self.outcome.note(batch.rejected, damaged=batch.damaged)
            if batch.unreadable is not None:
                self.outcome.damaged.append(str(batch.unreadable))
            self._note_days(times)
            yield self._taken(values, times, keys)
            if self.part.limit is not None and self.trades >= self.part.limit:
                return
        self._check_rows()

    def _judged(self, takings: "Iterator[_Taken]") -> "Iterator[tuple[_Taken, Judged]]":
        if self.crew is None:
            for one in takings:
                yield one, self.judge.judge(one.keys, one.judged, self.kept)
            return
        waiting: deque[_Taken] = deque()

        def noted() -> Iterator[NumberedTrades]:
            for one in takings:
                assert isinstance(one.judged, NumberedTrades)  # noqa: S101 - it is `as_numbers`
                waiting.append(one)
                yield one.judged

        number = self.judge.symbols.number
        for found in self.crew.judge(noted(), lambda name: isinstance(number(name), int)):
            yield waiting.popleft(), found

    def _check_rows(self) -> None:
        """Raise `BooksError` unless every row is a message, skipped or rejected."""
        if self.rows != self.messages + self.skipped + self.rejected_rows:
            raise BooksError(
                f"the books do not balance: {self.rows:,} rows were read, but {self.messages:,} "
                f"became messages, {self.skipped:,} were skipped and {self.rejected_rows:,} "
                "rejected",
                "this is a fault of this program, please report it",
            )

    def _read(self) -> Iterator[TapeBatch | TapeColumns]:
        if self.as_numbers:
            return read_tape_columns(
                self.archives, latest_ns=TIME_MAX_NS, symbols=self.part.symbols, counts_equal=True
            )
        return read_tape(self.archives, latest_ns=TIME_MAX_NS, symbols=self.part.symbols)

    def _taken(self, values: Messages, times: npt.NDArray[np.int64], keys: Messages) -> "_Taken":
        """Return what of a batch is judged, and what of that is wanted."""
        part = self.part
        wanted = (times >= part.from_ns) & (times < part.to_ns)
        if part.limit is not None:
            wanted &= np.cumsum(wanted) <= part.limit - self.trades
        self.trades += int(wanted.sum())
        if wanted.all():
            return _Taken(values, keys, values, times, wanted)
        rows = np.flatnonzero(wanted | (times < part.from_ns))
        judged = _some(values, rows)
        its_keys = judged.keys if isinstance(judged, NumberedTrades) else _some(keys, rows)
        shown = _some(values, np.flatnonzero(wanted))
        return _Taken(shown, its_keys, judged, times[rows], wanted[rows])

    def _shown(self, taken: "_Taken", found: Judged) -> Shown:
        """Return the wanted part of what was judged."""
        wanted = taken.wanted
        self._note_unread(found, taken.keys, taken.times_ns)
        flagged, episodes = found.flagged, found.episodes
        if not wanted.all():
            flagged = [one for one in flagged if wanted[one.position]]
            episodes = [step for step in episodes if wanted[step.position]]
        values = [one.value for one in flagged]
        return Shown(taken.values, values, episodes, found, wanted, taken.judged)

    def _note_unread(
        self, found: Judged, keys: Messages, ts_event_ns: npt.NDArray[np.int64]
    ) -> None:
        """Take up what the judge refused: a trade that could be read, as one symbol too many."""
        self.outcome.forgotten = self.judge.symbols.forgotten
        for one in found.unread:
            at = iso_time(int(ts_event_ns[one.position]))
            source = f"{keys[one.position].decode()} at {at}"
            self.outcome.count(one.rejected.reason, 1, source, one.rejected.detail)

    def _note_days(self, ts_event_ns: npt.NDArray[np.int64]) -> None:
        if not len(ts_event_ns):
            return
        first, last = int(ts_event_ns.min()) // DAY_NS, int(ts_event_ns.max()) // DAY_NS
        if first not in self.days or last > first:
            self.days.update(np.unique(ts_event_ns // DAY_NS).tolist())


def _messages_of(
    batch: TapeBatch | TapeColumns,
) -> tuple[Messages, npt.NDArray[np.int64], Messages]:
    """Return the messages of a batch, their times and their keys."""
    if isinstance(batch, TapeBatch):
        return batch.values, batch.ts_event_ns, batch.keys
    numbered = batch.trades()
    return numbered, np.ascontiguousarray(batch.values[:, TS_EVENT]), numbered.keys


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is judged of a batch.

    Attributes:
        values: messages of the wanted part.
        keys: of the messages that are judged, which are `judged`.
        times_ns: of each of these when it happened.
        wanted: of each of these whether it belongs to the wanted part.
    """

    values: Messages
    keys: Messages
    judged: Messages
    times_ns: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.bool_]


def _some(messages: Messages, rows: npt.NDArray[np.int64]) -> Messages:
    if isinstance(messages, NumberedTrades):
        return messages.taken(rows)
    return [messages[row] for row in rows.tolist()]
