"""The classic rules in plain numpy and scikit-learn: slow, for comparison and as a fall-back."""

import json
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from tape.codec.array_types import F32
from tape.codec.symbols import SymbolTable
from tape.detection.classic.parameters import ClassicParameters
from tape.detection.classic.priority import priority
from tape.detection.classic.reasons import EVIDENCE, explained, thresholds_of
from tape.detection.classic.usual_history import JUDGED_FROM, usual_history
from tape.detection.duplicates import PUBLISHERS, RING
from tape.detection.forest.reference import reference_breakpoints
from tape.detection.memory import decode_blob, encode_blob
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, LATE, NEW, Explanation, Verdicts
from tape.errors import StateError
from tape.model.columns import TradeColumns
from tape.model.counts import Refits
from tape.model.rules import HIGH_VOLUME, ISOLATION_FOREST, RAPID_PRICE_CHANGE

PROFILE = "literal"
VERSION = 2
"""Version of its state in the blob's header."""
LEAST_HISTORY = 50
"""A window with fewer prices makes no forest."""
UNIT_NANOS = 100_000
"""Prices count in 1e-4 dollars as long as all of them can."""

Identity = tuple[int, int, int, int, int, int, int]
"""publisher, ts_event_ns, sequence (0 or less for none), ordinal, price_nanos, size, side"""
PLACE = 4
"""The first parts of an identity, this many, say where a trade stands in its feed."""


@dataclass(slots=True)
class _Memory:
    """What is remembered of one symbol; the forest is kept as the values it was trained on."""

    ring: deque[Identity]
    prices: deque[int]
    history: deque[float]
    forest: tuple[int, F32]
    newest: dict[int, int] = field(default_factory=dict)
    accepted: int = 0
    fine: bool = False
    last_price: int | None = None
    training: list[float] = field(default_factory=list)


def _outcome(memory: _Memory, identity: Identity) -> tuple[int, int, bool]:
    """Return a trade's outcome, by how much it is late, and whether it shares its place.

    Unless it is a duplicate it is remembered.
    """
    publisher, ts_event_ns, sequence = identity[:3]
    shared = False
    if sequence > 0:
        if identity in memory.ring:
            return DUPLICATE, 0, False
        shared = any(other[:PLACE] == identity[:PLACE] for other in memory.ring)
    memory.ring.append(identity)
    newest = memory.newest.get(publisher)
    if newest is None and len(memory.newest) == PUBLISHERS:
        del memory.newest[min(memory.newest, key=lambda p: memory.newest[p])]
    if newest is None or ts_event_ns > newest:
        memory.newest[publisher] = ts_event_ns
    elif ts_event_ns < newest:
        return LATE, newest - ts_event_ns, shared
    return NEW, 0, shared


