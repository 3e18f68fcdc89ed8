"""What a commit writes: a few whole states, and the trades of all other symbols in the log."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from tape.codec.array_types import I64
from tape.judging.bar_changes import BarChanges
from tape.judging.state_keys import ProfileState
from tape.judging.trade_log.record import LogRecord, encode_record
from tape.judging.trade_log.trade_log import Fresh, TradeLog
from tape.model.columns import TradeColumns

if TYPE_CHECKING:
    from tape.judging.judge import Judge

RECORD_BYTES: Final = 400_000
"""About the most bytes of a record, at the widest its columns can be: below the million that a
broker takes at once. A symbol has at most `WHOLE_TRADES` trades of `TRADE_BYTES` in it."""
TRADE_BYTES: Final = 46
"""Of a trade at its widest; usually it takes half of that."""
SYMBOL_BYTES: Final = 100
"""Of a symbol at its widest: its name and where it stands."""
BAR_BYTES: Final = 140
"""Of a bar at its widest, all 17 columns; usually it takes a fourth of that."""
EPISODE_BYTES: Final = 50_000
"""Beyond this what is kept of an episode, reasons of others' detectors in it, is written whole."""


def keep(judge: "Judge", state: ProfileState) -> None:
    """Write what the records since the last commit have changed, and how many they were."""
    if judge.log is None:
        for symbol, blob in judge.changed():
            state.put(symbol, blob)
        number = 0
    else:
        _keep_logged(judge, judge.log, state)
        number = judge.log.number
    for symbol in judge.symbols.gone():
        state.drop(symbol)
    state.put_clock(judge.symbols.clock, number)


def _keep_logged(judge: "Judge", log: TradeLog, state: ProfileState) -> None:
    judge.detector.changed_symbols()
    changed = np.array(judge.symbols.changed(), np.int64)
    whole = log.whole(changed)
    others = np.setdiff1d(changed, whole, assume_unique=True)
    told = judge.episodes.told().intersection(others.tolist())
    episodes = {number: judge.episodes.kept(number) for number in told}
    large = [number for number, one in episodes.items() if len(one) > EPISODE_BYTES]
    if large:
        whole += large
        others = np.setdiff1d(others, large, assume_unique=True)
    fresh = log.take(others)
    bars = None if judge.bars is None else judge.bars.changes(others)
    store = state.log()
    log.written_whole(whole)
    for numbers, part in _parts(others, fresh, episodes, bars, judge):
        place = log.add(numbers, len(part.trades))
        store.put(place, encode_record(_record(judge, log.number, numbers, part, episodes, bars)))
    for place in log.surplus():
        store.drop(place)
    for number in whole:
        state.put(judge.symbols.names[number], judge.snapshot(number), log.number)


def _parts(
    numbers: I64,
    fresh: Fresh,
    episodes: dict[int, bytes],
    bars: BarChanges | None,
    judge: "Judge",
) -> Iterator[tuple[I64, Fresh]]:
    """Yield symbols and their trades, as many at a time as a record may hold."""
    if not len(numbers):
        return
    counts = np.bincount(fresh.trades.symbol, minlength=len(judge.symbols.names))[numbers]
    sizes = SYMBOL_BYTES + TRADE_BYTES * counts
    if bars is not None:
        sizes += BAR_BYTES * np.bincount(bars.symbol, minlength=len(judge.symbols.names))[numbers]
    for at, number in enumerate(numbers.tolist()):
        if number in episodes:
            sizes[at] += len(episodes[number])
    of_symbol = (np.cumsum(sizes) - sizes) // RECORD_BYTES
    last = int(of_symbol[-1])
    if last == 0:
        yield numbers, fresh
        return
    part_of = np.zeros(len(judge.symbols.names), np.int64)
    part_of[numbers] = of_symbol
    of_trade = part_of[fresh.trades.symbol]
    for nth in range(last + 1):
        rows = np.flatnonzero(of_trade == nth)
        columns = [getattr(fresh.trades, name)[rows] for name in TradeColumns.__slots__]
        own = numbers[of_symbol == nth]
        if len(own):
            yield own, Fresh(TradeColumns(*columns), fresh.dropped_by[rows])


def _record(
    judge: "Judge",
    number: int,
    numbers: I64,
    fresh: Fresh,
    episodes: dict[int, bytes],
    bars: BarChanges | None,
) -> LogRecord:
    """Return a record, in which symbols are numbered by their order in `numbers`."""
    symbols, t = judge.symbols, fresh.trades
    own = np.full(len(symbols.names), -1, np.int32)
    own[numbers] = np.arange(len(numbers), dtype=np.int32)
    last_record, trades_seen = symbols.places(numbers)
    trades = TradeColumns(
        own[t.symbol],
        t.publisher_id,
        t.ts_event_ns,
        t.price_nanos,
        t.size,
        t.side,
        t.sequence,
        t.ordinal,
    )
    whose = [one for one in numbers.tolist() if one in episodes]
    return LogRecord(
        number,
        judge.lineup.names,
        [symbols.names[one] for one in numbers.tolist()],
        last_record,
        trades_seen,
        trades,
        fresh.dropped_by,
        {int(own[one]): episodes[one] for one in whose},
        None if bars is None else bars.of(own.astype(np.int64)),
    )
