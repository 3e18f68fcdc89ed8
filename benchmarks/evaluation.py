"""Writes the comparison of profiles in `docs/detection.md`: runs it, keeps it, draws it.

Synthetic days are always judged; real ones where `../shared/data`, or the folder given, has them.
Without them the figures of the last run stay.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import budgets
from benchmarks.kinds import draw_kinds
from benchmarks.likeness import draw_likeness
from tape.archives import find_archives
from tape.archives.discovery import Archive
from tape.desk.evaluate.evaluate import Result, Task, evaluate, injected, made_up_days, tasks
from tape.desk.evaluate.labels import read_labels
from tape.desk.evaluate.tables import day_rows, markdown, markdown_tables
from tape.desk.past_days import PROFILES, profile_names
from tape.desk.plots.anomaly import CloseUp
from tape.desk.plots.curves import Drawn, drawn, save_curves
from tape.desk.tune.thresholds import learnt_parameters
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tape.model.fields import iso_time
from tape.process.whole_file import OutputFile

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/detection.md"
PICTURES = ROOT / "docs/pictures"
KEPT = ROOT / "benchmarks/evaluation.json"
START, END = "<!-- evaluation -->", "<!-- end of evaluation -->"
BUDGETS = "budgets"
SEED, ANOMALIES, DRAWS, MAX_SYMBOLS = 1, 84, 1_000, 50_000

TITLES = {
    "synthetic": "Three synthetic days of four symbols, 60,000 trades each",
    "nvda": "Four real days of NVDA (XNAS.ITCH, 2024-11-29 to 2025-07-03)",
    "four-symbols": "A real day of four symbols (consolidated tape, 2013-10-08), of which no other "
    "day is at hand: judged from a cold start",
}


def real_days(data: Path) -> dict[str, tuple[list[Archive], list[Archive]]]:
    """Return what is to be judged and calibrated on, by name, of the real days at hand."""
    nvda = find_archives(data / "databento").archives if (data / "databento").is_dir() else []
    other = find_archives(data / "lean").archives if (data / "lean").is_dir() else []
    found = {"nvda": (nvda, nvda), "four-symbols": (other, nvda)}
    return {name: days for name, days in found.items() if all(days)}


@contextmanager
def work_on(name: str, data: Path) -> Iterator[list[Task]]:
    """Give the tasks of a comparison, their files in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="tape-evaluate-") as path:
        folder = Path(path)
        days = made_up_days(folder, SEED) if name == "synthetic" else real_days(data)[name][0]
        past = days if name == "synthetic" else real_days(data)[name][1]
        copies, labels, _ = injected(days, folder, seed=SEED, anomalies=ANOMALIES)
        yield tasks(copies, labels, past, MAX_SYMBOLS)[0]


def compared(name: str, data: Path, profiles: list[str]) -> Iterator[tuple[str, Result]]:
    """Yield the result of each profile."""
    with work_on(name, data) as work:
        for profile in profiles:
            print(f"{name}: {profile} …", flush=True)
            yield (
                profile,
                evaluate(
                    work,
                    profile,
                    Parameters(),
                    MAX_SYMBOLS,
                    learn=partial(learnt_parameters, max_symbols=MAX_SYMBOLS),
                    draws=DRAWS,
                    seed=SEED,
                ),
            )


def draw_example(path: Path) -> None:
    """Draw the spike of the last synthetic day, put in and reverting, of which most is flagged."""
    with tempfile.TemporaryDirectory(prefix="tape-evaluate-") as name:
        folder = Path(name)
        days = made_up_days(folder, SEED)
        copies, labels, _ = injected(days, folder, seed=SEED, anomalies=ANOMALIES)
        judge = Judge(Parameters(profile="calibrated"), MAX_SYMBOLS, Counts())
        shown = list(Replay([*days[:-1], copies[-1]], judge).batches())
        spikes = [label for label in read_labels(labels[-1]) if label.kind == "spike that reverts"]
    flagged = [json.loads(value) for part in shown for value in part.flagged]
    found = [
        one
        for spike in spikes
        for one in flagged
        if one["symbol"] == spike.symbol
        and iso_time(spike.first_ts_event_ns) <= one["ts_event"] <= iso_time(spike.last_ts_event_ns)
    ]
    flags = Counter(one["episode_id"] for one in found)
    picture = CloseUp(flags.most_common(1)[0][0])  # an episode has the id of its first flag
    for part in shown:
        picture.add(part.values, part.flagged)
    picture.save(OutputFile(path, force=True))


