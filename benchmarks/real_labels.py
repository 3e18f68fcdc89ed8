"""Holds rankings of trades against real misprints: prints outside the best bid and offer.

Run: python -m benchmarks.real_labels [FOLDER] [--model models/NAME], with the labelled day that
`../shared/data/README.md` describes, and a model of `tape train` beside it if there is one. The day
is judged from a cold start: no other day of these symbols is at hand.

A ranking is measured by its average precision over trades, ties together, and over events:
labelled trades of a symbol at most 60 trades or 2 s apart are one event, which ranks where its
best trade does. Only trades with a quote are judged.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.archives import find_archives
from tape.archives.zstd import decompressed
from tape.desk.day import Day, read_day, rows_by_symbol
from tape.desk.evaluate.tables import markdown
from tape.desk.past_days import judged_columns
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.classic.scores import changes
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.model.fields import NANOS

Bools = npt.NDArray[np.bool_]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

FOLDER: Final = Path(__file__).resolve().parents[2] / "shared/data/nbbo"
LABELS_BP: Final = (10, 20)
NEXT_TRADES: Final = 60
NEXT_NS: Final = 2 * NANOS
"""Labelled trades no farther apart, by either, are one event."""
TOP_PER_10K: Final = 1.5
NINE: Final = 9
MAX_SYMBOLS: Final = 100
FAMILIES: Final = ("price", "size", "feed")
NO_EVENT: Final = -1


@dataclass(frozen=True, slots=True)
class Labelled:
    """A day with quotes.

    Attributes:
        quoted: whether a trade has a quote to be held against.
        outside: whether it printed outside its quote, however little.
        events: by the least excess in bp, per trade the event that it belongs to, or -1.
    """

    day: Day
    quoted: Bools
    outside: Bools
    events: dict[int, I64]


def labelled_day(folder: Path) -> Labelled:
    """Return the day of a folder with its quotes and labels."""
    trades, quotes = (next(folder.glob(f"*.{what}.csv.zst")) for what in ("trades", "quotes"))
    day = read_day(find_archives(trades).archives[0], MAX_SYMBOLS)
    pieces = [piece for piece in decompressed(quotes) if isinstance(piece, bytes)]
    rows = [line.split(b",") for line in b"".join(pieces).splitlines()]
    sides = np.array([[int(row[2]), int(row[3])] for row in rows]) * 100_000
    quoted = sides[:, 1] > 0
    price = day.trades.price_nanos
    outside = quoted & ((price < sides[:, 0]) | (price > sides[:, 1]))
    events = {
        least: numbered(day, labelled_rows(day, folder / f"labels-{least}bp.csv"))
        for least in LABELS_BP
    }
    return Labelled(day, quoted, outside, events)


def labelled_rows(day: Day, path: Path) -> I64:
    """Return the rows of a day that a file of labels names."""
    keys = zip(
        day.trades.symbol.tolist(),
        day.trades.publisher_id.tolist(),
        day.trades.sequence.tolist(),
        strict=True,
    )
    row_of = {key: row for row, key in enumerate(keys)}
    with path.open(newline="") as lines:
        named = [
            (day.symbols.index(one["symbol"]), int(one["publisher_id"]), int(one["sequence"]))
            for one in csv.DictReader(lines)
        ]
    return np.array(sorted(row_of[one] for one in named), np.int64)


def numbered(day: Day, labelled: I64) -> I64:
    """Return per trade the number of its event; labelled trades near one another share one."""
    event = np.full(len(day.trades), NO_EVENT, np.int64)
    number = NO_EVENT
    for rows in rows_by_symbol(day):
        places = np.flatnonzero(np.isin(rows, labelled))
        times_ns = day.trades.ts_event_ns[rows[places]]
        for nth, place in enumerate(places.tolist()):
            near = nth > 0 and (
                place - places[nth - 1] <= NEXT_TRADES
                or times_ns[nth] - times_ns[nth - 1] <= NEXT_NS
            )
            number += not near
            event[rows[place]] = number
    return event


def average_precision(score: F64, positive: Bools) -> float:
    """Return precision averaged over the positive entries, each at its own score.

    >>> average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True]))
    0.8333333333333333
    """
    falling = np.sort(-score[positive])
    rest = np.sort(-score[~positive])
    true = np.searchsorted(falling, falling, side="right")
    false = np.searchsorted(rest, falling, side="right")
    return float((true / (true + false)).mean())


def of_events(score: F64, event: I64) -> tuple[F64, Bools]:
    """Return one score an event, its best, and those of all other trades; and which are events."""
    best = np.full(int(event.max()) + 1, -np.inf)
    np.maximum.at(best, event[event != NO_EVENT], score[event != NO_EVENT])
    rest = score[event == NO_EVENT]
    return np.concatenate([best, rest]), np.arange(len(best) + len(rest)) < len(best)


def baselines(day: Day) -> dict[str, F64]:
    """Return the scores that ten lines give: both are changes in parts of the price."""
    moved, apart = np.zeros(len(day.trades)), np.zeros(len(day.trades))
    for rows in rows_by_symbol(day):
        price = day.trades.price_nanos[rows]
        moved[rows] = changes(price)
        if len(rows) > NINE:
            before = np.median(np.lib.stride_tricks.sliding_window_view(price, NINE)[:-1], axis=1)
            apart[rows[NINE:]] = np.abs(price[NINE:] - before) / before
    return {"|return|": moved, "median of nine": apart}


def of_calibrated(day: Day, parameters: Parameters) -> tuple[dict[str, F64], dict[str, Bools]]:
    """Return the scores of the calibrated profile, and what it flags."""
    judge = Judge(parameters, MAX_SYMBOLS, Counts())
    detector = judge.detector
    assert isinstance(detector, CalibratedDetector)  # noqa: S101 - for mypy
    n, done = len(day.trades), 0
    severity, priority, flags = np.zeros(n), np.zeros(n), np.zeros(n, np.bool_)
    families, of_price = np.zeros((n, len(FAMILIES))), np.zeros(n, np.bool_)
    for trades, verdicts in judged_columns(judge, day, np.arange(n)):
        part = slice(done, done + len(trades))
        severity[part], priority[part] = verdicts.score, verdicts.priority
        families[part] = detector.last_families
        flags[verdicts.flagged + done] = True
        of_price[verdicts.flagged[verdicts.evidence["family"] == 0] + done] = True
        done += len(trades)
    scores = {"severity": severity}
    scores |= {f"severity of {one}": families[:, nth] for nth, one in enumerate(FAMILIES)}
    return scores | {"priority": priority}, {"flags": flags, "flags of price": of_price}


def of_model(day: Day, model: Path) -> tuple[F64, Bools]:
    """Return the severity that a model gives, and what it flags; every trade is scored."""
    judge = Judge(Parameters(profile="supervised", model=str(model)), MAX_SYMBOLS, Counts())
    found = [one for _, one in judged_columns(judge, day, np.arange(len(day.trades)))]
    scores = [one.score for one in found if one.score is not None]
    return np.concatenate(scores), np.concatenate([one.rules for one in found]) != 0


def figures(labelled: Labelled, score: F64) -> dict[str, float]:
    """Return what a ranking is worth."""
    found: dict[str, float] = {}
    score = score[labelled.quoted]
    top = np.argsort(-score, kind="stable")[: round(TOP_PER_10K * len(score) / 10_000)]
    for least, every in labelled.events.items():
        event = every[labelled.quoted]
        found[f"ap_{least}bp"] = average_precision(score, event != NO_EVENT)
        found[f"event_ap_{least}bp"] = average_precision(*of_events(score, event))
        found[f"top_events_{least}bp"] = len(set(event[top].tolist()) - {NO_EVENT})
    found["top_outside"] = float(labelled.outside[labelled.quoted][top].mean())
    by_symbol = labelled.day.trades.symbol[labelled.quoted]
    least = LABELS_BP[0]
    event = labelled.events[least][labelled.quoted]
    found[f"ap_{least}bp_by_symbol"] = float(
        np.mean(
            [
                average_precision(score[by_symbol == one], event[by_symbol == one] != NO_EVENT)
                for one in np.unique(by_symbol[event != NO_EVENT]).tolist()
            ]
        )
    )
    return found


def of_flags(labelled: Labelled, flagged: Bools) -> dict[str, float]:
    """Return what live flags find: alarms are blocks of 30 trades of a symbol with a flag."""
    found: dict[str, float] = {}
    flagged = flagged & labelled.quoted
    for least, event in labelled.events.items():
        found[f"events_{least}bp"] = len(set(event[flagged].tolist()) - {NO_EVENT})
        found[f"of_{least}bp"] = int(event.max()) + 1
    alarms = 0
    for rows in rows_by_symbol(labelled.day):
        alarms += len(np.unique(np.flatnonzero(flagged[rows]) // 30))
    found["outside"] = float(labelled.outside[flagged].mean()) if flagged.any() else 0.0
    found["alarms_per_10k"] = 10_000 * alarms / int(labelled.quoted.sum())
    return found


def measured(folder: Path, model: Path | None = None) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield rankings and flags with their figures."""
    labelled = labelled_day(folder)
    scores, flags = of_calibrated(labelled.day, Parameters(profile="calibrated"))
    if model is not None:
        scores["model"], flags["flags of the model"] = of_model(labelled.day, model)
        scores["the larger of priority and model"] = np.maximum(scores["priority"], scores["model"])
    for name, score in (baselines(labelled.day) | scores).items():
        yield name, figures(labelled, score)
    for name, flagged in flags.items():
        yield name, of_flags(labelled, flagged)


def main() -> int:
    """Print the tables, or the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = dict(measured(options.folder, options.model))
    if options.json:
        print(json.dumps(found))
        return 0
    for kind in ("ap_10bp", "outside"):
        rows = {name: one for name, one in found.items() if kind in one}
        head = ("", *next(iter(rows.values())))
        print(markdown(head, [[n, *(f"{x:.3g}" for x in one.values())] for n, one in rows.items()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
