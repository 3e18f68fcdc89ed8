"""Runs the comparison of profiles, keeps its figures, and writes them into the pages.

Synthetic days are always judged; real ones where `../shared/data`, or the folder given, has them.
Without them the figures of the last run stay.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import budgets, calibrated, evaluation_page, gallery, real_labels
from benchmarks.evaluation_page import BUDGETS, RANKINGS, REAL, SPEED, TITLES
from benchmarks.kinds import draw_kinds
from benchmarks.likeness import draw_likeness
from tape.archives import find_archives
from tape.archives.discovery import Archive
from tape.desk.day import Day
from tape.desk.evaluate.baselines import BASELINES
from tape.desk.evaluate.evaluate import (
    Result,
    Task,
    evaluate,
    evaluate_baseline,
    result_of,
    tasks,
)
from tape.desk.evaluate.labelled_days import injected, made_up_days
from tape.desk.evaluate.labels import read_labels
from tape.desk.past_days import PROFILES, profile_names
from tape.desk.plots.close_up import CloseUp
from tape.desk.plots.curves import Drawn, drawn, save_curves
from tape.desk.tune.thresholds import learnt_parameters
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tape.model.fields import iso_time
from tape.process.whole_file import OutputFile

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs/pictures"
KEPT = ROOT / "benchmarks/evaluation.json"
SEED, ANOMALIES, DRAWS, MAX_SYMBOLS = 1, 84, 1_000, 50_000
OF_A_DAY = ("pr_auc", "event_pr_auc", "recall", "alarms_per_10k", "calibrated_on")
"""What is kept of each single day."""
COMPARED = ("classic", "classic-tuned", "calibrated")
"""The literal form of the classic rules is there for checks: it takes longest and says no more."""
RUNS = [name for name in TITLES if name not in [*REAL][1:]]
"""What is run; both distances of the real labels are one run."""
LEARNT: dict[tuple[str, ...], Parameters] = {}


def learn(days: Sequence[Day], parameters: Parameters) -> Parameters:
    """Return the parameters with thresholds tuned on days, found once for the same ones."""
    key = tuple(day.archive.sha256 for day in days)
    if key not in LEARNT:
        LEARNT[key] = learnt_parameters(days, parameters, MAX_SYMBOLS)
    return replace(parameters, overrides=LEARNT[key].overrides)


def real_days(data: Path) -> dict[str, tuple[list[Archive], list[Archive]]]:
    """Return what is to be judged and calibrated on, by name, of the real days at hand."""
    nvda = find_archives(data / "databento").archives if (data / "databento").is_dir() else []
    other = find_archives(data / "lean").archives if (data / "lean").is_dir() else []
    found = {"nvda": (nvda, nvda), "four-symbols": (other, nvda)}
    return {name: days for name, days in found.items() if all(days)}


@contextmanager
def work_on(name: str, data: Path) -> Iterator[list[Task]]:
    """Give the tasks of a comparison, their files in a folder that goes away."""
    if name in REAL:
        yield [real_labels.labelled_day(data / "nbbo").task(REAL[name])]
        return
    with tempfile.TemporaryDirectory(prefix="tape-evaluate-") as path:
        folder = Path(path)
        days = made_up_days(folder, SEED) if name == "synthetic" else real_days(data)[name][0]
        past = days if name == "synthetic" else real_days(data)[name][1]
        copies, files, _ = injected(days, folder, seed=SEED, anomalies=ANOMALIES)
        labels = [line for file in files for line in read_labels(file)]
        yield tasks(copies, labels, past, MAX_SYMBOLS)[0]


def compared(
    name: str, data: Path, profiles: list[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield comparison, profile or baseline, and what is kept of it.

    The real labels of one day, at several distances, are held against the same verdicts.
    """
    with work_on(name, data) as work:
        result = None
        for one in (*profiles, *BASELINES):
            print(f"{name}: {one} …", flush=True)
            if one in BASELINES:
                assert result is not None  # noqa: S101 - there is at least one profile
                counted = [verdict.counted for verdict in result.verdicts]
                found = evaluate_baseline(
                    work, one, Parameters(), counted, learn=learn, draws=DRAWS, seed=SEED
                )
            else:
                found = result = evaluate(
                    work, one, Parameters(), MAX_SYMBOLS, learn=learn, draws=DRAWS, seed=SEED
                )
            if name not in REAL:
                yield name, one, kept_of(found)
                continue
            for other, least_bp in REAL.items():
                labelled = real_labels.labelled_day(data / "nbbo")
                task = labelled.task(least_bp)
                held = result_of([task], found.verdicts, draws=DRAWS, seed=SEED)
                flagged = found.verdicts[0].flagged & labelled.quoted
                share = float(labelled.outside[flagged].mean()) if flagged.any() else 0.0
                yield other, one, kept_of(held) | {"outside": round(share, 4)}


