"""Detecting: once over trades, or piece by piece with the state kept in between."""

from typing import TYPE_CHECKING, Any, Final, Unpack

import msgspec

from tape.api.found import Found, found_in
from tape.api.frames import Columns, given_of
from tape.api.notices import notice
from tape.api.reading import judge_of, part_of, read, trades_of
from tape.api.settings import Settings, setup_of
from tape.codec.places import Place
from tape.detection.parameters import SymbolThresholds
from tape.errors import StateError
from tape.judging.judge import Judge
from tape.judging.kept_place import decode_seen
from tape.judging.state_keys import Kept
from tape.judging.store import DictStore
from tape.model.counts import Counts
from tape.process.origin import MARK
from tape.settings.thresholds_file import unknown_symbols

if TYPE_CHECKING:
    from tape.api.reading import Source, Symbols, Trades

NEWEST: Final = 1
"""Version of a snapshot's layout."""


def detect(
    trades: "Trades | Source",
    *,
    columns: Columns | None = None,
    time_zone: str | None = None,
    **settings: Unpack[Settings],
) -> Found:
    """Return the anomalies of trades: byte for byte what `tape replay` writes.

    Rows that are rejected are counted in the result, and a `TapeWarning` says so.

    Args:
        trades: what `read` returned, or what it takes.
        columns: as of `read`.
        time_zone: as of `read`.
        settings: as in `Settings`; the environment is not asked.

    Raises:
        ArchiveError: nothing can be read.
        SettingsError: a setting has a wrong name, or a value that cannot be.

    >>> import tape
    >>> from tape.testing import a_day, a_trade
    >>> day = [*a_day(40, ["NVDA"]), a_trade(60_000, size=50_000)]
    >>> frame = {
    ...     "ts_event": [trade.ts_event_ns for trade in day],
    ...     "symbol": [trade.symbol for trade in day],
    ...     "price": [trade.price_nanos / 1e9 for trade in day],
    ...     "size": [trade.size for trade in day],
    ... }
    >>> found = tape.detect(frame, profile="classic", volume_threshold=20_000)
    >>> found
    <1 anomaly in 1 episode; 41 trades: judged 41, duplicates 0, rejected 0>
    >>> found.top()["reason"]
    ['50,000 shares in one trade; more than 20,000 is unusual.']
    """
    setup = setup_of(settings)
    source = trades_of(trades, columns, time_zone)
    run = source.run(judge_of(setup))
    found = found_in(run, source)
    if not source.part.symbols:
        note_unused(run.judge)
    refuse_nothing(run.messages, run.outcome.exit_code, source, run)
    return found


def refuse_nothing(messages: int, exit_code: int, source: "Trades", run: Any) -> None:
    """Raise `ArchiveError` if nothing of files could be read, and that is their fault."""
    if not messages and exit_code and not source.is_frame:
        raise run.outcome.nothing_read(", ".join(map(str, source.files[:5])))


def note_unused(judge: Judge) -> None:
    """Warn of thresholds of symbols that have no trades."""
    unused = unknown_symbols(judge.parameters.overrides, judge.symbols.names, "these trades")
    if unused:
        notice(unused.replace("THRESHOLDS_FILE has", "thresholds has"))


class _Snapshot(msgspec.Struct, frozen=True):
    """What is kept of a detector: of which kinds, where its clock stands, and its symbols."""

    magic: str
    version: int
    learnt: dict[str, str]
    clock: int
    states: dict[str, bytes]


