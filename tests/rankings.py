"""Rankings and alerts for tests, written by hand."""

import json
from pathlib import Path
from typing import Any

from tape.detection.ranking import Ranking, Weight
from tape.detection.ranking_file import (
    VERSION,
    HeldOut,
    Learnt,
    NumberWeight,
    RankingFile,
    Suppression,
    encode_ranking,
)
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.process.origin import RANKING_MADE_BY
from tests.flagged import flagged

DAY_NS = 86_400_000_000_000
PROPERTIES = (
    *("distance from local mean", "jump in one trade", "move in ten trades"),
    *("size", "stuck run", "signed volume in 10 ms"),
)


def message(number: int, *, day: int = 3, oddest: str = "size", **fields: Any) -> bytes:
    """Return a flagged trade of March 2025 as its message, its numbers as asked for."""
    name = f"NVDA-2-{number}-1"
    features = [
        {
            "name": one,
            "unit": "times",
            "value": 30.0 if one == oddest else 0.5,
            "median": 1.0,
            "one_in_10k": 10.0,
            "share": 0.9 if one == oddest else 0.02,
        }
        for one in PROPERTIES
    ]
    known = {
        "ts_event": f"2025-03-{day:02}T15:00:{number % 60:02}.000000000Z",
        "anomaly_id": name,
        "episode_id": name,
        "severity": 4.0,
        "priority": 4.0,
        "family": "size",
        "context": "regular",
        "features": features,
    }
    return flagged(["Calibrated"], ["odd"], **{**known, **fields})


def alert(number: int, **fields: Any) -> Anomaly:
    found = decode_anomaly(message(number, **fields))
    assert isinstance(found, Anomaly), found
    return found


def weight(name: str, of: float, mean: float = 0.0, deviation: float = 1.0) -> Weight:
    """Return a weight whose number is not cut off."""
    return Weight(name, of, mean, deviation, 0.0, 50.0)


def ranking(*weights: Weight, bias: float = 0.0, **fields: Any) -> Ranking:
    """Return a ranking that suppresses nothing unless asked to."""
    known: dict[str, Any] = {
        "suppress_below": None,
        "suppress_kinds": frozenset(),
        "suppress_up_to_priority": 0.0,
        "digest": "abc",
    }
    return Ranking(bias, weights, **{**known, **fields})


def ranking_file(of: Ranking, path: Path) -> Path:
    """Write a ranking as `tape learn` does, and return where."""
    numbers = [
        NumberWeight(one.name, "", one.weight, one.mean, one.deviation, one.least, one.most, "")
        for one in of.weights
    ]
    kinds = sorted(of.suppress_kinds)
    content = RankingFile(
        ranking=RANKING_MADE_BY,
        version=VERSION,
        learnt_from=Learnt(20, 10, 10, ["2025-03-03", "2025-03-04"]),
        held_out=HeldOut(["2025-03-04"], 10, 5, 0.9, 0.5),
        explained=[],
        suppressed=Suppression(of.suppress_below, kinds, of.suppress_up_to_priority, 3),
        bias=of.bias,
        numbers=numbers,
    )
    path.write_bytes(encode_ranking(content))
    return path


def review(name: str, state: str, *, at: str = "2025-03-05T10:00:00Z", **fields: Any) -> str:
    """Return a review of an anomaly as a line."""
    return json.dumps({"anomaly_id": name, "state": state, "by": "ann", "at": at} | fields)
