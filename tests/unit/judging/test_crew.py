"""Several processes say of a tape what one says, in the same order, or why they cannot."""

import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tape.archives import find_archives
from tape.detection.parameters import Parameters
from tape.errors import TapeError
from tape.judging.crew import Crew, OneJudgeNeededError
from tape.judging.crew_member import Work
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay
from tape.model.counts import Counts
from tape.synthetic import inject, make_day, write_day

NAMES = ["AAA", "BBB", "CCC", "DDD", "EEE"]
TRADES = 6_000
PARAMETERS = Parameters(
    **{"window": 40, "stride": 2, "history": 60, "refit_every": 100, "trees": 5},  # type: ignore[arg-type]
    volume_threshold=3_000,
)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    write_day(inject(make_day(3, NAMES, TRADES), seed=3, anomalies=28), folder)
    return folder


def replay(day: Path, counts: Counts, most: int = 10, part: Part | None = None) -> Replay:
    judge = Judge(PARAMETERS, most, counts)
    return Replay(find_archives([day]).archives, judge, part or Part(), as_numbers=True)


def told(run: Replay, counts: Counts) -> Any:
    """All that comes of a run."""
    shown = list(run.batches())
    flagged = [value for one in shown for value in one.flagged]
    steps = [(s.value, s.state, s.mark, s.position) for one in shown for s in one.episodes]
    books = (run.rows, run.trades, run.messages, run.episodes, run.outcome.as_json())
    counted = asdict(counts) | {"refits": counts.refits.count}  # these are timed
    return flagged, steps, books, counted, run.judge.symbols.names


def told_by(jobs: int, day: Path, **how: Any) -> Any:
    counts = Counts()
    run = replay(day, counts, **how)
    if jobs == 1:
        return told(run, counts)
    with Crew(jobs, Work(PARAMETERS, how.get("most", 10), tells_steps=True), counts) as crew:
        run.crew = crew
        return told(run, counts)


@pytest.mark.parametrize("jobs", [2, 7])
def test_any_number_of_processes_says_what_one_says(jobs: int, day: Path) -> None:
    """With more processes than symbols, too."""
    one = told_by(1, day)
    assert len(one[0]) > 100
    assert len(one[1]) > 100
    assert told_by(jobs, day) == one


def test_a_part_of_the_tape_is_the_same_too(day: Path) -> None:
    times = [s.ts_event_ns for shown in replay(day, Counts()).batches() for s in shown.episodes]
    between = Part(from_ns=times[len(times) // 3], to_ns=times[-5])
    few = Part(limit=1_000)
    for part in (between, few):
        one, two = (told_by(jobs, day, part=part) for jobs in (1, 2))
        assert one[0]
        assert two == one


def test_who_loses_a_place_is_for_one_judge_to_say(day: Path) -> None:
    with pytest.raises(OneJudgeNeededError):
        told_by(2, day, most=4)
    assert told_by(2, day, most=5) == told_by(1, day, most=5)


def test_a_process_that_is_killed_is_named_with_what_to_do(day: Path) -> None:
    counts = Counts()
    run = replay(day, counts)
    with Crew(2, Work(PARAMETERS, 10, tells_steps=False), counts) as crew:
        run.crew = crew
        pid = crew._members[1].process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(TapeError, match=r"was killed by signal 9.*--jobs 1"):
            told(run, counts)


def test_an_error_of_a_process_is_the_callers(day: Path) -> None:
    counts = Counts()
    run = replay(day, counts)
    wrong = Parameters(profile="supervised", model="/nowhere.json")
    with Crew(2, Work(wrong, 10, tells_steps=False), counts) as crew:
        run.crew = crew
        with pytest.raises(TapeError, match="nowhere"):
            told(run, counts)


def test_no_process_outlives_its_crew(day: Path) -> None:
    with Crew(3, Work(PARAMETERS, 10, tells_steps=False), Counts()) as crew:
        members = [member.process for member in crew._members]
        assert all(one.is_alive() for one in members)
    assert not any(one.is_alive() for one in members)
