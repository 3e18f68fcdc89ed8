"""The supervised detector: a model's score as severity, from the features of each trade."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64
from tape.codec.symbols import SymbolTable
from tape.detection.protocol import DUPLICATE, Explanation, Verdicts
from tape.detection.supervised.columns import COUNT
from tape.detection.supervised.features import Features
from tape.detection.supervised.limits import GATE, limit_of
from tape.detection.supervised.models import load_model
from tape.detection.supervised.parameters import SupervisedParameters
from tape.detection.supervised.reasons import MOST_TOLD, family, features, sentence, why
from tape.detection.supervised.walk_kernel import walk
from tape.market.day import CONTEXTS, contexts
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns
from tape.model.counts import Refits
from tape.model.rules import SUPERVISED

EVIDENCE: Final = np.dtype([("values", "f4", (COUNT,)), ("severity", "f8"), ("limit", "f8")])
DROPPED: Final = -1.0
"""Score of a duplicate."""


class SupervisedDetector(Features):
    """Judges trades by what a model learnt from labelled ones.

    See `tape.detection.protocol.Detector` for what it promises. Its score is the severity: -log10
    of the share of ordinary trades that the model scores as high. Where the calibrated detector
    judges before it, only trades of severity `GATE` and more there are scored; others have 0.

    Attributes:
        refits: of none: a model is fitted elsewhere.
    """

    def __init__(self, parameters: SupervisedParameters, symbols: SymbolTable) -> None:
        super().__init__()
        self.parameters, self.symbols = parameters, symbols
        self.refits = Refits()
        self._model = load_model(Path(parameters.model))
        self._limit = limit_of(parameters.alerts_per_10k)
        self._own_limits = {
            symbol: limit_of(parameters.per_10k_of(symbol)) for symbol in parameters.overrides
        }

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        return self._judged(trades, np.ones(len(trades), np.bool_))

    def detect_gated(self, trades: TradeColumns, scores: F64) -> Verdicts:
        """Judge a batch like `detect`; only trades that are odd to the other one are scored."""
        return self._judged(trades, scores >= GATE)

    def _judged(self, trades: TradeColumns, is_scored: npt.NDArray[np.bool_]) -> Verdicts:
        found = self.of(trades)
        new = found.outcome < DUPLICATE
        rows = np.flatnonzero(new & is_scored)
        margins = np.empty(len(rows), np.float32)
        walk(self._model.trees, found.values, rows, margins)
        score = np.where(new, 0.0, DROPPED)
        score[rows] = self._model.tail.severity(margins)
        limits = self._limits(trades)
        flagged = np.flatnonzero(score >= limits)
        rules = np.zeros(len(trades), np.uint8)
        rules[flagged] = SUPERVISED.bit
        evidence = np.empty(len(flagged), EVIDENCE)
        evidence["values"] = found.values[flagged]
        evidence["severity"] = np.minimum(score[flagged], MOST_TOLD)
        evidence["limit"] = limits[flagged]
        priority = np.minimum(score, MOST_TOLD)
        return Verdicts(
            found.outcome,
            rules,
            flagged,
            evidence,
            found.behind_ns,
            found.shared,
            score,
            priority=priority,
        )

    def _limits(self, trades: TradeColumns) -> F64:
        """Return the severity from which on each trade is flagged."""
        limits = np.full(len(trades), self._limit)
        if self._own_limits:
            for number in np.unique(trades.symbol).tolist():
                own = self._own_limits.get(self.symbols.names[number])
                if own is not None:
                    limits[trades.symbol == number] = own
        return limits

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade was flagged: severity, family, contributions."""
        evidence, row = verdicts.evidence[nth], int(verdicts.flagged[nth])
        values, severity = evidence["values"], float(evidence["severity"])
        found = why(self._model, values)
        text = sentence(self._model, severity, values, found)
        limit = min(float(evidence["limit"]), severity)
        own = slice(row, row + 1)
        trade = TradeColumns(*[getattr(trades, name)[own] for name in TradeColumns.__slots__])
        return Explanation(
            [Reason(SUPERVISED.name, severity, limit, text)],
            {
                "severity": severity,
                "priority": round(severity, 2),
                "family": family(found),
                "context": CONTEXTS[int(contexts(trade).kind[0])],
                "features": features(self._model, values, found),
            },
        )
