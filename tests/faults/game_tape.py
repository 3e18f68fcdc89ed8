"""The tape of a game day: two days of 1,001 symbols, of which one is busy, with bad rows."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import zstandard

from tape.synthetic import SyntheticDay, make_day, write_day
from tape.synthetic.day import COLUMNS, rows_of
from tests.faults.bench import DAYS, TRADES_PER_S

SYMBOLS = tuple(f"G{number:03}" for number in range(1_000))
BUSY = "BUSY"
BUSY_SHARE = 0.6
POISON_SHARE = 0.009
"""Of rows in the files, evenly, and of messages on `stocks`: below the breaker's one percent."""
LED_IN = 10
"""The first tenth of the work comes this many times as fast: faults begin behind it."""

Rejected = tuple[str, bytes]
"""Where a rejected record lay, and what it was."""


def write_game_tape(folder: Path, seconds: int) -> tuple[int, list[Rejected]]:
    """Write two days of 1,001 symbols; return their rows and those of them that are bad.

    At replay speed 1 they last so long, but for a first tenth that comes ten times as fast.
    """
    folder.mkdir(parents=True)
    rows, bad_every = TRADES_PER_S * seconds // 2, round(1 / POISON_SHARE)
    bad: list[Rejected] = []
    for seed, day in enumerate(DAYS, start=1):
        made = _of_a_thousand_and_one(seed, rows, day)
        spacing_ns = np.full(rows, 1_000_000_000 // TRADES_PER_S)
        if day == DAYS[0]:
            spacing_ns[: rows // 5] //= LED_IN
        steady = made.ts_event_ns[0] + np.cumsum(spacing_ns)
        path = write_day(replace(made, ts_event_ns=steady), folder)
        with zstandard.open(path, "rt") as file:
            lines = file.read().splitlines()
        path.unlink()
        plain = path.with_suffix("")
        for number in range(bad_every, len(lines), bad_every):
            lines[number] = f"nonsense {seed} {number}"
            bad.append((f"{plain.name}:{number + 1}", lines[number].encode()))
        plain.write_text("\n".join(lines) + "\n")
    return 2 * rows, bad


def _of_a_thousand_and_one(seed: int, rows: int, day: date) -> SyntheticDay:
    """A day of which one symbol has more trades than a thousand others together."""
    of_busy = round(BUSY_SHARE * rows)
    busy = make_day(seed=seed, symbols=(BUSY,), trades=of_busy, day=day)
    others = make_day(seed=seed, symbols=SYMBOLS, trades=rows - of_busy, day=day)
    columns = {
        name: np.concatenate([getattr(busy, name), getattr(others, name)]) for name in COLUMNS
    }
    columns["symbol"][of_busy:] += 1
    made = replace(busy, symbols=(BUSY, *SYMBOLS), labels=[], **columns)
    made = rows_of(made, np.argsort(made.ts_event_ns, kind="stable"))
    return replace(made, sequence=1_000 + 7 * np.arange(rows), instrument_id=1_000 + made.symbol)
