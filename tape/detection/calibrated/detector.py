"""The calibrated detector: severity from robust features with tails of their own."""

from typing import Final

import numpy as np

from tape.codec.array_types import F64
from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.batch import Answers, Scratch, Setting
from tape.detection.calibrated.budget import budget_rows
from tape.detection.calibrated.facts import FACTS
from tape.detection.calibrated.feed_features import ROUND_LOT
from tape.detection.calibrated.kernel import detect_calibrated
from tape.detection.calibrated.parameters import CalibratedParameters
from tape.detection.calibrated.prior import LEAST_SHAPES, prior_histograms
from tape.detection.calibrated.reasons import MOST_TOLD, attribution, sentence
from tape.detection.calibrated.state import (
    BINS,
    FAMILIES,
    FEATURES,
    VERSION,
    calibrated_state,
    check,
)
from tape.detection.calibrated.stopwatch import COLUMNS as WATCH_COLUMNS
from tape.detection.calibrated.stopwatch import COUNT, TOOK_NS
from tape.detection.calibrated.tails import bin_edges
from tape.detection.kept_rows import KeptRows
from tape.detection.parameters import Parameters
from tape.detection.protocol import Each, Explanation, Verdicts, kernel_columns
from tape.market.day import CONTEXTS, contexts
from tape.model.anomaly import Reason
from tape.model.columns import TradeColumns
from tape.model.counts import Refits
from tape.model.rules import CALIBRATED, Family

PROFILE: Final = "calibrated"
EVIDENCE: Final = np.dtype(
    [
        ("values", "f8", (FEATURES,)),
        ("severities", "f8", (FEATURES,)),
        ("medians", "f8", (FEATURES,)),
        ("rare", "f8", (FEATURES,)),
        ("families", "f8", (FAMILIES,)),
        ("mean_usd", "f8"),
        ("usual_size", "f8"),
        ("calibrated", "f8"),
        ("family", "f8"),
        ("limit", "f8"),
        ("distance", "f8"),
        ("venue_trades", "f8"),
        ("venue_odd", "f8"),
        ("context", "f8"),
        ("priority", "f8"),
        ("severity", "f8"),
    ]
)


FAMILY_NAMES: Final[tuple[Family, ...]] = ("price", "size", "feed")
ODD_VENUE: Final = 3.0
"""A venue is one of odd prices if it has this many times as many of these as of all trades."""


