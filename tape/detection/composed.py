"""Several detectors as one: a trade is flagged if any of them flags it.

Each judges what those before it did not drop as a duplicate, so what one of them remembers is
dropped for all and counted once. Each keeps its own memory and its own blob: one can be taken
away or put in, and the others continue. What they say is merged in the order of PROFILE.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F64, U8
from tape.detection.bundle import decode_bundle, encode_bundle
from tape.detection.protocol import (
    DUPLICATE,
    Detector,
    Explanation,
    GatedDetector,
    Part,
    Verdicts,
    explained_by,
)
from tape.model.columns import TradeColumns

LARGEST: Final = ("severity", "priority")
"""Of several the largest counts."""
NO_SCORE: Final = -1.0
"""Below any severity: a detector that looks at odd trades only looks at none."""
KEPT_BY_ALL: Final = 255
"""Stands for a trade that no detector dropped."""
FEATURES: Final = "features"
"""Of several each adds its own."""


class Composed:
    """Detectors of one partition that judge together."""

    def __init__(
        self,
        names: Sequence[str],
        members: Sequence[Detector],
        gates: Mapping[str, str] | None = None,
    ) -> None:
        """Have these members; `gates` says of which other one a member wants to know the scores."""
        self.members = dict(zip(names, members, strict=True))
        self._gates = gates or {}

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        n = len(trades)
        outcome, rules = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
        behind_ns, shared = np.zeros(n, np.int64), np.zeros(n, np.bool_)
        positions: npt.NDArray[np.int64] | None = None
        part, parts = trades, []
        scores: dict[str, F64] = {}
        for name, member in self.members.items():
            rows = slice(None) if positions is None else positions
            other = scores.get(self._gates.get(name, ""))
            if other is None:
                found = member.detect(part)
            else:
                found = cast(GatedDetector, member).detect_gated(part, other[rows])
            if found.score is not None and name in self._gates.values():
                scores[name] = np.zeros(n)
                scores[name][rows] = found.score
            outcome[rows] = np.maximum(outcome[rows], found.outcome)
            behind_ns[rows] = np.maximum(behind_ns[rows], found.behind_ns)
            shared[rows] |= found.shared
            rules[rows] |= found.rules
            parts.append(Part(part, found, positions))
            kept = np.flatnonzero(found.outcome < DUPLICATE)
            if len(kept) < len(part):
                positions = kept if positions is None else positions[kept]
                part = taken(trades, positions)
        dropped = outcome >= DUPLICATE
        rules[dropped] = 0  # one that was new to the first may be known to the second
        behind_ns[dropped] = 0
        shared[dropped] = False
        flagged = np.flatnonzero(rules)
        nothing = np.zeros(len(flagged), np.dtype([]))
        return Verdicts(outcome, rules, flagged, nothing, behind_ns, shared, parts=tuple(parts))

    def remember(self, name: str, trades: TradeColumns) -> None:
        """Have one of the detectors judge trades again that it accepted; nothing is said of them.

        What it asks of another one's scores decides what it says, not what it remembers.
        """
        member = self.members[name]
        if self._gates.get(name) in self.members:
            cast(GatedDetector, member).detect_gated(trades, np.full(len(trades), NO_SCORE))
        else:
            member.detect(trades)

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade was flagged, by each detector that flags it."""
        row = int(verdicts.flagged[nth])
        whole = Explanation([])
        for member, part in zip(self.members.values(), verdicts.parts, strict=True):
            own = _nth_of(part, row)
            if own is not None:
                whole = _joined(whole, member.explain(part.trades, part.verdicts, own))
        return whole

    def explain_all(self, trades: TradeColumns, verdicts: Verdicts) -> list[Explanation]:
        """Return the same of every flagged trade of a batch."""
        whole = {row: Explanation([], {}) for row in verdicts.flagged.tolist()}
        for member, part in zip(self.members.values(), verdicts.parts, strict=True):
            rows = part.verdicts.flagged
            if part.positions is not None:
                rows = part.positions[rows]
            each = explained_by(member, part.trades, part.verdicts)
            for row, one in zip(rows.tolist(), each, strict=True):
                if row in whole:  # else it is a duplicate to one of the others
                    whole[row] = _joined(whole[row], one)
        return list(whole.values())

    def changed_symbols(self) -> list[int]:
        """Return the symbols with accepted trades since the last call."""
        return sorted({one for member in self.members.values() for one in member.changed_symbols()})

    def snapshot(self, symbol: int) -> bytes:
        """Return the states of one symbol, of each detector its own."""
        return encode_bundle({name: one.snapshot(symbol) for name, one in self.members.items()})

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up what of `snapshot` is known; a detector without a state there starts over.

        Raises `StateError` if one cannot take up its own.
        """
        states = decode_bundle(blob)
        for name, member in self.members.items():
            if name in states:
                member.restore(symbol, states[name])
            else:
                member.forget(symbol)

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on."""
        for member in self.members.values():
            member.forget(symbol)


def dropped_by(verdicts: Verdicts) -> U8 | None:
    """Return of each trade which of several detectors dropped it, by its position among them.

    `KEPT_BY_ALL` for one that none did; None if that is so of all of them.
    """
    if not len(verdicts.outcome) or int(verdicts.outcome.max()) < DUPLICATE:
        return None
    by = np.full(len(verdicts.outcome), KEPT_BY_ALL, np.uint8)
    for nth, part in enumerate(verdicts.parts):
        dropped = part.verdicts.outcome >= DUPLICATE
        by[np.flatnonzero(dropped) if part.positions is None else part.positions[dropped]] = nth
    return by


def taken(trades: TradeColumns, rows: npt.NDArray[np.int64]) -> TradeColumns:
    """Return some of a batch's trades."""
    return TradeColumns(*[getattr(trades, name)[rows] for name in TradeColumns.__slots__])


def _nth_of(part: Part, row: int) -> int | None:
    """Return which of a detector's flagged trades stands in this row of the whole batch."""
    at = row
    if part.positions is not None:
        at = int(np.searchsorted(part.positions, row))
        if at == len(part.positions) or part.positions[at] != row:
            return None
    nth = int(np.searchsorted(part.verdicts.flagged, at))
    if nth == len(part.verdicts.flagged) or part.verdicts.flagged[nth] != at:
        return None
    return nth


def _joined(one: Explanation, other: Explanation) -> Explanation:
    """Return what two detectors say of a trade, as one."""
    extras = dict(one.extras)
    for name, value in other.extras.items():
        extras[name] = _merged(name, extras[name], value) if name in extras else value
    return Explanation([*one.reasons, *other.reasons], extras)


def _merged(name: str, before: Any, value: Any) -> Any:
    """Return a field that two detectors have: the first one's, but for these two."""
    if name in LARGEST:
        return max(before, value)
    if name == FEATURES:
        return [*before, *value]
    return before
