"""A file of trades as columns, to put anomalies into."""

from datetime import UTC, date, datetime
from typing import Final

import numpy as np

from tape.archives import read_archive
from tape.archives.discovery import Archive
from tape.archives.outcome import Outcome
from tape.errors import ArchiveError
from tape.model.fields import NANOS, TIME_MAX_NS
from tape.model.trade import Trade, decode
from tape.synthetic.day import SyntheticDay

INTEGERS: Final = (
    "ts_event_ns",
    "ts_in_delta_ns",
    "price_nanos",
    "size",
    "flags",
    "sequence",
    "rtype",
    "publisher_id",
    "instrument_id",
    "depth",
)


def load_day(archive: Archive) -> tuple[SyntheticDay, Outcome]:
    """Return the trades of a file in its order, and what of it could not be read.

    The day is that of the first trade, UTC.
    """
    trades: list[Trade] = []
    outcome = Outcome()
    try:
        for batch in read_archive(archive, latest_ns=TIME_MAX_NS):
            for value in batch.values:
                trade = decode(value)
                assert isinstance(trade, Trade)  # noqa: S101 - the reader has just written it
                trades.append(trade)
            outcome.note(batch.rejected, damaged=batch.damaged)
    except ArchiveError as error:
        outcome.damaged.append(str(error))
    if not trades and not outcome.exit_code:
        outcome.damaged.append(f"{archive.path.name}: no trade in it")
    names = tuple(dict.fromkeys(trade.symbol for trade in trades))
    numbers = {name: number for number, name in enumerate(names)}
    integers = {
        name: np.array([getattr(trade, name) for trade in trades], np.int64) for name in INTEGERS
    }
    ts_recv_ns = np.array([trade.ts_recv_ns for trade in trades], np.int64)
    day = SyntheticDay(
        day=_day(trades),
        symbols=names,
        symbol=np.array([numbers[trade.symbol] for trade in trades], np.int64),
        lag_ns=ts_recv_ns - integers["ts_event_ns"],
        side=np.array([ord(trade.side) for trade in trades], np.uint8),
        labels=[],
        **integers,
    )
    return day, outcome


def _day(trades: list[Trade]) -> date:
    seconds = trades[0].ts_event_ns // NANOS if trades else 0
    return datetime.fromtimestamp(seconds, UTC).date()
