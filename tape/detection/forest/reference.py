"""What scikit-learn itself says: for the rare tie, the self-check and the literal detector."""

from typing import Any

import numpy as np

from tape.codec.array_types import F32
from tape.detection.parameters import Parameters
from tape.errors import SettingsError


def reference_forest(training: Any, parameters: Parameters) -> Any:
    """Return scikit-learn's forest of these training values; raises `SettingsError` without it."""
    try:
        from sklearn.ensemble import IsolationForest  # takes 1.5 s to import, and is rarely needed
    except ImportError:
        raise SettingsError(
            "the isolation forest of these settings is grown by scikit-learn, which is not "
            "installed",
            "pip install 'tapewatch[detector]'",
        ) from None

    forest = IsolationForest(
        n_estimators=parameters.trees,
        contamination=parameters.contamination,
        random_state=parameters.random_state,
    )
    return forest.fit(np.asarray(training).reshape(-1, 1))


def reference_breakpoints(training: Any, parameters: Parameters) -> tuple[int, F32]:
    """Return the verdict below all breakpoints, 1 for anomalous, and the breakpoints, rising."""
    forest = reference_forest(training, parameters)
    trees = [tree.tree_ for tree in forest.estimators_]
    edges = np.concatenate([tree.threshold[tree.feature >= 0] for tree in trees])
    floors = edges.astype(np.float32)
    above = floors.astype(np.float64) > edges
    floors[above] = np.nextafter(floors[above], np.float32(-np.inf))
    floors = np.unique(floors)
    lowest = np.float32(np.asarray(training, np.float32).min())
    cells = np.concatenate([[lowest], np.nextafter(floors, np.float32(np.inf))])
    anomalous = forest.decision_function(cells.reshape(-1, 1)) < 0
    changes = anomalous[1:] != anomalous[:-1]
    return int(anomalous[0]), floors[changes]
