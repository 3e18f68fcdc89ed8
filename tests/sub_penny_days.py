"""Days with prices between two cents, and which of their trades the example's rule flags."""

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import zstandard

from tape.synthetic import make_day, write_day
from tape.synthetic.day import SyntheticDay

EXAMPLE = Path(__file__).parents[1] / "examples/own_detector"
PROFILE = "sub_penny:KIND"


def with_sub_pennies(made: SyntheticDay) -> SyntheticDay:
    """Return the day with every 23rd price between two cents, and every 31st trade large."""
    n = np.arange(len(made.price_nanos))
    between = (n % 23 == 0) * (1 + n % 99) * 100_000
    return replace(
        made,
        price_nanos=made.price_nanos + between,
        size=np.where(n % 31 == 0, 900 + n % 400, made.size),
    )


def write_sub_penny_day(folder: Path, *, seed: int = 1, trades: int = 20_000) -> Path:
    """Write such a day, and return its path."""
    return write_day(
        with_sub_pennies(make_day(seed=seed, trades=trades, day=date(2025, 3, 3))), folder
    )


def flagged_by_hand(path: Path) -> list[tuple[str, str, str, int]]:
    """Return symbol, time, price and size of what the rule flags, read from the file's own text."""
    with zstandard.open(path, "rt") as file:
        rows = list(csv.DictReader(io.StringIO(file.read())))
    return [
        (row["symbol"], row["ts_event"], row["price"], int(row["size"]))
        for row in rows
        if int(row["size"]) > 1_000 and (Decimal(row["price"]) * 100) % 1 != 0
    ]


def told(anomaly: dict[str, object]) -> tuple[str, str, str, int]:
    """Return the same of an anomaly whose price was read as text."""
    return (
        str(anomaly["symbol"]),
        str(anomaly["ts_event"]),
        f"{Decimal(str(anomaly['price'])):.9f}",
        int(str(anomaly["size"])),
    )
