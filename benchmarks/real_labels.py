"""Holds rankings of trades against real misprints: prints outside the best bid and offer.

Run: python -m benchmarks.real_labels [FOLDER] [--model models/NAME], with the labelled day that
`../shared/data/README.md` describes, and a model of `tape train` beside it if there is one. The day
is judged from a cold start: no other day of these symbols is at hand. `make evaluate` has the
profiles on the same day; here are the parts of `calibrated`.

Events and areas are those of `tape evaluate`. Only trades with a quote are judged.
"""

import argparse
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
from tape.desk.day import Day, read_day
from tape.desk.evaluate.baselines import NINE, RETURN, distances
from tape.desk.evaluate.curves import average_precision, curve, event_curve
from tape.desk.evaluate.evaluate import Task
from tape.desk.evaluate.labels import read_labels
from tape.desk.evaluate.matching import Event, match
from tape.desk.evaluate.metrics import Held, held_against
from tape.desk.evaluate.tables import markdown
from tape.desk.flag_families import FAMILIES
from tape.desk.past_days import judged_columns
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.classic.scores import changes
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts

Bools = npt.NDArray[np.bool_]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

FOLDER: Final = Path(__file__).resolve().parents[2] / "shared/data/nbbo"
LABELS_BP: Final = (10, 20)
TOP_PER_10K: Final = 1.5
MAX_SYMBOLS: Final = 100


@dataclass(frozen=True, slots=True)
class Labelled:
    """A day with quotes.

    Attributes:
        quoted: whether a trade has a quote to be held against.
        outside: whether it printed outside its quote, however little.
        events: by the least excess in bp.
    """

    day: Day
    quoted: Bools
    outside: Bools
    events: dict[int, list[Event]]

    def labelled(self, least_bp: int) -> Bools:
        """Return per trade whether it printed at least this far outside."""
        found = np.zeros(len(self.day.trades), np.bool_)
        for event in self.events[least_bp]:
            found[event.rows] = True
        return found

    def task(self, least_bp: int) -> Task:
        """Return the day as `tape evaluate` judges it."""
        return Task(self.day, self.events[least_bp], [], self.quoted)


def labelled_day(folder: Path) -> Labelled:
    """Return the day of a folder with its quotes and labels."""
    trades = next(folder.glob("*.trades.csv.zst"))
    day = read_day(find_archives(trades).archives[0], MAX_SYMBOLS)
    bid, ask = quotes_of(folder)
    quoted = ask > 0
    price = day.trades.price_nanos
    outside = quoted & ((price < bid) | (price > ask))
    events = {
        least: match(read_labels(folder / f"labels-{least}bp.csv"), [day])[0] for least in LABELS_BP
    }
    return Labelled(day, quoted, outside, events)


def quotes_of(folder: Path) -> tuple[I64, I64]:
    """Return best bid and best offer at each trade of the file, in 1e-9 dollars; 0 for none."""
    quotes = next(folder.glob("*.quotes.csv.zst"))
    pieces = [piece for piece in decompressed(quotes) if isinstance(piece, bytes)]
    rows = [line.split(b",") for line in b"".join(pieces).splitlines()]
    sides = np.array([[int(row[2]), int(row[3])] for row in rows], np.int64) * 100_000
    return sides[:, 0], sides[:, 1]


def baselines(day: Day) -> dict[str, F64]:
    """Return the scores that ten lines give: both are changes in parts of the price."""
    moved, apart = np.zeros(len(day.trades)), np.zeros(len(day.trades))
    for symbol in range(len(day.symbols)):
        rows = np.flatnonzero(day.trades.symbol == symbol)
        moved[rows] = changes(day.trades.price_nanos[rows])
        apart[rows] = distances(day.trades.price_nanos[rows])
    return {RETURN: moved, NINE: apart}


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
    rows = np.flatnonzero(labelled.quoted)
    top = rows[np.argsort(-score[rows], kind="stable")][: round(TOP_PER_10K * len(rows) / 10_000)]
    for least, events in labelled.events.items():
        held = _held(labelled, events, np.isin(np.arange(len(score)), top), score)
        found[f"ap_{least}bp"] = average_precision(curve(held))
        found[f"event_ap_{least}bp"] = average_precision(event_curve(held))
        found[f"top_events_{least}bp"] = int((held.delay >= 0).sum())
    found["top_outside"] = float(labelled.outside[top].mean())
    return found


def of_flags(labelled: Labelled, flagged: Bools) -> dict[str, float]:
    """Return what live flags find: alarms are blocks of 30 trades of a symbol with a flag."""
    found: dict[str, float] = {}
    for least, events in labelled.events.items():
        held = _held(labelled, events, flagged, flagged.astype(np.float64))
        found[f"events_{least}bp"] = int((held.delay >= 0).sum())
        found[f"of_{least}bp"] = len(events)
    judged = flagged & labelled.quoted
    found["outside"] = float(labelled.outside[judged].mean()) if judged.any() else 0.0
    alarms = int(held.true_alarms.sum()) + held.false_alarms
    found["alarms_per_10k"] = 10_000 * alarms / int(labelled.quoted.sum())
    return found


def _held(labelled: Labelled, events: list[Event], flagged: Bools, score: F64) -> Held:
    events = [one for one in events if labelled.quoted[one.rows].any()]
    return held_against(events, labelled.day.trades.symbol, labelled.quoted, flagged, score)


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
    if not options.folder.is_dir():
        print(f"no labelled day in {options.folder}; name the folder that has it", file=sys.stderr)
        return 2
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
