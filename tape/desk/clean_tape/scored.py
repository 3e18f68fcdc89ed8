"""The trades of a replay as rows of numbers, each with what the detectors know of it.

The trades take the path of `tape replay`, so what is said of a flagged one is what its message on
`anomalies` says. What only the end of an episode tells is not among it: see `episode_book`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64, I64, Bools
from tape.codec.numbered import NumberedTrades
from tape.codec.row_fields import FIELDS
from tape.desk.clean_tape.episode_book import NO_EPISODE, EpisodeBook
from tape.detection.protocol import DUPLICATE, Each, Verdicts
from tape.errors import BooksError
from tape.judging.judge import Judged
from tape.judging.replay import Replay, Shown
from tape.market.day import CONTEXTS
from tape.model.anomaly import Anomaly, decode_anomaly

NO_CONTEXT: Final = -1
RULE_SETS: Final = 256
"""As many sets of rules as a byte holds."""
MOST_SEVERE: Final = 8.0
"""As much as a message says at most: rarer than 1 in 100 million nobody can tell."""
PRIORITY_DIGITS: Final = 2
"""As many as a message has."""

FIELDS_OF_ROW: Final = (
    ("ts_event_ns", "i8"),
    ("sequence", "i8"),
    ("price_nanos", "i8"),
    ("size", "i8"),
    ("severity", "f8"),
    ("priority", "f8"),
    ("families", "f8", (3,)),
    ("lower", "f8"),
    ("upper", "f8"),
    ("symbol", "i4"),
    ("publisher_id", "i4"),
    ("ordinal", "i4"),
    ("context", "i4"),
    ("episode", "i4"),
    ("side", "u1"),
    ("rules", "u1"),
    ("of_price", "?"),
)
"""The wide ones first, so that each lies at a multiple of its width: columns are read faster so."""
ROW: Final = np.dtype([*FIELDS_OF_ROW], align=True)
"""A trade: NaN and -1 stand for what is not known of it. `symbol` and `context` are places in the
lists of `Scoring`, `episode` is a number of its book, and `of_price` says that the price is what it
is flagged for."""
PLACED_ROW: Final = np.dtype([("place", "i8", (2,)), *FIELDS_OF_ROW], align=True)
"""The same with where the trade was read: the number of its file (`Replay.files`) and its data line
there, from 1."""
RAW_ROW: Final = np.dtype(
    [("place", "i8", (2,)), ("numbers", "i8", (FIELDS,)), *FIELDS_OF_ROW], align=True
)
"""The same with all numbers of the trade, too (`tape.codec.row_fields`)."""

Rows = npt.NDArray[Any]
"""Of the type `ROW`, `PLACED_ROW` or `RAW_ROW`."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the trades of a batch; None of what no detector knows.

    `positions` says which of them: None for all.
    """

    severity: F64 | None = None
    priority: F64 | None = None
    each: Each | None = None
    positions: I64 | None = None


class Scoring:
    """A replay whose judge tells all of every trade.

    Attributes:
        kind: the type of the rows.
        symbols: names by their number in the rows.
        contexts: texts by their number in the rows.
        book: the episodes.
        duplicates: trades of the wanted part that were dropped as seen before.
        refused: likewise trades that the judge had no place for.
        made: rows so far.
        unjudged: rows among them of which no detector has a normal price, such as a symbol's first
            trades; None if none of the detectors has one of any trade.
        by_bits: rows by the rules that fired, as a set of bits.
        by_file: rows by the number of their file, if they say where they were read.
    """

    def __init__(self, run: Replay, kind: np.dtype[Any] = ROW) -> None:
        run.as_numbers = True
        self.run, self.kind = run, kind
        has = kind.names or ()
        self._has_place, self._has_numbers = "place" in has, "numbers" in has
        self.symbols: list[str] = []
        self.contexts = list(CONTEXTS)
        self.book = EpisodeBook()
        self.duplicates = self.refused = self.made = 0
        self.unjudged: int | None = None
        self.by_bits: I64 = np.zeros(RULE_SETS, np.int64)
        self.by_file: I64 = np.zeros(0, np.int64)
        self._numbers: dict[str, int] = {}
        self._context_of = {text: number for number, text in enumerate(CONTEXTS)}
        self._price_bits = sum(
            rule.bit for rule in run.judge.lineup.rules if rule.families == ("price",)
        )
        self._rules = {rule.bit: rule.name for rule in run.judge.lineup.rules}

    def rows(self) -> Iterator[Rows]:
        """Yield the trades of the wanted part in the order of the tape, but for duplicates.

        Raises `BooksError` at the end unless each of them is a row, a duplicate or refused.
        """
        for shown in self.run.batches():
            yield self._rows_of(shown)
        if self.run.trades != self.made + self.duplicates + self.refused:
            raise BooksError(
                f"the books do not balance: of {self.run.trades:,} trades {self.made:,} have a "
                f"row, {self.duplicates:,} are duplicates and {self.refused:,} were refused",
                "this is a fault of this program, please report it",
            )

    @property
    def flagged(self) -> int:
        """Return how many rows are flagged."""
        return int(self.by_bits[1:].sum())

    @property
    def by_rule(self) -> dict[str, int]:
        """Return how many rows each rule flagged, the most first."""
        bits = np.arange(RULE_SETS)
        found = {
            name: int(self.by_bits[bits & bit != 0].sum()) for bit, name in self._rules.items()
        }
        return {name: n for name, n in sorted(found.items(), key=lambda one: -one[1]) if n}

    def rule_names(self, bits: int) -> str:
        """Return the rules of a set of bits, as the tables have them.

        They stand in the order of the messages.
        """
        return "; ".join(name for bit, name in self._rules.items() if bits & bit)

    def _rows_of(self, shown: Shown) -> Rows:
        judged = shown.judged
        trades, verdicts = judged.batch.trades, judged.verdicts
        rows = np.empty(len(trades), self.kind)
        for name in ("publisher_id", "ts_event_ns", "sequence", "ordinal", "side"):
            rows[name] = getattr(trades, name)
        rows["symbol"] = self._symbols(trades.symbol)
        rows["price_nanos"], rows["size"] = trades.price_nanos, trades.size
        rows["rules"] = verdicts.rules
        self._fill_known(rows, verdicts)
        self._fill_flagged(rows, judged)
        if self._has_place:
            assert isinstance(shown.messages, NumberedTrades)  # noqa: S101 - asked for above
            rows["place"] = shown.messages.places[judged.batch.positions]
            if self._has_numbers:
                rows["numbers"] = shown.messages.numbers[judged.batch.positions]
        wanted = shown.wanted[judged.batch.positions]
        is_new = verdicts.outcome < DUPLICATE
        self.refused += int(shown.wanted.sum()) - int(wanted.sum())
        self.duplicates += int((wanted & ~is_new).sum())
        kept: Bools = wanted & is_new
        self.made += int(kept.sum())
        rows = rows if kept.all() else rows[kept]
        if self._known(verdicts).each is not None:
            self.unjudged = (self.unjudged or 0) + int(np.isnan(rows["lower"]).sum())
        self.by_bits += np.bincount(rows["rules"], minlength=RULE_SETS)
        if self._has_place:
            count = np.bincount(rows["place"][:, 0], minlength=len(self.run.files))
            self.by_file = np.append(self.by_file, np.zeros(len(count) - len(self.by_file), int))
            self.by_file += count
        return rows

    def _symbols(self, numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return our own numbers of symbols: the judge may give one of its to another symbol."""
        names = self.run.judge.symbols.names
        ours = np.empty(len(names), np.int32)
        is_there = np.zeros(len(names), np.bool_)
        is_there[numbers] = True
        for number in np.flatnonzero(is_there).tolist():
            name = names[number]
            ours[number] = self._numbers.setdefault(name, len(self.symbols))
            if ours[number] == len(self.symbols):
                self.symbols.append(name)
        found: npt.NDArray[np.int32] = ours[numbers]
        return found

    def _fill_known(self, rows: Rows, verdicts: Verdicts) -> None:
        """Write what is known of every trade, flagged or not."""
        known = self._known(verdicts)
        if known.positions is not None or known.severity is None or known.each is None:
            for name in ("severity", "priority", "families", "lower", "upper"):
                rows[name] = np.nan
            rows["context"] = NO_CONTEXT
        elif known.priority is None:
            rows["priority"] = np.nan
        at = slice(None) if known.positions is None else known.positions
        if known.severity is not None:
            rows["severity"][at] = known.severity
        if known.priority is not None:
            rows["priority"][at] = np.round(known.priority, PRIORITY_DIGITS)
        if known.each is not None:
            rows["severity"] = np.minimum(rows["severity"], MOST_SEVERE)
            rows["families"][at] = np.minimum(known.each.families, MOST_SEVERE)
            for name in ("lower", "upper", "context"):
                rows[name][at] = getattr(known.each, name)

    def _known(self, verdicts: Verdicts) -> _Known:
        """Return what the first detector says that has a severity."""
        kinds = self.run.judge.lineup.kinds
        if len(kinds) == 1:
            severity = verdicts.score if kinds[0].is_severity else None
            return _Known(severity, verdicts.priority, verdicts.each)
        for kind, part in zip(kinds, verdicts.parts, strict=True):
            own = part.verdicts
            if kind.is_severity:
                return _Known(own.score, own.priority, own.each, part.positions)
        return _Known()

    def _fill_flagged(self, rows: Rows, judged: Judged) -> None:
        """Write what the messages say of flagged trades, and their episodes."""
        rows["of_price"], rows["episode"] = False, NO_EPISODE
        at = judged.verdicts.flagged
        steps = self.book.follow(judged.episodes)
        rows["episode"][at] = [number for number, closes in steps if not closes]
        rows["of_price"][at] = (rows["rules"][at] & self._price_bits) != 0
        for row, flagged in zip(at.tolist(), judged.flagged, strict=True):
            said = decode_anomaly(flagged.value)
            assert isinstance(said, Anomaly)  # noqa: S101 - the judge has just written it
            if said.severity is not None:
                rows["severity"][row] = said.severity
            if said.priority is not None:
                rows["priority"][row] = said.priority
            if said.context:
                rows["context"][row] = self._context(said.context)
            if said.family == "price":
                rows["of_price"][row] = True

    def _context(self, text: str) -> int:
        number = self._context_of.setdefault(text, len(self.contexts))
        if number == len(self.contexts):
            self.contexts.append(text)
        return number