def kept_of(result: Result) -> dict[str, Any]:
    """Return the figures of a profile that are kept, and its curve."""
    days = {
        name: {key: day[key] for key in OF_A_DAY} for name, day in result.figures["days"].items()
    }
    return result.figures | {"days": days, "curve": asdict(drawn(result))}


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


def run(name: str, data: Path, profiles: list[str], kept: dict[str, Any]) -> None:
    """Run one comparison and what belongs to it; its figures replace those in `kept`."""
    for comparison, one, figures in compared(name, data, profiles):
        kept.setdefault(comparison, {})[one] = figures
    for comparison in REAL if name in REAL else (name,):
        found = kept[comparison]
        kept[comparison] = {one: found[one] for one in (*PROFILES, *BASELINES) if one in found}
    if name not in REAL:
        curves = {one: Drawn(**figures["curve"]) for one, figures in kept[name].items()}
        save_curves(OutputFile(PICTURES / f"evaluation-{name}.png", force=True), curves)
    if "calibrated" not in profiles:
        return  # what follows is about it
    if name == "nvda":
        days = real_days(data)[name][0]
        kept[BUDGETS] = budgets.held(days, MAX_SYMBOLS)
        draw_likeness(PICTURES / "likeness.png", days)
    if name == "synthetic":
        kept[SPEED] = calibrated.of_synthetic_day()
        draw_example(PICTURES / "anomaly.png")
        draw_kinds(PICTURES / "kinds.png", seed=SEED, anomalies=ANOMALIES, max_symbols=MAX_SYMBOLS)
    if name == next(iter(REAL)):
        kept[RANKINGS] = dict(real_labels.measured(data / "nbbo"))
        gallery.draw(PICTURES / "misprints.png", data / "nbbo")
        gallery.draw_day(PICTURES / "day.png", data / "nbbo")


def at_hand(name: str, data: Path) -> bool:
    """Return whether the days of a comparison are there."""
    if name in REAL:
        return (data / "nbbo").is_dir()
    return name == "synthetic" or name in real_days(data)


def _lines(kept: dict[str, Any]) -> str:
    """Return JSON of one line per profile, so that a difference can be read."""
    parts = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f" {json.dumps(profile)}: {json.dumps(one)}" for profile, one in own.items())
        + "\n}"
        for name, own in kept.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(words: Sequence[str] | None = None) -> int:
    """Run what can be run, and replace what stands between the marks of the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--profiles", default=",".join(COMPARED), help="the others' figures stay")
    parser.add_argument("--only", choices=RUNS, nargs="*", default=RUNS)
    options = parser.parse_args(words)
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    for name in options.only:
        if not at_hand(name, options.data):
            print(f"{name}: no such days in {options.data}; the last figures stay")
            continue
        run(name, options.data, profile_names(options.profiles), kept)
        KEPT.write_text(_lines(kept))
    for path in evaluation_page.write(kept):
        print(f"written: {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
