"""A ranking from answered alerts: a logistic regression, and whether it may be used.

What is learnt must rank better than the priority on days that it has not seen, or nothing is
written. What is suppressed is decided by days that were not learnt from, too.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tape.codec.array_types import F64
from tape.desk.learn.answers import Answered
from tape.desk.learn.explained import explained, text_of
from tape.detection.ranking import NUMBERS, Ranking, Weight, kind_of, numbers_of
from tape.detection.ranking_file import (
    VERSION,
    HeldOut,
    Learnt,
    NumberWeight,
    RankingFile,
    Suppression,
)
from tape.errors import ArchiveError, SettingsError
from tape.market.new_york import calendar_days
from tape.process.origin import RANKING_MADE_BY

LEAST_ANSWERED: Final = 20
"""Fewer alerts teach their own accidents."""
INVERSE_STRENGTH: Final = 1.0
"""Of the penalty on the squares of the weights (L2), as scikit-learn counts it."""
DIGITS: Final = 6
MARGIN: Final = 1.0
"""What is suppressed has at most half the odds of any alert that was confirmed."""
MOST_SUPPRESSED: Final = 4.0
"""Nothing is suppressed that is as likely as 1 to 8 to be confirmed."""
OFTEN: Final = 3
"""What was dismissed less often is not suppressed: it may be of another kind."""
BETTER: Final = 1e-9
"""Figures that are nearer than this are equal."""


@dataclass(frozen=True, slots=True)
class _Split:
    """Alerts of earlier days, and of the latest ones, each with both answers."""

    earlier: list[Answered]
    latest: list[Answered]


def learn(answered: Sequence[Answered], *, may_suppress: bool = True) -> RankingFile:
    """Return the ranking that answered alerts teach.

    Raises:
        ArchiveError: there are too few, of one answer or of one day only, or what they teach does
            not beat the priority on the latest reviewed day.
        SettingsError: scikit-learn is missing.
    """
    _check(answered)
    split = _split(answered)
    held_out = _held_out(split)
    if held_out.average_precision <= held_out.average_precision_of_priority + BETTER:
        one, other = held_out.average_precision, held_out.average_precision_of_priority
        raise ArchiveError(
            "nothing is written: what the reviews teach does not beat the priority on "
            f"{_days_text(held_out.days)}, the latest reviewed: average precision {one:.3f}, the "
            f"priority's {other:.3f}",
            "keep the priority, and try again with more reviews",
        )
    bias, weights = _fitted(answered)
    cut = _suppression(answered) if may_suppress else None
    if cut is None:
        cut = Suppression(None, [], 0.0, 0)
    confirmed = _confirmed(answered)
    return RankingFile(
        ranking=RANKING_MADE_BY,
        version=VERSION,
        learnt_from=Learnt(
            len(answered), confirmed, len(answered) - confirmed, sorted(set(_days(answered)))
        ),
        held_out=held_out,
        explained=explained(answered),
        suppressed=cut,
        bias=bias,
        numbers=[
            NumberWeight(
                name=one.name,
                unit=NUMBERS[one.name],
                weight=one.weight,
                mean=one.mean,
                deviation=one.deviation,
                least=one.least,
                most=one.most,
                text=text_of(one.name, answered),
            )
            for one in sorted(weights, key=lambda one: -abs(one.weight))
        ],
    )


def average_precision(scores: Sequence[float], confirmed: Sequence[bool]) -> float:
    """Return the precision averaged over the confirmed alerts, equal scores counted together.

    >>> average_precision([3.0, 2.0, 2.0, 1.0], [True, True, False, False])
    0.8333333333333333
    """
    found = [
        sum(other for score, other in zip(scores, confirmed, strict=True) if score >= one)
        / sum(score >= one for score in scores)
        for one, is_confirmed in zip(scores, confirmed, strict=True)
        if is_confirmed
    ]
    return math.fsum(found) / len(found)


def _check(answered: Sequence[Answered]) -> None:
    """Raise `ArchiveError` if there is nothing to learn from."""
    many = len(answered)
    if many < LEAST_ANSWERED:
        alerts = "1 alert has" if many == 1 else f"{many:,} alerts have"
        raise ArchiveError(
            f"nothing is written: {alerts} an answer that counts, and {LEAST_ANSWERED} are needed",
            "review more alerts",
        )
    if _confirmed(answered) in (0, many):
        word = "confirmed" if answered[0].confirmed else "dismissed"
        raise ArchiveError(
            f"nothing is written: all {many:,} answered alerts are {word}, and what tells them "
            "apart can be learnt from both answers only",
            "review alerts of the other kind, too",
        )


def _split(answered: Sequence[Answered]) -> _Split:
    """Return the latest day apart, and with it as many before it as it takes for both answers."""
    days = _days(answered)
    for first in sorted(set(days), reverse=True)[:-1]:
        parts = _Split(
            [one for one, day in zip(answered, days, strict=True) if day < first],
            [one for one, day in zip(answered, days, strict=True) if day >= first],
        )
        if all(_has_both(part) for part in (parts.earlier, parts.latest)):
            return parts
    raise ArchiveError(
        f"nothing is written: the answered alerts are of {_days_text(sorted(set(days)))}, and no "
        "day parts them so that there are both answers before it and from it on",
        "review alerts of another day, too",
    )


def _held_out(split: _Split) -> HeldOut:
    """Return how what the earlier days teach ranks the latest ones."""
    ranking = _ranking(split.earlier)
    confirmed = [one.confirmed for one in split.latest]
    by_rank = [ranking.rank(one.alert) for one in split.latest]
    return HeldOut(
        days=sorted(set(_days(split.latest))),
        alerts=len(split.latest),
        confirmed=sum(confirmed),
        average_precision=round(average_precision(by_rank, confirmed), DIGITS),
        average_precision_of_priority=round(
            average_precision([_priority(one) for one in split.latest], confirmed), DIGITS
        ),
    )


def _suppression(answered: Sequence[Answered]) -> Suppression | None:
    """Return below which rank alerts are suppressed, None if no rank is safe.

    Each day is ranked by what the other days teach. A confirmed alert that no other day can rank
    leaves nothing that is safe.
    """
    days = _days(answered)
    ranks: list[tuple[Answered, float]] = []
    for day in sorted(set(days)):
        others = [one for one, other in zip(answered, days, strict=True) if other != day]
        own = [one for one, other in zip(answered, days, strict=True) if other == day]
        if _has_both(others):
            ranking = _ranking(others)
            ranks += [(one, ranking.rank(one.alert)) for one in own]
        elif _confirmed(own):
            return None
    lowest = min(rank for one, rank in ranks if one.confirmed)
    below = round(min(MOST_SUPPRESSED, lowest - MARGIN), 2)
    counts = Counter(kind_of(one.alert) for one in answered if not one.confirmed)
    kinds = sorted(kind for kind, count in counts.items() if count >= OFTEN)
    dismissed = sum(rank < below and kind_of(one.alert) in kinds for one, rank in ranks)
    if not dismissed:
        return None
    most = max(_priority(one) for one in answered if not one.confirmed)
    return Suppression(below, kinds, most, dismissed)


def _ranking(answered: Sequence[Answered]) -> Ranking:
    bias, weights = _fitted(answered)
    return Ranking(bias, weights, None, frozenset(), 0.0, "")


def _fitted(answered: Sequence[Answered]) -> tuple[float, tuple[Weight, ...]]:
    """Return bias and weights of a logistic regression on the alerts' numbers."""
    numbers = [numbers_of(one.alert) for one in answered]
    logs = np.log1p(np.array([[one[name] for name in NUMBERS] for one in numbers]))
    mean, deviation = logs.mean(axis=0), logs.std(axis=0)
    varies = deviation > 0.0
    scaled: F64 = (logs[:, varies] - mean[varies]) / deviation[varies]
    model = _regression()
    model.fit(scaled, np.array([one.confirmed for one in answered]))
    weight = np.zeros(len(NUMBERS))
    weight[varies] = model.coef_[0]
    weights = tuple(
        Weight(
            name,
            _rounded(weight[n]),
            _rounded(mean[n]),
            _rounded(deviation[n]),
            _rounded(logs[:, n].min()),
            _rounded(logs[:, n].max()),
        )
        for n, name in enumerate(NUMBERS)
        if varies[n]
    )
    return _rounded(model.intercept_[0]), weights


def _regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise SettingsError(
            "learning needs scikit-learn", "pip install 'tapewatch[desk]'"
        ) from None
    return LogisticRegression(C=INVERSE_STRENGTH, max_iter=1_000)


def _rounded(value: float) -> float:
    """Return as many digits as a person may compare."""
    return float(f"{value:.{DIGITS}g}")


def _days(answered: Sequence[Answered]) -> list[str]:
    """Return the day of each alert on New York's calendar."""
    times = np.array([one.alert.trade.ts_event_ns for one in answered], np.int64)
    return [str(day) for day in calendar_days(times).astype("datetime64[D]")]


def _days_text(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _priority(one: Answered) -> float:
    return 0.0 if one.alert.priority is None else one.alert.priority


def _confirmed(answered: Sequence[Answered]) -> int:
    return sum(one.confirmed for one in answered)


def _has_both(answered: Sequence[Answered]) -> bool:
    return 0 < _confirmed(answered) < len(answered)
