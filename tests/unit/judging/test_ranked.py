"""A ranking only says more of what is flagged: nothing else of a run is another."""

import json
import re

import pytest

from tape.detection.parameters import Parameters
from tape.detection.ranking import Ranking
from tape.judging.judge import Judge
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.counts import Counts
from tests.rankings import ranking, weight
from tests.unit.judging.test_golden import CUT, Before, judged, resumed, tape

PROPERTIES = ("distance", "jump", "ten trades", "size", "stuck", "burst")
RULES = ("High Volume", "Rapid Price Change", "Isolation Forest")
EVERY_KIND = frozenset((what, side) for what in (*PROPERTIES, *RULES) for side in "ABN")
LEARNT = ranking(
    weight("stuck", -1.0),
    weight("severity", 0.7),
    weight("forest", 0.9),
    bias=-2.0,
    suppress_below=6.5,
    suppress_kinds=EVERY_KIND,
    suppress_up_to_priority=14.0,
)
PROFILES = ("classic", "calibrated", "classic,calibrated")
SETTINGS = re.compile(rb'"settings":"[0-9a-f]+"')
RANKED = re.compile(rb',"rank":[0-9.]+,"suppressed":(true|false)\}$')


def parameters(profile: str, learnt: Ranking | None = LEARNT) -> Parameters:
    return Parameters(profile=profile, alerts_per_10k=50.0, ranking=learnt)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_ranking_flags_nothing_and_drops_nothing(profile: str) -> None:
    """Without what it adds, and the hash of the settings, all is byte for byte the same."""
    counts = Counts()
    without = judged(Judge(parameters(profile, None), 10, Counts()), tape())
    ranked = judged(Judge(parameters(profile), 10, counts), tape())
    bare = [SETTINGS.sub(b"", RANKED.sub(b"}", value)) for value in ranked]
    assert bare == [SETTINGS.sub(b"", value) for value in without]
    marks = [json.loads(value)["suppressed"] for value in ranked if RANKED.search(value)]
    flagged = [value for value in without if b'"anomalies":' in value]
    assert len(marks) == len(flagged) > 20
    assert 0 < sum(marks) < len(marks)
    assert counts.suppressed == sum(marks)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_run_continues_with_another_ranking(profile: str) -> None:
    """No state knows of it: what a run without one kept is taken up, and judged alike."""
    rows = tape()
    first = Judge(parameters(profile, None), 10, Counts())
    judged(first, rows[:CUT])
    kept = dict(first.changed())
    whole = Judge(parameters(profile), 10, Counts())
    judged(whole, rows[:CUT])
    assert dict(whole.changed()) == kept
    expected = judged(whole, rows[CUT:])
    second = resumed(parameters(profile), kept)
    assert judged(second, rows[CUT:], Before(kept)) == expected
    assert any(RANKED.search(value) for value in expected)


def test_a_trade_cannot_bring_its_own_mark() -> None:
    """Fields of these names that a stranger gave a trade say nothing about it."""
    rows = [
        (key, value[:-1] + b',"rank":1.0,"suppressed":true}') if key == b"NVDA" else (key, value)
        for key, value in tape()
    ]
    told = judged(Judge(parameters("classic", None), 10, Counts()), rows)
    found = [decode_anomaly(value) for value in told if b'"suppressed":true' in value]
    assert found
    for one in found:
        assert isinstance(one, Anomaly)
        assert (one.rank, one.suppressed) == (None, False)
