"""Trains a model on a features file: days apart, stopped early, and measured on a day not seen."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import tape
from tape.codec.array_types import F32, Bools
from tape.desk.train.features_table import Table, read_table
from tape.desk.train.measures import at_severity, measures, pr_auc, precision_at
from tape.desk.train.split import Split, split_by_day
from tape.detection.supervised.columns import NAMES
from tape.detection.supervised.limits import limit_of
from tape.detection.supervised.models import MODEL, manifest_bytes
from tape.detection.supervised.tail import Tail, fit_tail
from tape.detection.supervised.trees import read_trees
from tape.detection.supervised.walk_kernel import walk
from tape.errors import BooksError, SettingsError

ROUNDS: Final = 500
STOP_AFTER: Final = 30
"""Trees at most, and without a better PR-AUC on the day of validation."""
FIXED: Final = {
    "objective": "binary:logistic",
    "eval_metric": "aucpr",
    "tree_method": "hist",
    "eta": 0.1,
    "nthread": 1,
}
"""One thread: sums in another order would give other trees on a machine with other cores."""
SEVERITIES: Final = (2, 3, 4)
DEFAULT_PER_10K: Final = 1.5
"""Alerts for which a manifest says what would be found: the default of ALERTS_PER_10K."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and what goes into its manifest."""

    model: bytes
    tail: Tail
    told: dict[str, Any]

    def files(self) -> dict[str, bytes]:
        """Return the files of the model's folder."""
        return {
            MODEL: self.model,
            "manifest.json": manifest_bytes(self.told, self.model, self.tail),
        }


def train(
    path: Path,
    *,
    seed: int,
    depth: int,
    per_10k: float = DEFAULT_PER_10K,
    say: Say = lambda _: None,
) -> Trained:
    """Return the model of a features file; raises `ArchiveError` if the file is not enough for one.

    Args:
        path: the features file.
        seed: of XGBoost.
        depth: most decisions from the root of a tree to a leaf.
        per_10k: alerts per 10,000 trades for which it is told what would be found.
        say: takes what is being done, for a person who waits.
    """
    xgboost = _xgboost()
    table = read_table(path)
    split = split_by_day(table.days, table.labelled, table.events, str(path))
    parts = {
        "training": ~np.isin(
            table.days, [np.datetime64(split.validation), np.datetime64(split.test)]
        ),
        "validation": table.days == np.datetime64(split.validation),
        "test": table.days == np.datetime64(split.test),
    }
    own = parts["training"]
    ratio = float((~table.labelled[own]).sum() / table.labelled[own].sum())
    runs: list[dict[str, Any]] = []
    model, margins = b"", np.empty(0, np.float32)
    for weight in (1.0, round(ratio**0.5, 1), round(ratio, 1)):
        say(f"training with scale_pos_weight {weight:g}")
        how = {**FIXED, "max_depth": depth, "seed": seed, "scale_pos_weight": weight}
        booster = _booster(xgboost, how, table, parts)
        data = bytes(booster.save_raw("json"))
        found = _margins(data, table.values)
        if not runs:
            model, margins = data, found
            _check(xgboost, booster, table.values, found)
        runs.append(_run(weight, booster, table, parts, found))
    tail = fit_tail(margins[parts["validation"] & ~table.labelled])
    told = {
        "program": tape.__version__,
        "xgboost": xgboost.__version__,
        "training": {**FIXED, "max_depth": depth, "seed": seed, "scale_pos_weight": 1.0},
        "trees": runs[0]["trees"],
        "usual": _usual(table.values[parts["validation"] & ~table.labelled]),
        "data": _data(table, split, parts),
        "comparison": runs,
        "metrics": {
            name: _figures(table, parts[name], margins, tail, per_10k)
            for name in ("validation", "test")
        },
    }
    return Trained(model, tail, told)


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError:
        raise SettingsError(
            "`tape train` needs xgboost, which is not installed", "pip install 'tapewatch[train]'"
        ) from None
    return xgboost


