"""What `tape evaluate` sees of a ranking: the order of flagged trades among themselves."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tape.archives import find_archives
from tape.desk.day import read_day
from tape.desk.past_days import judge_day
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.counts import Counts
from tape.synthetic import make_day, write_day
from tests.rankings import ranking, weight


@pytest.mark.parametrize("profile", ["classic", "classic,calibrated"])
def test_flagged_trades_are_ranked_as_their_messages_are(profile: str, tmp_path: Path) -> None:
    path = write_day(make_day(7, ["AAA"], 12_000), tmp_path)
    (archive,) = find_archives([path]).archives
    learnt = ranking(weight("notional", -1.0), weight("forest", 0.4), bias=9.0)
    without = Parameters(profile=profile)
    ranked = replace(without, ranking=learnt)
    day = read_day(archive, 10)
    before, after = (judge_day(day, [], one, 10) for one in (without, ranked))
    assert np.array_equal(before.flagged, after.flagged)
    assert np.array_equal(before.severity, after.severity)
    ordinary = ~before.flagged
    assert np.array_equal(before.score[ordinary], after.score[ordinary])
    flagged = after.score[after.flagged]
    assert sorted(flagged) == sorted(before.score[before.flagged])

    replay = Replay([archive], Judge(ranked, 10, Counts()))
    found = [decode_anomaly(value) for shown in replay.batches() for value in shown.flagged]
    ranks = [one.rank for one in found if isinstance(one, Anomaly)]
    assert len(ranks) == len(flagged) > 50
    by_score: dict[float, list[float]] = {}
    for score, rank in sorted(zip(flagged.tolist(), ranks, strict=True), reverse=True):
        by_score.setdefault(score, []).append(rank or 0.0)
    assert len(by_score) > 50
    assert all(min(one) >= max(other) for one, other in pairwise(by_score.values()))
    assert not np.array_equal(before.score, after.score)
