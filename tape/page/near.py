"""The trades around a flagged one, from the topic or from a day that is replayed."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from tape.codec.array_types import I64
from tape.errors import BrokerError
from tape.kafka.neighbours import trades_around
from tape.model.columns import TradeColumns
from tape.model.fields import NANOS, iso_time
from tape.model.trade import Trade
from tape.page.board import Board

Around = Callable[[str, int], dict[str, Any]]
BATCHES_MAX: Final = 400
"""Batches of a replayed day whose trades can be looked at: some hundred thousand trades."""


def around_on_topic(client_config: dict[str, str], topic: str, board: Board) -> Around:
    """Return what finds the trades around an episode on the topic of trades."""

    def around(episode_id: str, each: int) -> dict[str, Any]:
        found = board.source_of(episode_id)
        if found is None or found[1].trade is None:
            raise BrokerError("it is not known where its trades lie", "")
        near = trades_around(client_config, topic, found[1].trade, each=each)
        flagged = _flagged_of(board, episode_id)
        return {"trades": [_row(trade, flagged) for trade in near.trades], "at": near.at}

    return around


def _flagged_of(board: Board, episode_id: str) -> set[tuple[str, int]]:
    detail = board.detail(episode_id) or {"trades": []}
    return {(one["ns"], one["sequence"]) for one in detail["trades"]}


def _row(trade: Trade, flagged: set[tuple[str, int]]) -> dict[str, Any]:
    ns = str(trade.ts_event_ns)
    return {
        "ts": iso_time(trade.ts_event_ns),
        "ns": ns,
        "price": trade.price_nanos / NANOS,
        "size": trade.size,
        "side": trade.side,
        "publisher": trade.publisher_id,
        "sequence": trade.sequence,
        "flagged": (ns, trade.sequence) in flagged,
    }


class Recent:
    """The last trades of a day that is replayed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._batches: deque[tuple[list[str], TradeColumns]] = deque(maxlen=BATCHES_MAX)

    def add(self, names: list[str], trades: TradeColumns) -> None:
        """Take a batch; `names` are those of the symbols by number."""
        self._batches.append((names, trades))

    def around(self, episode_id: str, each: int) -> dict[str, Any]:
        """Return the trades around an episode's worst one."""
        found = self._board.source_of(episode_id)
        if found is None:
            raise BrokerError("its trades are not kept any more", "")
        trade = found[0].trade
        of_symbol: list[tuple[TradeColumns, I64]] = []
        place, held = None, 0
        for names, columns in list(self._batches):
            if trade.symbol not in names:
                continue
            at: I64 = (columns.symbol == names.index(trade.symbol)).nonzero()[0]
            same = (columns.ts_event_ns[at] == trade.ts_event_ns) & (
                columns.sequence[at] == trade.sequence
            )
            if place is None and same.any():
                place = held + int(same.argmax())
            of_symbol.append((columns, at))
            held += len(at)
            if place is not None and held > place + each:
                break
        if place is None:
            raise BrokerError("its trades are not kept any more", "")
        first = max(0, place - each)
        flagged = _flagged_of(self._board, episode_id)
        rows: list[dict[str, Any]] = []
        begin = 0
        for columns, at in of_symbol:
            wanted = at[max(0, first - begin) : max(0, place + each + 1 - begin)]
            rows += [_of_columns(columns, int(n), flagged) for n in wanted]
            begin += len(at)
        return {"trades": rows, "at": place - first}


def _of_columns(columns: TradeColumns, n: int, flagged: set[tuple[str, int]]) -> dict[str, Any]:
    ns, sequence = int(columns.ts_event_ns[n]), int(columns.sequence[n])
    return {
        "ts": iso_time(ns),
        "ns": str(ns),
        "price": int(columns.price_nanos[n]) / NANOS,
        "size": int(columns.size[n]),
        "side": chr(int(columns.side[n])),
        "publisher": int(columns.publisher_id[n]),
        "sequence": sequence,
        "flagged": (str(ns), sequence) in flagged,
    }
