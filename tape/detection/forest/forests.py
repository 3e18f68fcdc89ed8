"""Forests from training values: compiled, with numpy's last bit, at worst scikit-learn's own."""

import numpy as np

from tape.codec.array_types import F32
from tape.detection.forest.breakpoints import TOO_MANY, UNDECIDED, UNDRAWN, fit_breakpoints
from tape.detection.forest.depths import exact_depths
from tape.detection.forest.draws import SUBSAMPLE, ForestDraws
from tape.detection.forest.reference import reference_breakpoints
from tape.detection.forest.scratch import forest_scratch
from tape.detection.parameters import Parameters


class Forests:
    """Grows forests that give scikit-learn's verdicts, with these parameters.

    Attributes:
        decided: forests so far of which a verdict hung on the last bit of a power.
        left: forests so far that were left to scikit-learn.
    """

    def __init__(self, parameters: Parameters, most_breakpoints: int) -> None:
        self.parameters = parameters
        self.decided = self.left = 0
        self._draws = ForestDraws(
            random_state=parameters.random_state,
            trees=parameters.trees,
            history=parameters.history,
            contamination=parameters.contamination,
        )
        self._scratch = forest_scratch(trees=parameters.trees, history=parameters.history)
        self._room = np.empty(most_breakpoints, np.float32)

    def breakpoints(self, training: F32) -> tuple[int, F32]:
        """Return the verdict below all breakpoints, 1 for anomalous, and the breakpoints, rising.

        float32(z) is on the far side of a breakpoint when it is above it; the verdict changes at
        each. The array is only good until the next call.
        """
        code, below, size = self._grown(training, 0)
        if code == UNDRAWN:
            self._draws.prepare(len(training))
            code, below, size = self._grown(training, 0)
        if code == UNDECIDED:
            self.decided += 1
            self._decide(len(training), size)
            code, below, size = self._grown(training, size)
        if code == TOO_MANY:
            self.left += 1
            return reference_breakpoints(training, self.parameters)
        return below, self._room[:size]

    def _grown(self, training: F32, answered: int) -> tuple[int, int, int]:
        return fit_breakpoints(training, self._draws.plan, self._scratch, self._room, answered)

    def _decide(self, n: int, asked: int) -> None:
        """Answer as scikit-learn does, in its words: numpy's power decides in the last bit."""
        whole = self._draws.plan.mean_depth[min(n, SUBSAMPLE)]
        scores = -(2 ** -(exact_depths(n, self._scratch) / whole))
        offset = np.percentile(scores, 100.0 * self.parameters.contamination)
        decisions = -(2 ** -self._scratch.asked[:asked]) - offset
        self._scratch.answers[:asked] = decisions < 0