def _booster(xgboost: Any, how: dict[str, Any], table: Table, parts: dict[str, Bools]) -> Any:
    """Return what is grown on the days of training, with its best number of trees."""
    names, weights = list(NAMES), event_weights(table.labelled, table.events)
    data, other = (
        (table.values[own], table.labelled[own], weights[own])
        for own in (parts["training"], parts["validation"])
    )
    grown_on = xgboost.QuantileDMatrix(data[0], label=data[1], weight=data[2], feature_names=names)
    stopped_by = xgboost.QuantileDMatrix(
        other[0], label=other[1], weight=other[2], feature_names=names, ref=grown_on
    )
    booster = xgboost.train(
        how,
        grown_on,
        ROUNDS,
        evals=[(stopped_by, "validation")],
        early_stopping_rounds=STOP_AFTER,
        verbose_eval=False,
    )
    best = booster[: booster.best_iteration + 1]
    best.set_attr(best_iteration=None, best_score=None)
    return best


def event_weights(labelled: Bools, events: npt.NDArray[np.int64]) -> F32:
    """Return how much each trade counts: one of an event of n trades 1 over the root of n.

    A stuck feed has hundreds of trades, a misprint one, and both are one thing to find.

    >>> event_weights(np.array([True] * 5 + [False]), np.array([0, 0, 0, 0, 1, -1])).tolist()
    [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    """
    _, which, counts = np.unique(events, return_inverse=True, return_counts=True)
    weights: F32 = np.where(labelled, counts[which] ** -0.5, 1.0).astype(np.float32)
    return weights


def _margins(model: bytes, values: F32) -> F32:
    found = np.empty(len(values), np.float32)
    walk(read_trees(model), values, np.arange(len(values)), found)
    return found


def _check(xgboost: Any, booster: Any, values: F32, margins: F32) -> None:
    """Raise `BooksError` unless the walk says what XGBoost says, to the last bit."""
    matrix = xgboost.DMatrix(values, feature_names=list(NAMES))
    theirs = booster.predict(matrix, output_margin=True)
    wrong = int((theirs.view(np.uint32) != margins.view(np.uint32)).sum())
    if wrong:
        raise BooksError(
            f"{wrong:,} of {len(margins):,} margins are not those of XGBoost {xgboost.__version__}",
            "nothing was written; please report this with the version",
        )


def _usual(ordinary: F32) -> dict[str, list[float]]:
    """Return of each feature what half, and what 1 in 10,000, of the ordinary trades exceed."""
    found: dict[str, list[float]] = {"median": [], "one_in_10k": []}
    for column in ordinary.T:
        known = column[~np.isnan(column)]
        for name, share in (("median", 0.5), ("one_in_10k", 0.9999)):
            value = float(np.quantile(known, share)) if len(known) else 0.0
            found[name].append(float(f"{value:.5g}"))
    return found


def _run(
    weight: float, booster: Any, table: Table, parts: dict[str, Bools], margins: F32
) -> dict[str, Any]:
    """Return a row of the comparison of weights."""
    row: dict[str, Any] = {"scale_pos_weight": weight, "trees": booster.num_boosted_rounds()}
    for name in ("validation", "test"):
        own = parts[name]
        labelled, scores = table.labelled[own], margins[own]
        row[f"pr_auc_{name}"] = round(pr_auc(labelled, scores), 6)
        row[f"precision_{name}"] = round(precision_at(labelled, scores, int(labelled.sum())), 6)
    ordinary = margins[parts["test"] & ~table.labelled]
    row["ordinary_above_half_per_10k"] = round(10_000 * float((ordinary > 0).mean()), 4)
    return row


def _figures(table: Table, own: Bools, margins: F32, tail: Tail, per_10k: float) -> dict[str, Any]:
    labelled, kinds, events = table.labelled[own], table.kinds[own], table.events[own]
    severities = tail.severity(margins[own])
    found = measures(labelled, margins[own], kinds, events)
    found["at_limit"] = at_severity(labelled, severities, kinds, events, limit_of(per_10k))
    found["ordinary_per_10k_at_severity"] = {
        str(level): round(10_000 * float((severities[~labelled] >= level).mean()), 4)
        for level in SEVERITIES
    }
    return found


def _data(table: Table, split: Split, parts: dict[str, Bools]) -> dict[str, Any]:
    return {
        "files": [list(one) for one in table.about.files],
        "labels": [list(one) for one in table.about.labels],
        "kinds": list(table.about.kinds),
        "days": split.told(),
        **{
            name: {
                "trades": int(own.sum()),
                "labelled_trades": int(table.labelled[own].sum()),
                "events": len(np.unique(table.events[own & table.labelled])),
            }
            for name, own in parts.items()
        },
    }


def as_json(trained: Trained) -> dict[str, Any]:
    """Return what the manifest says, for a program."""
    return dict(json.loads(trained.files()["manifest.json"]))