class Detector:
    """A detector that is fed piece by piece, and remembers what came before.

    What it says of pieces is, put together, what `detect` says of the whole. A trade that is fed
    again is a duplicate, if the feed numbers its trades (`sequence`): without numbers nothing tells
    a copy from a trade like it. After an error it is as it was before the piece.

    Attributes:
        symbols: those that it has state of.
        thresholds: by symbol, where they differ from the common ones.

    >>> import tape
    >>> from tape.testing import a_trade
    >>> def piece(first, sizes):
    ...     rows = [a_trade(first + n, size=size) for n, size in enumerate(sizes)]
    ...     return {
    ...         "ts_event": [row.ts_event_ns for row in rows],
    ...         "symbol": [row.symbol for row in rows],
    ...         "price": [row.price_nanos / 1e9 for row in rows],
    ...         "size": [row.size for row in rows],
    ...         "sequence": [row.sequence for row in rows],
    ...     }
    >>> detector = tape.Detector(profile="classic", volume_threshold=20_000)
    >>> len(detector.feed(piece(1, [100, 100]))), len(detector.feed(piece(3, [50_000])))
    (0, 1)
    >>> later = tape.Detector(profile="classic", volume_threshold=20_000)
    >>> later.restore(detector.snapshot())
    >>> later.feed(piece(3, [50_000])).counts.duplicates
    1
    """

    def __init__(
        self,
        *,
        columns: Columns | None = None,
        time_zone: str | None = None,
        symbols: "Symbols" = (),
        **settings: Unpack[Settings],
    ) -> None:
        """Be new: without state; `columns`, `time_zone` and `symbols` are as of `read`."""
        self._setup = setup_of(settings)
        self._columns, self._time_zone, self._wanted = columns, time_zone, symbols
        given_of(columns, time_zone)  # what is wrong in it is said at once
        part_of(symbols)
        self._store = DictStore()
        self._judge = judge_of(self._setup)

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that it has state of, in alphabetical order."""
        known = {name for name in self._judge.symbols.names if self._judge.symbols.known(name) >= 0}
        return sorted(known)

    @property
    def thresholds(self) -> dict[str, SymbolThresholds]:
        """Return the thresholds that symbols have in place of the common ones."""
        return dict(self._setup.parameters.overrides)

    def feed(self, frame: "Source") -> Found:
        """Judge what follows, a frame or files, and return what is found in it."""
        source = read(frame, symbols=self._wanted, columns=self._columns, time_zone=self._time_zone)
        return found_in(source.run(self._judge, self._store), source)

    def snapshot(self) -> bytes:
        """Return all that it knows, to be given to `restore` of a detector of equal settings."""
        for symbol, blob in self._judge.changed():
            self._store.put(symbol, blob)
        for symbol in self._judge.symbols.gone():
            self._store.pop(symbol, None)
        states = dict(sorted(self._store.items()))
        clock = self._judge.symbols.clock
        return msgspec.msgpack.encode(
            _Snapshot(MARK.decode(), NEWEST, self._learnt(), clock, states)
        )

    def restore(self, snapshot: bytes) -> None:
        """Continue where another detector was; what this one knew is forgotten.

        Raises `StateError` for what is no snapshot, or one of other settings; then nothing is
        changed.
        """
        try:
            found = msgspec.msgpack.decode(snapshot, type=_Snapshot)
        except (msgspec.MsgspecError, TypeError):
            found = _Snapshot("", 0, {}, 0, {})
        if (found.magic, found.version) != (MARK.decode(), NEWEST):
            raise StateError(
                "this is no snapshot of a detector of this version", "feed the trades again"
            )
        if found.learnt != self._learnt():
            theirs, ours = ", ".join(found.learnt), ", ".join(self._learnt())
            why = (
                f"of {theirs}, and this one is of {ours}"
                if theirs != ours
                else ("of other settings, and what was learnt depends on them")
            )
            raise StateError(
                f"the snapshot is {why}", "make the detector with the settings of the snapshot"
            )
        places = []
        for symbol, blob in found.states.items():
            last_record, trades_seen, _ = decode_seen(blob)
            places.append(Place(symbol, last_record, trades_seen, len(blob)))
        self._judge = Judge(
            self._setup.parameters,
            self._setup.max_symbols,
            Counts(),
            kept=Kept(found.clock, places),
        )
        self._store = DictStore(found.states)

    def __repr__(self) -> str:
        clock = self._judge.symbols.clock
        return (
            f"<Detector of {self._setup.parameters.profile}: {clock:,} trades of "
            f"{self._judge.symbols.held:,} symbols so far>"
        )

    def _learnt(self) -> dict[str, str]:
        parameters = self._setup.parameters
        return {
            kind.name: kind.parameters.of(parameters).learnt_fingerprint()
            for kind in self._judge.lineup.kinds
        }
