"""The calibrated detector: severity from robust features with tails of their own."""

from typing import Final

import numpy as np

from tape.anomaly import CALIBRATED, Reason
from tape.columns import TradeColumns
from tape.detection.calibrated.context import CONTEXTS, contexts
from tape.detection.calibrated.kernel import FACTS, MOST_TOLD, Answers, detect_calibrated
from tape.detection.calibrated.sentences import sentence
from tape.detection.calibrated.state import FEATURES, LOCAL, calibrated_state
from tape.detection.classic_kernel import Columns
from tape.detection.classic_state import ROOM_FACTOR, decode_row, encode_row, grown
from tape.detection.detector import Refits, Verdicts
from tape.detection.kernel_types import F64
from tape.detection.parameters import Parameters
from tape.symbols import SymbolTable

PROFILE: Final = "calibrated"
EVIDENCE: Final = np.dtype(
    [
        ("values", "f8", (FEATURES,)),
        ("severities", "f8", (FEATURES,)),
        ("fitted", "f8", (FEATURES,)),
        ("mean_usd", "f8"),
        ("calibrated", "f8"),
        ("severity", "f8"),
        ("context", "f8"),
    ]
)
DEFAULTS: Final = np.array(
    [
        [8.0, 4.0, 0.3],
        [8.0, 4.0, 0.3],
        [8.0, 4.0, 0.3],
        [8.5, 0.7, 0.0],
        [8.0, 4.0, 0.0],
        [8.5, 0.7, 0.0],
    ]
)
"""Threshold, scale and shape of each feature's tail before there is a fit: cautious."""


class CalibratedDetector:
    """Judges trades by how improbable they are for their own symbol.

    See `tape.detection.detector.Detector` for what it promises.

    Attributes:
        last_scores: severity of each trade of the last batch, uncapped; -1 for dropped ones.
    """

    def __init__(self, parameters: Parameters, symbols: SymbolTable) -> None:
        self.parameters = parameters
        self.symbols = symbols
        self.refits = Refits()
        self.last_scores: F64 = np.zeros(0, np.float64)
        self._threshold = -float(np.log10(parameters.alerts_per_10k / 10_000))
        self._state = calibrated_state()
        self._values = np.zeros(FEATURES)
        self._severities = np.zeros(FEATURES)
        self._scratch = np.zeros(LOCAL)

    def _make_room(self, rows: int) -> None:
        if rows > len(self._state.dirty):
            self._state = grown(self._state, max(rows, ROOM_FACTOR * len(self._state.dirty), 16))

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        n = len(trades)
        if n:
            self._make_room(int(trades.symbol.max()) + 1)
        context = contexts(trades)
        answers = Answers(
            outcome=np.empty(n, np.uint8),
            rules=np.empty(n, np.uint8),
            flagged=np.empty(n, np.int64),
            scores=np.empty(n, np.float64),
            facts=np.empty((n, FACTS), np.float64),
        )
        found = detect_calibrated(
            Columns(
                symbol=np.ascontiguousarray(trades.symbol, np.int32),
                publisher_id=np.ascontiguousarray(trades.publisher_id, np.int32),
                ts_event_ns=np.ascontiguousarray(trades.ts_event_ns, np.int64),
                price_nanos=np.ascontiguousarray(trades.price_nanos, np.int64),
                size=np.ascontiguousarray(trades.size, np.int64),
                side=np.ascontiguousarray(trades.side, np.uint8),
                sequence=np.ascontiguousarray(trades.sequence, np.int64),
            ),
            context,
            self._threshold,
            DEFAULTS,
            self._state,
            self._values,
            self._severities,
            self._scratch,
            answers,
        )
        self.last_scores = answers.scores
        flagged = answers.flagged[:found].copy()
        facts = np.empty((found, FACTS + 2), np.float64)
        facts[:, :FACTS] = answers.facts[:found]
        facts[:, FACTS] = np.minimum(answers.scores[flagged], MOST_TOLD)
        facts[:, FACTS + 1] = context[flagged]
        evidence = facts.view(EVIDENCE).reshape(found)
        return Verdicts(answers.outcome, answers.rules, flagged, evidence)

    def reasons(self, trades: TradeColumns, verdicts: Verdicts, position: int) -> list[Reason]:
        """Return why the `position`-th flagged trade was flagged: one reason."""
        evidence = verdicts.evidence[position]
        severity = float(evidence["severity"])
        text = sentence(trades, int(verdicts.flagged[position]), evidence)
        return [Reason(CALIBRATED, severity, self._threshold, text)]

    def extras(self, verdicts: Verdicts, position: int) -> tuple[float, str]:
        """Return severity and market context of the `position`-th flagged trade."""
        evidence = verdicts.evidence[position]
        return float(evidence["severity"]), CONTEXTS[int(evidence["context"])]

    def snapshot(self, symbol: int) -> bytes:
        """Return the state of one symbol; always the same length for the same parameters."""
        self._make_room(symbol + 1)
        return encode_row(
            self._state,
            symbol,
            profile=PROFILE,
            fingerprint=self.parameters.fingerprint(),
        )

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up the state that `snapshot` returned; raises `StateError` if it cannot."""
        self._make_room(symbol + 1)
        decode_row(
            self._state,
            symbol,
            blob,
            profile=PROFILE,
            fingerprint=self.parameters.fingerprint(),
        )

    def dirty_symbols(self) -> list[int]:
        """Return the symbols with accepted trades since the last call."""
        rows: list[int] = np.flatnonzero(self._state.dirty[:, 0]).tolist()
        self._state.dirty[:] = 0
        return rows
