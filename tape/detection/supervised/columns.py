"""The features by name: what a model was trained on is what it is served with, or it is refused.

A column's name, unit, place and meaning belong to a version. Whoever changes any of them, or how a
value is computed, counts `VERSION` up: models of the version before are refused then.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from tape.model.rules import Family

VERSION: Final = 1
"""Of what the columns mean; part of the hash of the schema."""


@dataclass(frozen=True, slots=True)
class Column:
    """A feature.

    Attributes:
        name: of the column in a features file and in a model.
        unit: of its values.
        family: what it looks at; a reason names the family of what counted most.
        words: what it is, for people.
    """

    name: str
    unit: str
    family: Family
    words: str


COLUMNS: Final = (
    Column("return_1_bps", "bp", "price", "distance from the price before"),
    Column("return_5_bps", "bp", "price", "distance from the price 5 trades before"),
    Column("return_20_bps", "bp", "price", "distance from the price 20 trades before"),
    Column("return_100_bps", "bp", "price", "distance from the price 100 trades before"),
    Column("return_1s_bps", "bp", "price", "distance from the last price of an earlier second"),
    Column("return_60s_bps", "bp", "price", "distance from the last price of an earlier minute"),
    Column("return_1_z", "usual steps", "price", "distance from the price before"),
    Column("median_9_bps", "bp", "price", "distance from the median of the last nine prices"),
    Column("median_9_z", "usual distances", "price", "distance from the median of the last nine"),
    Column("level_bps", "bp", "price", "distance from the level of the last minutes"),
    Column("level_z", "usual distances", "price", "distance from the level of the last minutes"),
    Column("before_z", "usual distances", "price", "how far the trade before was from the median"),
    Column("usual_step_bps", "bp", "price", "usual step of the price"),
    Column("size_log2", "log2 shares", "size", "size"),
    Column("size_z", "usual deviations", "size", "size against the usual one"),
    Column("volume_1s_z", "usual deviations", "size", "volume of this second"),
    Column("volume_60s_z", "usual deviations", "size", "volume of this minute"),
    Column("trades_1s", "log2 trades", "feed", "trades in this second"),
    Column("spacing_log10", "log10 s", "feed", "time since the trade before"),
    Column("spacing_z", "log2 of usual times", "feed", "time since the trade before"),
    Column("same_time", "log2 trades", "feed", "trades at the very same time"),
    Column("run_equal", "log2 trades", "feed", "trades in a row with one price, size and side"),
    Column("run_price", "log2 trades", "feed", "trades in a row at one price"),
    Column("run_size", "log2 trades", "feed", "trades in a row of one size"),
    Column("run_direction", "log2 trades", "feed", "price moves in a row in one direction"),
    Column("side_sign", "-1, 0, 1", "feed", "side: sold, none, bought"),
    Column("imbalance_1s", "share", "feed", "share of this second's volume on one side"),
    Column("round_lot", "0, 1", "size", "a multiple of 100 shares"),
    Column("spread_bps", "bp", "price", "spread of the quotes"),
    Column("outside_bps", "bp", "price", "distance outside the quotes"),
    Column("hour_new_york", "hours", "feed", "time of day in New York"),
    Column("auction", "0, 1", "size", "print of an opening or closing auction"),
)
NAMES: Final = tuple(column.name for column in COLUMNS)
COUNT: Final = len(COLUMNS)

RETURN_1: Final = NAMES.index("return_1_bps")
"""Places of the columns."""
RETURN_5: Final = NAMES.index("return_5_bps")
RETURN_20: Final = NAMES.index("return_20_bps")
RETURN_100: Final = NAMES.index("return_100_bps")
RETURN_1S: Final = NAMES.index("return_1s_bps")
RETURN_60S: Final = NAMES.index("return_60s_bps")
RETURN_1_Z: Final = NAMES.index("return_1_z")
MEDIAN_9: Final = NAMES.index("median_9_bps")
MEDIAN_9_Z: Final = NAMES.index("median_9_z")
FROM_LEVEL: Final = NAMES.index("level_bps")
FROM_LEVEL_Z: Final = NAMES.index("level_z")
BEFORE_Z: Final = NAMES.index("before_z")
USUAL_STEP: Final = NAMES.index("usual_step_bps")
SIZE_LOG2: Final = NAMES.index("size_log2")
SIZE_Z: Final = NAMES.index("size_z")
VOLUME_1S_Z: Final = NAMES.index("volume_1s_z")
VOLUME_60S_Z: Final = NAMES.index("volume_60s_z")
TRADES_OF_1S: Final = NAMES.index("trades_1s")
SPACING_LOG10: Final = NAMES.index("spacing_log10")
SPACING_Z: Final = NAMES.index("spacing_z")
AT_SAME_TIME: Final = NAMES.index("same_time")
EQUAL: Final = NAMES.index("run_equal")
OF_PRICE: Final = NAMES.index("run_price")
OF_SIZE: Final = NAMES.index("run_size")
OF_DIRECTION: Final = NAMES.index("run_direction")
SIDE_SIGN: Final = NAMES.index("side_sign")
IMBALANCE_1S: Final = NAMES.index("imbalance_1s")
IS_ROUND: Final = NAMES.index("round_lot")
SPREAD: Final = NAMES.index("spread_bps")
OUTSIDE: Final = NAMES.index("outside_bps")
HOUR: Final = NAMES.index("hour_new_york")
AUCTION: Final = NAMES.index("auction")


def schema_hash() -> str:
    """Return digits that differ when the version, a name, a unit or the order differs."""
    text = json.dumps([VERSION, [(column.name, column.unit) for column in COLUMNS]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
