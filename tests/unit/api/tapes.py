"""Small tapes as files and as frames of all kinds, for the tests of the library."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from tape.api.settings import Settings
from tests.made_files import Row, changed, csv, walk, written

CLASSIC: Settings = {"profile": "classic", "volume_threshold": 20_000, "change_threshold": 0.01}


def odd_walk(count: int = 300, **kinds: str) -> list[Row]:
    """Trades of a quiet walk with a jump of the price, and one very large trade."""
    rows = walk(count, **kinds)  # type: ignore[arg-type]
    rows = changed(rows, count // 2, times=1.05)
    return changed(rows, count - 20, size=60_000)


def two_symbols(count: int = 200) -> list[Row]:
    """Odd walks of two symbols in order of time."""
    both = [*odd_walk(count), *odd_walk(count, symbol="BETA")]
    return sorted(both, key=lambda row: row.ts_event_ns)


def file_of(rows: Sequence[Row], folder: Path, name: str = "day.csv") -> Path:
    """The trades as a file of DataBento's."""
    return written(folder / name, csv(rows))


def frame_of(rows: Sequence[Row]) -> pd.DataFrame:
    """The trades as DataBento's client gives them: the time of receipt is the index."""
    frame = pd.DataFrame(
        {
            "ts_recv": pd.to_datetime([row.ts_event_ns + 165_000 for row in rows], utc=True),
            "ts_event": pd.to_datetime([row.ts_event_ns for row in rows], utc=True),
            "rtype": 0,
            "publisher_id": [row.publisher for row in rows],
            "instrument_id": 1000,
            "action": "T",
            "side": [row.side for row in rows],
            "depth": 0,
            "price": [float(Decimal(row.price_nanos).scaleb(-9)) for row in rows],
            "size": [row.size for row in rows],
            "flags": 128,
            "ts_in_delta": 165_000,
            "sequence": [row.sequence for row in rows],
            "symbol": [row.symbol for row in rows],
        }
    )
    return frame.set_index("ts_recv")
