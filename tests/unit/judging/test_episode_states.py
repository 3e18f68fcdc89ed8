"""Of a batch's states of an episode the last one is written, and readers can rely on the rest."""

import random

from tape.detection.parameters import Parameters
from tape.judging.episodes import EpisodeStep, last_of_each
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tests.episode_states import missing_or_wrong
from tests.unit.judging.test_golden import tape

PARAMETERS = Parameters(
    window=40, stride=2, history=60, refit_every=100, trees=5, episode_gap_s=120.0
)


def by_episode(steps: list[EpisodeStep]) -> dict[str, list[bytes]]:
    lanes: dict[str, list[bytes]] = {}
    for step in steps:
        lanes.setdefault(step.episode_id, []).append(step.value)
    return lanes


def written(dice: random.Random) -> tuple[list[EpisodeStep], list[EpisodeStep], Counts]:
    """All steps, what is written of them with batches of any length, and what was counted."""
    rows = tape()
    keys, values = [key for key, _ in rows], [value for _, value in rows]
    counts = Counts()
    judge, at = Judge(PARAMETERS, 10, counts), 0
    every: list[EpisodeStep] = []
    told: list[EpisodeStep] = []
    while at < len(rows):
        end = at + dice.choice([1, 7, 100, 400])
        found = judge.judge(keys[at:end], values[at:end]).episodes
        every += found
        told += last_of_each(found)
        at = end
    return every, told, counts


def test_of_a_batch_the_last_state_of_each_episode_is_written() -> None:
    every, told, counts = written(random.Random(1))
    assert len(told) < len(every)
    assert not missing_or_wrong(by_episode(told), by_episode(every))
    assert sum(counts.episodes.values()) == len(every), (
        "what is not written is counted all the same"
    )


def test_wherever_batches_end_the_newest_states_are_the_same() -> None:
    runs = [by_episode(written(random.Random(seed))[1]) for seed in range(3)]
    newest = [{name: states[-1] for name, states in run.items()} for run in runs]
    assert newest[0] == newest[1] == newest[2]
    assert runs[0] != runs[1]


def test_the_rules_of_states_are_not_met_by_everything() -> None:
    every = {"A": [1, 2, 3, 4], "B": [1]}
    assert missing_or_wrong({"A": [2, 4], "B": [1]}, every) == []
    assert missing_or_wrong({"A": [2, 3], "B": [1]}, every) == ["A"], "the newest is missing"
    assert missing_or_wrong({"A": [2, 2, 4], "B": [1]}, every) == ["A"], "twice"
    assert missing_or_wrong({"A": [3, 2, 4], "B": [1]}, every) == ["A"], "in another order"
    assert missing_or_wrong({"A": [9, 4], "B": [1]}, every) == ["A"], "of another content"
    assert missing_or_wrong({"A": [4]}, every) == ["B"]
    assert missing_or_wrong({"A": [4], "B": [1], "C": [1]}, every) == ["C"]
