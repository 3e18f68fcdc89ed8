"""Holds the rule of `usable` against misprints, spikes and moves that were put into days.

Run: python -m benchmarks.clean_tape [--data FOLDER]. Synthetic days are always judged, real ones
where `../shared/data`, or the folder given, has them. The figures are written into
docs/clean-tape.md between their marks; without the real days those of the last run stay.

The days of a set are one tape in the order of time, so each later day knows those before it. A
trade that is not labelled is ordinary, real oddities of the real days included.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks import real_labels
from tape.archives import find_archives
from tape.desk.clean_tape.episode_book import NO_EPISODE, EpisodeBook
from tape.desk.clean_tape.scored import Rows, Scoring
from tape.desk.clean_tape.usable import usable
from tape.desk.evaluate.tables import markdown
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.market.trading_days import next_trading_day
from tape.model.counts import Counts
from tape.model.episode import BAD_PRINT, MARKS
from tape.model.fields import NANOS
from tape.synthetic import inject, load_day, make_day, write_day
from tape.synthetic.day import SyntheticDay

Bools = npt.NDArray[np.bool_]
Figures = dict[str, dict[str, Any]]

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = ROOT.parent / "shared/data"
PAGE: Final = ROOT / "docs/clean-tape.md"
KEPT: Final = ROOT / "benchmarks/clean_tape.json"
KINDS: Final = ("fat finger", "small misprint", "spike that reverts", "gap", "volume spike")
PER_DAY: Final = 40
SEEDS: Final = (11, 12, 13)
TRADES: Final = 60_000
FIRST_DAY: Final = date(2025, 3, 3)
MAX_SYMBOLS: Final = 100
OUTSIDE_BP: Final = 10
ORDINARY: Final = "ordinary"
TITLES: Final = {
    "synthetic": "three synthetic days",
    "nvda": "four real NVDA days",
    "quoted": "2013-10-08",
}
HALF: Final = 2.0
SPIKE: Final = "spike"


def of_price(rows: Rows, book: EpisodeBook) -> Bools:
    """Return which trades are flagged for their price."""
    found: Bools = rows["of_price"] & (rows["episode"] != NO_EPISODE)
    return found


def marked(rows: Rows, book: EpisodeBook, *marks: str) -> Bools:
    """Return which trades belong to an episode with one of these marks."""
    places = [MARKS.index(mark) for mark in marks]
    every = np.append(book.marks, NO_EPISODE)
    return np.isin(every[rows["episode"]], places)


def is_far(rows: Rows, book: EpisodeBook) -> Bools:
    """Return which trades lie at least half of the way to their episode's farthest price."""
    before, extreme = (
        np.append(one, np.nan)[rows["episode"]] for one in (book.before, book.extreme)
    )
    price = rows["price_nanos"] / NANOS
    found: Bools = HALF * np.abs(price - before) >= np.abs(extreme - before)
    return found


RULES: Final[dict[str, Callable[[Rows, EpisodeBook], Bools]]] = {
    "as it is": lambda rows, book: ~usable(rows, book),
    "its near side, too": lambda rows, book: of_price(rows, book) & marked(rows, book, BAD_PRINT),
    "spikes, too": lambda rows, book: (
        of_price(rows, book) & is_far(rows, book) & marked(rows, book, BAD_PRINT, SPIKE)
    ),
    "any mark, far side": lambda rows, book: of_price(rows, book) & is_far(rows, book),
    "each flagged price": of_price,
}
"""What a rule drops."""


def synthetic_days() -> Iterator[SyntheticDay]:
    """Yield days of four symbols without anomalies."""
    day = FIRST_DAY
    for seed in SEEDS:
        yield make_day(seed, trades=TRADES, day=day, anomalies=0)
        day = next_trading_day(day)


def real_days(data: Path) -> Iterator[SyntheticDay]:
    """Yield the real NVDA days, in the order of time."""
    for archive in sorted(
        find_archives(data / "databento").archives, key=lambda one: one.day or ""
    ):
        yield load_day(archive)[0]