class LiteralDetector:
    """Judges trades by the classic rules with scikit-learn's own forests.

    Forests are asked once for all places where their verdict can change, so that a trade costs
    a search. See `tape.detection.protocol.Detector` for what it promises.
    """

    def __init__(self, parameters: Parameters, symbols: SymbolTable) -> None:
        self.parameters = ClassicParameters.of(parameters)
        self.symbols = symbols
        self.refits = Refits()
        self._learnt = self.parameters.learnt_fingerprint()
        self._memories: dict[int, _Memory] = {}
        self._usual = usual_history(parameters.history)
        self._first_forest = reference_breakpoints(self._usual, parameters)
        self._dirty: set[int] = set()

    def _memory(self, row: int) -> _Memory:
        if row not in self._memories:
            self._memories[row] = _Memory(
                ring=deque(maxlen=RING),
                prices=deque(maxlen=self.parameters.window),
                history=deque(self._usual, maxlen=self.parameters.history),
                forest=self._first_forest,
            )
        return self._memories[row]

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        outcome = np.zeros(len(trades), np.uint8)
        rules = np.zeros(len(trades), np.uint8)
        behind_ns = np.zeros(len(trades), np.int64)
        shared = np.zeros(len(trades), np.bool_)
        evidence = []
        columns = zip(
            trades.symbol.tolist(),
            trades.publisher_id.tolist(),
            trades.ts_event_ns.tolist(),
            trades.sequence.tolist(),
            trades.ordinal.tolist(),
            trades.price_nanos.tolist(),
            trades.size.tolist(),
            trades.side.tolist(),
            strict=True,
        )
        for i, (row, *identity) in enumerate(columns):
            memory = self._memory(row)
            outcome[i], behind_ns[i], shared[i] = _outcome(memory, tuple(identity))
            if outcome[i] >= DUPLICATE:
                continue
            self._dirty.add(row)
            rules[i], facts = self._judged(memory, row, tuple(identity))
            if rules[i]:
                evidence.append(facts)
        flagged = np.flatnonzero(rules).astype(np.int64)
        facts_of = np.array(evidence, dtype=EVIDENCE)
        return Verdicts(outcome, rules, flagged, facts_of, behind_ns, shared)

    def _judged(
        self, memory: _Memory, row: int, identity: Identity
    ) -> tuple[int, tuple[float, ...]]:
        """Return the rules that fire for an accepted trade, and the evidence."""
        price_nanos, size = identity[4:6]
        volume_threshold, change_threshold = thresholds_of(self.parameters, self.symbols.names[row])
        memory.accepted += 1
        rules = HIGH_VOLUME.bit if size > volume_threshold else 0
        price = price_nanos / 1e9
        previous = float("nan") if memory.last_price is None else memory.last_price / 1e9
        if previous != 0.0 and abs(price - previous) / abs(previous) > change_threshold:
            rules |= RAPID_PRICE_CHANGE.bit
        memory.last_price = price_nanos

        memory.prices.append(price_nanos)
        memory.fine |= price_nanos % UNIT_NANOS != 0
        prices = list(memory.prices)
        if not memory.fine:
            prices = [p // UNIT_NANOS for p in prices]
        m, total = len(prices), sum(prices)
        spread = m * sum(p * p for p in prices) - total * total
        root = float(np.sqrt(float(spread)))
        z = float(m * prices[-1] - total) / root if spread > 0 else float("nan")
        if spread > 0 and memory.accepted % self.parameters.stride == 0:
            memory.history.append(z)
        if memory.accepted % self.parameters.refit_every == 0:
            self._refit(memory, [float(m * p - total) for p in prices], root)
        scale = 1e9 if memory.fine else 1e4
        mean_usd, std_usd = total / m / scale, root * (1 / m / scale)
        facts = (previous, mean_usd, std_usd, z, float("nan"), float("nan"), 0.0)
        if memory.accepted >= JUDGED_FROM and spread > 0:
            anomalous, bounds = _asked(memory.forest, z)
            if anomalous:
                rules |= ISOLATION_FOREST.bit
            if bounds is not None:
                low, high, bound = bounds
                normal = (mean_usd + low * std_usd, mean_usd + high * std_usd, bound)
                facts = (previous, mean_usd, std_usd, z, *normal)
        return rules & self.parameters.flagging(self.symbols.names[row]), facts

    def _refit(self, memory: _Memory, ahead: list[float], root: float) -> None:
        """Refit the forest, on the window only if there is enough in it to learn from."""
        training = list(memory.history)
        if self.parameters.training == "window":
            training = [one / root for one in ahead] if root > 0.0 else []
        if self.parameters.training == "thinned" or len(training) >= LEAST_HISTORY:
            start_s = perf_counter()
            memory.training = training
            memory.forest = reference_breakpoints(training, self.parameters)
            self.refits.note(perf_counter() - start_s)

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade of a batch was flagged."""
        reasons = explained(trades, verdicts, nth, self.parameters, self.symbols)
        return Explanation(reasons, {"priority": priority(reasons)})

    def snapshot(self, symbol: int) -> bytes:
        """Return the state of one symbol, the smaller the less it has traded."""
        memory = self._memory(symbol)
        body = json.dumps(
            {
                "ring": list(memory.ring),
                "prices": list(memory.prices),
                "history": list(memory.history),
                "newest": list(memory.newest.items()),
                "accepted": memory.accepted,
                "fine": memory.fine,
                "last_price": memory.last_price,
                "training": memory.training,
            },
            separators=(",", ":"),
        ).encode()
        return encode_blob(body, profile=PROFILE, fingerprint=self._learnt, version=VERSION)

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up the state that `snapshot` returned; raises `StateError` if it cannot."""
        _, body = decode_blob(blob, profile=PROFILE, fingerprint=self._learnt, known=(VERSION,))
        try:
            kept: dict[str, Any] = json.loads(body)
            self._memories.pop(symbol, None)
            memory = self._memory(symbol)
            memory.ring.extend(tuple(identity) for identity in kept["ring"])
            memory.prices.extend(kept["prices"])
            memory.history.extend(kept["history"])
            memory.fine = kept["fine"]
            memory.newest = dict(kept["newest"])
            memory.accepted = kept["accepted"]
            memory.last_price = kept["last_price"]
            memory.training = kept["training"]
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"state cannot be read ({error})", "delete it to start over") from None
        if memory.training:
            memory.forest = reference_breakpoints(memory.training, self.parameters)

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on."""
        self._memories.pop(symbol, None)
        self._dirty.discard(symbol)

    def changed_symbols(self) -> list[int]:
        """Return the symbols with accepted trades since the last call."""
        rows = sorted(self._dirty)
        self._dirty.clear()
        return rows


def _asked(forest: tuple[int, F32], z: float) -> tuple[bool, tuple[float, float, float] | None]:
    """Return whether z is anomalous, and the nearest normal range (from, to, nearest z)."""
    below, breaks = forest
    at = int(np.searchsorted(breaks, np.float32(z), side="left"))
    anomalous = (below ^ (at & 1)) == 1
    bound = z
    normal = at
    if anomalous:
        if at > 0 and (at == len(breaks) or z - breaks[at - 1] <= breaks[at] - z):
            normal, bound = at - 1, float(breaks[at - 1])
        elif at < len(breaks):
            normal, bound = at + 1, float(breaks[at])
        else:
            return anomalous, None
    low = float(breaks[normal - 1]) if normal > 0 else -np.inf
    high = float(breaks[normal]) if normal < len(breaks) else np.inf
    return anomalous, (low, high, bound)
