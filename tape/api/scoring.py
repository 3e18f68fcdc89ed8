"""The clean tape from Python: a row per trade, and bars with and without misprints."""

from typing import TYPE_CHECKING, Any, Unpack

from tape.api.arguments import text_of
from tape.api.books import BookedReplay, Books, RejectedRow
from tape.api.detecting import note_unused, refuse_nothing
from tape.api.frames import Columns, needs
from tape.api.notices import notice
from tape.api.reading import judge_of, trades_of
from tape.api.rows import Rows
from tape.api.settings import Settings, setup_of
from tape.desk.clean_tape.bar_making import BarMaking, bar_columns
from tape.desk.clean_tape.held_rows import BLOCK
from tape.desk.clean_tape.score_table import score_columns
from tape.desk.clean_tape.scored import Scoring
from tape.errors import SettingsError
from tape.market.bars import every_ns
from tape.sinks.parquet_table import arrow_array

if TYPE_CHECKING:
    import pyarrow as pa

    from tape.api.reading import Source, Trades


class Scores(Rows):
    """A row per judged trade, made by `score`; docs/clean-tape.md has the columns.

    Attributes:
        counts: what came in, and what became of it.
        rejected: the rows that were rejected, the first 10,000 of them.
    """

    def __init__(self, table: "pa.Table", counts: Books, rejected: list[RejectedRow]) -> None:
        super().__init__(table)
        self.counts, self.rejected = counts, rejected


class Bars(Rows):
    """A row per bar that has a trade, made by `bars`; docs/clean-tape.md has the columns.

    Attributes:
        counts: what came in, and what became of it.
        rejected: the rows that were rejected, the first 10,000 of them.
        too_late: trades that are in no bar, because their day was made already.
    """

    def __init__(
        self, table: "pa.Table", counts: Books, rejected: list[RejectedRow], too_late: int
    ) -> None:
        super().__init__(table)
        self.counts, self.rejected, self.too_late = counts, rejected, too_late


def score(
    trades: "Trades | Source",
    *,
    columns: Columns | None = None,
    time_zone: str | None = None,
    **settings: Unpack[Settings],
) -> Scores:
    """Return all that is known of each judged trade: what `tape score` writes.

    The arguments are those of `detect`; `profile="calibrated"` fills all columns. It takes some
    300 bytes of memory per trade.

    >>> import tape
    >>> from tape.testing import a_day
    >>> day = a_day(300, ["NVDA"])
    >>> frame = {
    ...     "ts_event": [trade.ts_event_ns for trade in day],
    ...     "symbol": [trade.symbol for trade in day],
    ...     "price": [trade.price_nanos / 1e9 for trade in day],
    ...     "size": [trade.size for trade in day],
    ... }
    >>> scores = tape.score(frame)
    >>> len(scores), set(scores["usable"]), scores.counts.judged
    (300, {True}, 300)
    """
    run, source = _run(trades, columns, time_zone, settings)
    scoring = Scoring(run)
    held = list(scoring.rows())
    pa = _arrow()
    tables = [
        _table(score_columns(rows[first : first + BLOCK], scoring))
        for rows in held
        for first in range(0, len(rows), BLOCK)
    ]
    counts = _counts(run, source)
    tables = tables or [_table(score_columns(_nothing(), scoring))]
    return Scores(pa.concat_tables(tables), counts, run.kept_outcome.kept)


def bars(
    trades: "Trades | Source",
    every: str = "1m",
    *,
    columns: Columns | None = None,
    time_zone: str | None = None,
    **settings: Unpack[Settings],
) -> Bars:
    """Return bars of all trades beside bars of the usable ones: what `tape bars` writes.

    `every` is the length of a bar: 1s, 5s, 1m, 5m, 1h, or 1d of New York. The other arguments are
    those of `detect`.
    """
    length_ns = every_ns(text_of(every, "every", 'a length such as "1m"'))
    if length_ns is None:
        raise SettingsError(
            f"every={every!r} is no length of a bar", "write 1s, 5s, 1m, 5m, 1h or 1d"
        )
    run, source = _run(trades, columns, time_zone, settings)
    scoring = Scoring(run)
    making = BarMaking(scoring, length_ns)
    pa = _arrow()
    tables = [_table(bar_columns(made, scoring)) for made in making.bars()]
    counts = _counts(run, source)
    if making.too_late:
        notice(f"{making.too_late:,} trades came too late, and are in no bar")
    tables = tables or [_table(bar_columns(_no_bars(), scoring))]
    return Bars(pa.concat_tables(tables), counts, run.kept_outcome.kept, making.too_late)


def _run(
    trades: Any, columns: Columns | None, time_zone: str | None, settings: Any
) -> tuple[BookedReplay, "Trades"]:
    setup = setup_of(settings)
    source = trades_of(trades, columns, time_zone)
    return source.run(judge_of(setup, tells_each=True)), source


def _counts(run: BookedReplay, source: "Trades") -> Books:
    counts = run.books()
    if not source.part.symbols:
        note_unused(run.judge)
    refuse_nothing(run.messages, run.outcome.exit_code, source, run)
    return counts


def _table(columns: Any) -> "pa.Table":
    arrays = [arrow_array(column) for column in columns]
    return _arrow().Table.from_arrays(arrays, names=[column.name for column in columns])


def _nothing() -> Any:
    import numpy as np

    from tape.desk.clean_tape.scored import ROW

    return np.empty(0, ROW)


def _no_bars() -> Any:
    import numpy as np

    from tape.market.bars import BAR

    return np.empty(0, BAR)


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise needs("pyarrow", "a table") from None
    return pyarrow
