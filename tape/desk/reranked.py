"""Scores of a day in the order that a ranking gives: `tape evaluate` with a RANKING_FILE."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64
from tape.codec.batch import DecodedBatch
from tape.detection.protocol import Verdicts
from tape.judging.judge import Judge
from tape.model.anomaly import Anomaly, DetectorIdentity, as_message, decode_anomaly

NOBODY = DetectorIdentity("", "")


def ranks_of(judge: Judge, values: Sequence[bytes], batch: DecodedBatch, verdicts: Verdicts) -> F64:
    """Return the rank of each flagged trade of a batch that the judge has just judged.

    It is that of its message. Without a ranking all are 0.
    """
    ranks = np.zeros(len(verdicts.flagged))
    ranking = judge.parameters.ranking
    if ranking is None:
        return ranks
    for nth, row in enumerate(verdicts.flagged.tolist()):
        why = judge.detector.explain(batch.trades, verdicts, nth)
        message = as_message(
            values[int(batch.positions[row])],
            anomaly_id="",
            episode_id="",
            reasons=why.reasons,
            detector=NOBODY,
            extras=why.extras,
        )
        alert = decode_anomaly(message)
        if isinstance(alert, Anomaly):
            ranks[nth] = ranking.rank(alert)
    return ranks


def reranked(score: F64, flagged: npt.NDArray[np.bool_], ranks: F64) -> F64:
    """Return the scores with those of flagged trades among them in the order of their ranks.

    A ranking flags nothing, so no other score changes; equal ranks stay in the order they had.

    >>> scores, flags = np.array([9.0, 1.0, 5.0, 7.0]), np.array([True, False, True, True])
    >>> reranked(scores, flags, np.array([2.0, 4.0, 4.0])).tolist()
    [5.0, 1.0, 7.0, 9.0]
    """
    own = score[flagged]
    result: F64 = score.copy()
    order = np.lexsort((-own, -ranks))
    changed = np.empty_like(own)
    changed[order] = -np.sort(-own)
    result[flagged] = changed
    return result
