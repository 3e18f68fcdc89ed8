"""The classic rules, compiled: volume, price change and a forest with scikit-learn's verdicts."""

from time import perf_counter

import numpy as np

from tape.codec.array_types import F32
from tape.codec.symbols import SymbolTable
from tape.detection.classic.kernel import FACTS, Answers, Limits, detect_batch, training_values
from tape.detection.classic.parameters import ClassicParameters
from tape.detection.classic.priority import priority
from tape.detection.classic.reasons import EVIDENCE, all_explained, explained, thresholds_of
from tape.detection.classic.state import BELOW, BREAKS, VERSION, check, classic_state
from tape.detection.classic.usual_history import usual_history
from tape.detection.forest.breakpoints import BREAKPOINTS
from tape.detection.forest.forests import Forests
from tape.detection.kept_rows import KeptRows
from tape.detection.parameters import Parameters
from tape.detection.protocol import Explanation, Verdicts, kernel_columns
from tape.errors import StateError
from tape.model.columns import TradeColumns
from tape.model.counts import Refits

PROFILE = "classic"


class ClassicDetector(KeptRows):
    """Judges trades by the classic rules, training on the thinned history.

    See `tape.detection.protocol.Detector` for what it promises.

    Attributes:
        refits: fits so far; detectors of several partitions may share it.
        forests: what grows the forests.
    """

    profile = PROFILE
    version = VERSION
    check = staticmethod(check)
    reads_before = True

    def __init__(self, parameters: Parameters, symbols: SymbolTable) -> None:
        assert parameters.training == "thinned"  # noqa: S101
        self.parameters = ClassicParameters.of(parameters)
        self.symbols = symbols
        self.refits = Refits()
        self._learnt = self.parameters.learnt_fingerprint()
        self.forests = Forests(parameters, BREAKPOINTS)
        self._training = np.empty(parameters.history, np.float32)
        self._state = classic_state(window=parameters.window, history=parameters.history)
        self._limits = Limits(
            volume=np.zeros(0, np.int64),
            change=np.zeros(0, np.float64),
            rules=np.zeros(0, np.int64),
            stride=parameters.stride,
            refit_every=parameters.refit_every,
            usual=np.array(usual_history(parameters.history), np.float32),
            first_below=0,
            first_breaks=np.zeros(0, np.float32),
        )
        below, breaks = self._grown(self._limits.usual, "the usual history")
        self._limits = self._limits._replace(first_below=below, first_breaks=breaks.copy())

    def _grow_beside(self, room: int) -> None:
        volume = np.zeros(room, np.int64)
        change = np.zeros(room, np.float64)
        rules = np.zeros(room, np.int64)
        volume[: self._known] = self._limits.volume[: self._known]
        change[: self._known] = self._limits.change[: self._known]
        rules[: self._known] = self._limits.rules[: self._known]
        self._limits = self._limits._replace(volume=volume, change=change, rules=rules)

    def _begin_row(self, row: int) -> None:
        symbol = self.symbols.names[row]
        own = thresholds_of(self.parameters, symbol)
        self._limits.volume[row], self._limits.change[row] = own
        self._limits.rules[row] = self.parameters.flagging(symbol)

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        n = len(trades)
        if n == 0:
            return Verdicts(
                np.zeros(0, np.uint8),
                np.zeros(0, np.uint8),
                np.zeros(0, np.int64),
                np.zeros(0, EVIDENCE),
                np.zeros(0, np.int64),
                np.zeros(0, np.bool_),
            )
        self._make_room(int(trades.symbol.max()) + 1)
        columns = kernel_columns(trades)
        answers = Answers(
            outcome=np.empty(n, np.uint8),
            rules=np.empty(n, np.uint8),
            flagged=np.empty(n, np.int64),
            facts=np.empty((n, FACTS), np.float64),
            carry=np.empty(4, np.float64),
            behind_ns=np.empty(n, np.int64),
            shared=np.empty(n, np.uint8),
        )
        position, found = detect_batch(0, False, 0, columns, self._limits, self._state, answers)
        while position < n:
            self._refit(int(columns.symbol[position]))
            position, found = detect_batch(
                position, True, found, columns, self._limits, self._state, answers
            )
        evidence = answers.facts[:found].copy().view(EVIDENCE).reshape(found)
        return Verdicts(
            answers.outcome,
            answers.rules,
            answers.flagged[:found].copy(),
            evidence,
            answers.behind_ns,
            answers.shared.view(np.bool_),
        )

    def _refit(self, row: int) -> None:
        """Refit the symbol's forest."""
        start_s = perf_counter()
        state = self._state
        training_values(row, state, self._limits.usual, self._training)
        below, breaks = self._grown(self._training, self.symbols.names[row])
        state.counters[row, BELOW] = below
        state.counters[row, BREAKS] = len(breaks)
        state.breaks[row, : len(breaks)] = breaks
        self.refits.note(perf_counter() - start_s)

    def _grown(self, training: F32, whose: str) -> tuple[int, F32]:
        """Return a forest's verdict below its breakpoints, and these; they are soon overwritten."""
        below, breaks = self.forests.breakpoints(training)
        if len(breaks) > BREAKPOINTS:
            raise StateError(
                f"the verdict of a forest of {whose} changes at {len(breaks)} places, at most "
                f"{BREAKPOINTS} can be kept",
                "use a smaller contamination",
            )
        return below, breaks

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade of a batch was flagged."""
        reasons = explained(trades, verdicts, nth, self.parameters, self.symbols)
        return Explanation(reasons, {"priority": priority(reasons)})

    def explain_all(self, trades: TradeColumns, verdicts: Verdicts) -> list[Explanation]:
        """Return the same of every flagged trade of a batch."""
        each = all_explained(trades, verdicts, self.parameters, self.symbols)
        return [Explanation(reasons, {"priority": priority(reasons)}) for reasons in each]
