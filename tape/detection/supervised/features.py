"""Features of trades, batch by batch: the one place that both training and the detector call."""

from typing import Final, NamedTuple

import numpy as np

from tape.codec.array_types import F32, I64, U8, Bools
from tape.detection.kept_rows import KeptRows
from tape.detection.protocol import kernel_columns
from tape.detection.supervised.columns import COUNT, schema_hash
from tape.detection.supervised.feature_kernel import Answers, Around, compute_features
from tape.detection.supervised.state import STATE_VERSION, check, feature_state
from tape.market.day import CLOSING_AUCTION, OPENING_AUCTION, contexts
from tape.market.new_york import HOUR_S, clock_s
from tape.model.columns import TradeColumns

PROFILE: Final = "supervised"
NO_QUOTES: Final = np.zeros(0, np.int64)


class FeatureBatch(NamedTuple):
    """What is known of a batch, an entry per trade.

    Attributes:
        outcome: NEW, LATE or DUPLICATE, as `tape.detection.protocol` has them.
        behind_ns: by how much it is late.
        shared: whether another of the last ones has the same place in its feed.
        values: a row per trade, a column per feature; no numbers for a duplicate.
    """

    outcome: U8
    behind_ns: I64
    shared: Bools
    values: F32


class Features(KeptRows):
    """Computes the features of one partition's trades, symbol by symbol.

    They depend on the symbol's own trades in their order and on nothing else: not on how they are
    batched, not on other symbols, not on whether the state was kept and restored in between.
    """

    profile = PROFILE
    version = STATE_VERSION
    check = staticmethod(check)

    def __init__(self) -> None:
        self._state = feature_state()
        self._learnt = schema_hash()[:12]

    def of(
        self, trades: TradeColumns, *, bid_nanos: I64 = NO_QUOTES, ask_nanos: I64 = NO_QUOTES
    ) -> FeatureBatch:
        """Return the features of a batch, and remember what is needed for the next one.

        Quotes are those at each trade, 0 where there is none; without an argument there are none.
        """
        n = len(trades)
        if n:
            self._make_room(int(trades.symbol.max()) + 1)
        auction = np.isin(contexts(trades).kind, (OPENING_AUCTION, CLOSING_AUCTION))
        around = Around(
            clock_s(trades.ts_event_ns) / HOUR_S,
            auction.astype(np.uint8),
            np.ascontiguousarray(bid_nanos, np.int64),
            np.ascontiguousarray(ask_nanos, np.int64),
        )
        out = Answers(
            outcome=np.empty(n, np.uint8),
            behind_ns=np.empty(n, np.int64),
            shared=np.empty(n, np.uint8),
            values=np.empty((n, COUNT), np.float32),
        )
        compute_features(kernel_columns(trades), around, self._state, out)
        return FeatureBatch(out.outcome, out.behind_ns, out.shared.view(np.bool_), out.values)