def page(kept: dict[str, Any]) -> str:
    """Return what stands between the two marks."""
    parts = [
        "By `make evaluate`: 84 anomalies of seven kinds put into each day, settings from the "
        f"other days only, the budget of `calibrated` at {Parameters().alerts_per_10k:g} per "
        "10,000 trades, its default. Intervals of 95 % by a bootstrap over events; the median "
        "delay is in trades."
    ]
    for name, title in TITLES.items():
        if name not in kept:
            continue
        figures = kept[name]
        parts += [f"### {title}", markdown_tables(figures), markdown(*day_rows(figures))]
        if "calibrated" in figures:
            parts.append(of_severity(figures["calibrated"]))
        parts.append(
            f"![Precision over recall, one panel per profile](pictures/evaluation-{name}.png)"
        )
    if BUDGETS in kept:
        parts += [
            "### Budget and severity out of sample",
            "Real NVDA days as they are, after one other day was judged; an alert is a flagged "
            "trade and the 29 trades behind it.",
            budgets.table(kept[BUDGETS]),
        ]
    return "\n\n".join(parts)


def of_severity(one: dict[str, Any]) -> str:
    """Return how true the calibrated profile's severities are, and what it does to auctions."""
    seen = one["ordinary_per_10k_at_severity"]
    told = ", ".join(f"{severity}: {share:.2g}" for severity, share in seen.items())
    return (
        "`calibrated`, ordinary trades per 10,000 at or above a severity (10, 1 and 0.1 would be "
        f"exact; real days have oddities of their own): {told}. "
        f"Auction prints flagged: {one['auction_prints_flagged']} of {one['auction_prints']}."
    )


def _lines(kept: dict[str, Any]) -> str:
    """Return JSON of a line a profile, so that a difference can be read."""
    parts = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f" {json.dumps(profile)}: {json.dumps(one)}" for profile, one in own.items())
        + "\n}"
        for name, own in kept.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Run what can be run, and replace what stands between the two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--profiles", default=",".join(PROFILES), help="the others' figures stay")
    parser.add_argument("--only", choices=list(TITLES), nargs="*", default=list(TITLES))
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    for name in options.only:
        if name != "synthetic" and name not in real_days(options.data):
            print(f"{name}: no such days in {options.data}; the last figures stay")
            continue
        found = dict(kept.get(name, {}))
        for profile, result in compared(name, options.data, profile_names(options.profiles)):
            found[profile] = result.figures | {"curve": asdict(drawn(result))}
        kept[name] = {profile: found[profile] for profile in PROFILES if profile in found}
        curves = {profile: Drawn(**one["curve"]) for profile, one in kept[name].items()}
        save_curves(OutputFile(PICTURES / f"evaluation-{name}.png", force=True), curves)
        if name == "nvda":
            days = real_days(options.data)[name][0]
            kept[BUDGETS] = budgets.held(days, MAX_SYMBOLS)
            draw_likeness(PICTURES / "likeness.png", days)
        KEPT.write_text(_lines(kept))
    if "synthetic" in options.only:
        draw_example(PICTURES / "anomaly.png")
        draw_kinds(PICTURES / "kinds.png", seed=SEED, anomalies=ANOMALIES, max_symbols=MAX_SYMBOLS)
    text = re.sub(
        f"{START}.*?{END}",
        lambda _: f"{START}\n{page(kept)}\n{END}",
        PAGE.read_text(),
        flags=re.DOTALL,
    )
    PAGE.write_text(text)
    print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
