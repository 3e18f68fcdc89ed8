"""Trades as columns: with all that is known of each, or as DataBento has them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import Bools
from tape.codec.row_fields import (
    DELTA,
    DEPTH,
    FLAGS,
    INSTRUMENT,
    PUBLISHER,
    RTYPE,
    SEQUENCE,
    SIZE,
    TS_EVENT,
    TS_RECV,
)
from tape.desk.clean_tape.episode_book import NO_EPISODE
from tape.desk.clean_tape.scored import RULE_SETS, Rows, Scoring
from tape.desk.clean_tape.usable import usable
from tape.model.episode import MARKS
from tape.model.fields import NO_SEQUENCE
from tape.sinks.tables import Column

SIDES: Final = ("A", "B", "N")
FAMILIES: Final = ("price", "size", "feed")


def score_columns(rows: Rows, scoring: Scoring) -> list[Column]:
    """Return what is known of trades, each of them a row; the tape is read to its end."""
    flagged = rows["rules"] != 0
    used = np.flatnonzero(np.bincount(rows["rules"])).tolist()
    texts = {bits: scoring.rule_names(bits) for bits in used}
    place = np.full(RULE_SETS, -1)
    place[used] = np.arange(len(used))
    episodes, episode = _numbered(rows["episode"], scoring.book.ids)
    marks = np.append(scoring.book.marks, NO_EPISODE)[rows["episode"]]  # the last one is of none
    return [
        _symbols(rows, scoring),
        Column("publisher_id", "whole", rows["publisher_id"]),
        Column("ts_event", "time", rows["ts_event_ns"]),
        _sequences(rows["sequence"]),
        Column("ordinal", "whole", rows["ordinal"], missing=rows["ordinal"] == 0),
        _sides(rows),
        Column("price", "price", rows["price_nanos"]),
        Column("size", "whole", rows["size"]),
        Column("flagged", "yes", flagged),
        Column("rules", "text", np.where(flagged, place[rows["rules"]], -1), list(texts.values())),
        Column("severity", "number", rows["severity"]),
        Column("priority", "number", rows["priority"]),
        *(
            Column(f"severity_{name}", "number", rows["families"][:, nth])
            for nth, name in enumerate(FAMILIES)
        ),
        Column("lower", "number", rows["lower"]),
        Column("upper", "number", rows["upper"]),
        Column("context", "text", rows["context"], scoring.contexts),
        Column("episode_id", "text", episode, episodes),
        Column("mark", "text", marks, MARKS),
        Column("usable", "yes", usable(rows, scoring.book)),
    ]


def trade_columns(rows: Rows, scoring: Scoring) -> list[Column]:
    """Return trades in the columns of DataBento's trades."""
    numbers = rows["numbers"]
    received = numbers[:, TS_RECV]
    return [
        Column("ts_recv", "time", received, missing=_any(received == 0)),
        Column("ts_event", "time", numbers[:, TS_EVENT]),
        Column("rtype", "whole", numbers[:, RTYPE]),
        Column("publisher_id", "whole", numbers[:, PUBLISHER]),
        Column("instrument_id", "whole", numbers[:, INSTRUMENT]),
        Column("action", "text", np.zeros(len(rows), np.int64), ("T",)),
        _sides(rows),
        Column("depth", "whole", numbers[:, DEPTH]),
        Column("price", "price", rows["price_nanos"]),
        Column("size", "whole", numbers[:, SIZE]),
        Column("flags", "whole", numbers[:, FLAGS]),
        Column("ts_in_delta", "whole", numbers[:, DELTA]),
        _sequences(numbers[:, SEQUENCE]),
        _symbols(rows, scoring),
    ]


def _any(missing: Bools) -> Bools | None:
    return missing if missing.any() else None


def _sequences(sequence: npt.NDArray[Any]) -> Column:
    return Column("sequence", "whole", sequence, missing=_any(sequence == NO_SEQUENCE))


def _symbols(rows: Rows, scoring: Scoring) -> Column:
    return Column("symbol", "text", rows["symbol"], scoring.symbols)


def _sides(rows: Rows) -> Column:
    place = np.full(256, -1)
    place[[ord(side) for side in SIDES]] = np.arange(len(SIDES))
    return Column("side", "text", place[rows["side"]], SIDES)


def _numbered(
    numbers: npt.NDArray[Any], texts: Sequence[str]
) -> tuple[list[str], npt.NDArray[Any]]:
    """Return those of the texts that rows refer to, and their places among these."""
    place = np.full(len(numbers), -1)
    at = np.flatnonzero(numbers != NO_EPISODE)  # of few rows: the others need no sorting
    used, place[at] = np.unique(numbers[at], return_inverse=True)
    return [texts[number] for number in used.tolist()], place
