"""What went through: counts whose books balance."""

from collections import Counter
from dataclasses import dataclass, field

from tape.errors import BooksError

SEVERITIES = (2, 3, 4)
"""Of 10,000 ordinary trades 100, 10 and 1 are this severe, by what a severity means."""


@dataclass(slots=True)
class Refits:
    """How many models were fitted, and the time it took; for an operator, no verdict sees it."""

    count: int = 0
    took_s: float = 0.0

    def note(self, took_s: float, count: int = 1) -> None:
        """Count fits, and the time they took together."""
        self.count += count
        self.took_s += took_s


@dataclass(slots=True)
class Counts:
    """What went through, since start.

    Attributes:
        records: everything that came in: trades, duplicates and what was rejected.
        trades: trades judged.
        flagged: flags by rule; a trade may have several.
        rejected: records that could not be read, by reason.
        duplicate: trades dropped because they were among the last of their symbol already.
        late: trades judged that were older than the newest of their publisher.
        late_max_ns: by how much at most.
        late_for_bars: trades judged, of any publisher, whose second had no bar any more.
        episodes: steps of episodes by state.
        suppressed: flagged trades that the ranking suppresses; they are written all the same.
        symbols_forgotten: symbols whose state was given up, because others took their places.
        refits: models fitted.
        scored: trades with a severity, by detector.
        severe: those of them of at least a severity, by detector and severity.
    """

    records: int = 0
    trades: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    late: int = 0
    late_max_ns: int = 0
    late_for_bars: int = 0
    episodes: Counter[str] = field(default_factory=Counter)
    suppressed: int = 0
    symbols_forgotten: int = 0
    refits: Refits = field(default_factory=Refits)
    scored: Counter[str] = field(default_factory=Counter)
    severe: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Take up what went through elsewhere."""
        self.records += other.records
        self.trades += other.trades
        self.duplicate += other.duplicate
        self.late += other.late
        self.late_max_ns = max(self.late_max_ns, other.late_max_ns)
        self.late_for_bars += other.late_for_bars
        self.suppressed += other.suppressed
        self.symbols_forgotten += other.symbols_forgotten
        self.refits.note(other.refits.took_s, other.refits.count)
        for mine, its in (
            (self.flagged, other.flagged),
            (self.rejected, other.rejected),
            (self.episodes, other.episodes),
            (self.scored, other.scored),
        ):
            mine.update(its)
        self.severe.update(other.severe)

    def check(self) -> None:
        """Raise `BooksError` unless all that came in is accounted for."""
        rejected = self.rejected.total()
        if self.records != self.trades + self.duplicate + rejected:
            raise BooksError(
                f"the books do not balance: {self.records:,} records came in, but {self.trades:,} "
                f"were judged, {self.duplicate:,} were duplicates and {rejected:,} were rejected",
                "this is a fault of this program, please report it",
            )