def scored(paths: list[Path]) -> tuple[Rows, EpisodeBook]:
    """Return the rows of files, judged as one tape, and their episodes."""
    judge = Judge(Parameters(profile="calibrated"), MAX_SYMBOLS, Counts(), tells_each=True)
    scoring = Scoring(Replay(find_archives(paths).archives, judge))
    rows = np.concatenate(list(scoring.rows()))
    return rows, scoring.book


def dropped_of_injected(days: Iterator[SyntheticDay]) -> dict[str, Any]:
    """Return how many trades of each kind there are, and how many each rule drops."""
    with tempfile.TemporaryDirectory(prefix="tape-clean-") as name:
        paths, kinds = [], []
        for nth, day in enumerate(days):
            done = inject(day, seed=nth + 1, anomalies=PER_DAY, kinds=KINDS)
            kind = np.full(len(done.symbol), ORDINARY, object)
            for label in done.labels:
                own = np.arange(label.row, label.last_row + 1)
                kind[own[done.symbol[own] == done.symbol[label.row]]] = label.kind
            kinds.append(kind)
            paths.append(write_day(done, Path(name) / str(nth), f"day-{done.day:%Y%m%d}"))
        rows, book = scored(paths)
    kind = np.concatenate(kinds)
    assert len(kind) == len(rows)  # noqa: S101 - no trade was dropped as a duplicate
    found = {rule: drops(rows, book) for rule, drops in RULES.items()}
    return {
        "trades": len(rows),
        "kinds": {
            one: {"trades": int((kind == one).sum())}
            | {rule: int(dropped[kind == one].sum()) for rule, dropped in found.items()}
            for one in (*KINDS, ORDINARY)
        },
    }


def dropped_of_quoted(data: Path) -> dict[str, Any]:
    """Return what each rule drops on the labelled day, and where that was printed."""
    labelled = real_labels.labelled_day(data / "nbbo")
    rows, book = scored([next((data / "nbbo").glob("*.trades.csv.zst"))])
    far = labelled.labelled(OUTSIDE_BP)
    found = {rule: drops(rows, book) for rule, drops in RULES.items()}
    return {
        "trades": len(rows),
        "far": int(far.sum()),
        "rules": {
            rule: {
                "dropped": int(one.sum()),
                "quoted": int((one & labelled.quoted).sum()),
                "outside": int((one & labelled.outside).sum()),
                "far": int((one & far).sum()),
            }
            for rule, one in found.items()
        },
    }


def table(kept: Figures) -> str:
    """Return the figures as tables for the page."""
    parts = []
    for name in ("synthetic", "nvda"):
        if name not in kept:
            continue
        kinds = kept[name]["kinds"]
        head = (f"dropped on {TITLES[name]}", *(f"{k} ({v['trades']:,})" for k, v in kinds.items()))
        rows = [[rule, *(f"{kinds[k][rule]:,}" for k in kinds)] for rule in RULES]
        parts.append(markdown(head, rows))
    if "quoted" in kept:
        one = kept["quoted"]
        head = (
            f"dropped on {TITLES['quoted']}",
            "trades",
            "of them quoted",
            "outside their quote",
            f"beyond {OUTSIDE_BP} bp ({one['far']})",
        )
        rows = [
            [rule, *(f"{of[k]:,}" for k in ("dropped", "quoted", "outside", "far"))]
            for rule, of in one["rules"].items()
        ]
        parts.append(markdown(head, rows))
    return "\n\n".join(parts)


BLOCK: Final = re.compile(r"(<!-- figures: usable -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def filled(text: str, kept: Figures) -> str:
    """Return the page with the tables between their marks."""
    return BLOCK.sub(lambda found: f"{found[1]}{table(kept)}\n{found[2]}", text)


def main(words: list[str] | None = None) -> int:
    """Measure what can be measured here, keep it, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data: Path = parser.parse_args(words).data
    kept: Figures = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    kept["synthetic"] = dropped_of_injected(synthetic_days())
    if (data / "databento").is_dir():
        kept["nvda"] = dropped_of_injected(real_days(data))
    if (data / "nbbo").is_dir():
        kept["quoted"] = dropped_of_quoted(data)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(filled(PAGE.read_text(), kept))
    print(table(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