class CalibratedDetector(KeptRows):
    """Judges trades by how improbable they are for their own symbol.

    See `tape.detection.protocol.Detector` for what it promises.

    Its score is the severity, uncapped.

    Attributes:
        refits: refits of tails so far; detectors of several partitions may share it.
        last_families: likewise of its price, of its size and of the feed; 0 for dropped ones.
        tells_each: whether verdicts have `each`, which costs some time.
    """

    profile = PROFILE
    version = VERSION
    check = staticmethod(check)

    def __init__(self, parameters: Parameters, symbols: SymbolTable) -> None:
        self.parameters = CalibratedParameters.of(parameters)
        self.symbols = symbols
        self.refits = Refits()
        self.tells_each = False
        self._learnt = self.parameters.learnt_fingerprint()
        self.last_families: F64 = np.zeros((0, FAMILIES), np.float64)
        shares = parameters.budget_shares
        budgets = budget_rows(parameters.alerts_per_10k, parameters.alerts_per_day, shares)
        self._own_budgets: dict[str, int] = {}
        for symbol in parameters.overrides:
            self._own_budgets[symbol] = len(budgets)
            budgets += budget_rows(*parameters.budget_of(symbol), shares)
        self._setting = Setting(
            prior=prior_histograms(),
            edges=bin_edges(),
            least_shape=LEAST_SHAPES,
            budgets=np.array(budgets),
            budget_of=np.zeros(0, np.int32),
        )
        self._state = calibrated_state()
        self._facts: F64 = np.empty((0, FACTS), np.float64)
        values = np.zeros(FEATURES + 2)
        self._scratch = Scratch(
            values=values,
            bits=values.view(np.int64),
            severities=np.zeros(FEATURES),
            families=np.zeros(FAMILIES),
            counts=np.zeros(BINS),
            watch=np.zeros(WATCH_COLUMNS, np.int64),
        )

    def _grow_beside(self, room: int) -> None:
        budget_of = np.zeros(room, np.int32)
        budget_of[: self._known] = self._setting.budget_of[: self._known]
        self._setting = self._setting._replace(budget_of=budget_of)

    def _begin_row(self, row: int) -> None:
        if self._own_budgets:
            self._setting.budget_of[row] = self._own_budgets.get(self.symbols.names[row], 0)

    def _room_for_facts(self, rows: int) -> F64:
        """Return rows for facts; the same ones each time, for most of them are never written."""
        if rows > len(self._facts):
            self._facts = np.empty((rows, FACTS), np.float64)
        return self._facts

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        n = len(trades)
        if n:
            self._make_room(int(trades.symbol.max()) + 1)
        where = contexts(trades)
        answers = Answers(
            outcome=np.empty(n, np.uint8),
            rules=np.empty(n, np.uint8),
            flagged=np.empty(n, np.int64),
            scores=np.empty(n, np.float64),
            families=np.empty((n, FAMILIES), np.float64),
            priorities=np.empty(n, np.float64),
            facts=self._room_for_facts(n),
            behind_ns=np.empty(n, np.int64),
            shared=np.empty(n, np.uint8),
            bands=np.full((n if self.tells_each else 0, 2), np.nan),
            contexts=np.zeros(n if self.tells_each else 0, np.uint8),
        )
        found = detect_calibrated(
            kernel_columns(trades),
            where.kind,
            where.day,
            where.passed,
            self._setting,
            self._state,
            self._scratch,
            answers,
        )
        self.last_families = answers.families
        self._note_refits()
        flagged = answers.flagged[:found].copy()
        facts = np.empty((found, FACTS + 1), np.float64)
        facts[:, :FACTS] = answers.facts[:found]
        facts[:, FACTS] = np.minimum(answers.scores[flagged], MOST_TOLD)
        evidence = facts.view(EVIDENCE).reshape(found)
        return Verdicts(
            answers.outcome,
            answers.rules,
            flagged,
            evidence,
            answers.behind_ns,
            answers.shared.view(np.bool_),
            answers.scores,
            priority=answers.priorities,
            each=_each(answers) if self.tells_each else None,
        )

    def _note_refits(self) -> None:
        """Report the refits of a batch, whose time was taken where they were done."""
        watch = self._scratch.watch
        if watch[COUNT]:
            self.refits.note(int(watch[TOOK_NS]) / 1e9, int(watch[COUNT]))
            watch[:] = 0

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade was flagged, with severity, context, attribution."""
        evidence, row = verdicts.evidence[nth], int(verdicts.flagged[nth])
        severity = min(float(evidence["families"][int(evidence["family"])]), MOST_TOLD)
        limit = min(float(evidence["limit"]), severity)
        reason = Reason(CALIBRATED.name, severity, limit, sentence(trades, row, evidence))
        context = CONTEXTS[int(evidence["context"])]
        size = int(trades.size[row])
        if size < ROUND_LOT:
            context += ", odd lot"
        if evidence["venue_odd"] > ODD_VENUE * evidence["venue_trades"]:
            context += ", at a venue of odd prices"
        return Explanation(
            [reason],
            {
                "severity": float(evidence["severity"]),
                "priority": round(float(evidence["priority"]), 2),
                "family": FAMILY_NAMES[int(evidence["family"])],
                "context": context,
                "calibrated": bool(evidence["calibrated"]),
                "features": attribution(evidence, size),
            },
        )


def _each(answers: Answers) -> Each:
    return Each(answers.families, answers.bands[:, 0], answers.bands[:, 1], answers.contexts)
