"""A detector that is not of this program: it is given what it may see, and what it says is checked.

It gets each trade once: duplicates are found here, before it. Whatever it does wrong ends the run
with one sentence before anything of the batch is committed, so no trade is lost.
"""

import hashlib
import struct
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import numpy as np

from tape.codec.symbols import SymbolTable
from tape.detection.composed import taken
from tape.detection.kind import Kind
from tape.detection.memory import (
    ROOM_FACTOR,
    clear_row,
    decode_blob,
    decode_fields,
    encode_blob,
    encode_fields,
    grown,
)
from tape.detection.parameters import Parameters
from tape.detection.protocol import DUPLICATE, Explanation, Part, Verdicts, kernel_columns
from tape.detection.ring_kernel import VERSION, check, find_duplicates, ring_state
from tape.errors import DetectorError, StateError
from tape.model.anomaly import Reason, refuse_unreadable
from tape.model.columns import TradeColumns

LENGTH: Final = struct.Struct("<I")
"""Before what is remembered for the duplicates: how long it is; the detector's own follows."""
DROPPED: Final = -1.0
"""Score of a duplicate."""
RESERVED: Final = frozenset(
    (
        *("ts_recv", "ts_event", "rtype", "publisher_id", "instrument_id", "action", "side"),
        *("depth", "price", "size", "flags", "ts_in_delta", "sequence", "symbol", "ordinal"),
        *("anomaly_id", "episode_id", "anomalies", "reasons", "detector", "rank", "suppressed"),
    )
)
"""Fields of an anomaly that no detector may add again."""


class OwnDetector:
    """A detector of a kind from elsewhere, which need not know of duplicates.

    A rule whose bit is 0 does not flag in this run.
    """

    def __init__(
        self, kind: Kind, bits: tuple[int, ...], parameters: Parameters, symbols: SymbolTable
    ) -> None:
        self._kind = kind
        self._bits = bits
        self._rules = {rule.name: nth for nth, rule in enumerate(kind.rules)}
        with self._named("build()"):
            own = kind.parameters.of(parameters)
            self._learnt = hashlib.sha256(own.learnt_fingerprint().encode()).hexdigest()[:12]
            self._state_bytes_max = int(kind.state_bytes_max(own))
            self._own = kind.build(own, symbols)
        self._state = ring_state()

    def detect(self, trades: TradeColumns) -> Verdicts:
        """Judge a batch and remember what is needed to judge the next one."""
        n = len(trades)
        if n:
            self._make_room(int(trades.symbol.max()) + 1)
        outcome, behind_ns = np.empty(n, np.uint8), np.empty(n, np.int64)
        shared = np.empty(n, np.uint8)
        find_duplicates(kernel_columns(trades), self._state, outcome, behind_ns, shared)
        accepted = np.flatnonzero(outcome < DUPLICATE)
        positions = None if len(accepted) == n else accepted
        part = read_only(trades if positions is None else taken(trades, positions))
        found, bits = Verdicts.of(np.zeros(0, np.uint8)), np.zeros(0, np.uint8)
        if len(part):
            with self._named("detect()"):
                found = self._own.detect(part)
                bits = self._checked(found, len(part))
                found = self._flagging(found)
        rows = slice(None) if positions is None else positions
        rules = np.zeros(n, np.uint8)
        rules[rows] = bits
        score = None
        if found.score is not None:
            score = np.full(n, DROPPED)
            score[rows] = found.score
        flagged = np.flatnonzero(rules)
        return Verdicts(
            outcome,
            rules,
            flagged,
            np.zeros(len(flagged), np.dtype([])),
            behind_ns,
            shared.view(np.bool_),
            score,
            (Part(part, found, positions),),
        )

    def explain(self, trades: TradeColumns, verdicts: Verdicts, nth: int) -> Explanation:
        """Return why the `nth` flagged trade of a batch was flagged."""
        (part,) = verdicts.parts
        with self._named("explain()"):
            found = self._own.explain(part.trades, part.verdicts, nth)
            if not isinstance(found, Explanation):
                raise _Fault(f"returned a {type(found).__name__}, not an Explanation")
            fired = int(part.verdicts.rules[part.verdicts.flagged[nth]])
            found = self._without_off(found)
            self._check_explanation(found, fired)
        return found

    def changed_symbols(self) -> list[int]:
        """Return the symbols with accepted trades since the last call."""
        rows: list[int] = np.flatnonzero(self._state.dirty[:, 0]).tolist()
        self._state.dirty[:] = 0
        return rows

    def snapshot(self, symbol: int) -> bytes:
        """Return the state of one symbol: what the duplicates need, and the detector's own."""
        self._make_room(symbol + 1)
        ring = encode_fields(self._state, symbol)
        with self._named("snapshot()"):
            own = self._own.snapshot(symbol)
            if not isinstance(own, bytes):
                raise _Fault(f"returned a {type(own).__name__}, not bytes")
            most = self._state_bytes_max - RING_BYTES
            if len(own) > most:
                raise _Fault(
                    f"returned {len(own):,} bytes where its kind's state_bytes_max leaves {most:,}"
                )
        body = LENGTH.pack(len(ring)) + ring + own
        return encode_blob(body, profile=self._kind.name, fingerprint=self._learnt, version=VERSION)

    def restore(self, symbol: int, blob: bytes) -> None:
        """Take up the state that `snapshot` returned; raises `StateError` if it cannot."""
        self._make_room(symbol + 1)
        _, body = decode_blob(
            blob, profile=self._kind.name, fingerprint=self._learnt, known=(VERSION,)
        )
        (length,) = LENGTH.unpack_from(body) if len(body) >= LENGTH.size else (len(body),)
        ring, own = body[LENGTH.size : LENGTH.size + length], body[LENGTH.size + length :]
        decode_fields(self._state, symbol, ring, check=check)
        with self._named("restore()"):
            self._own.restore(symbol, own)

    def forget(self, symbol: int) -> None:
        """Forget all of a symbol, whose number belongs to another one from now on."""
        if symbol < len(self._state.dirty):
            clear_row(self._state, symbol)
        with self._named("forget()"):
            self._own.forget(symbol)

    def _make_room(self, rows: int) -> None:
        if rows > len(self._state.dirty):
            self._state = grown(self._state, max(rows, ROOM_FACTOR * len(self._state.dirty), 16))

    def _checked(self, found: Any, n: int) -> Any:
        """Return the rules that fired, with the bits that they have in this run."""
        if not isinstance(found, Verdicts):
            raise _Fault(f"returned a {type(found).__name__}, not Verdicts")
        for name, column in (("rules", found.rules), ("score", found.score)):
            if column is not None and np.shape(column) != (n,):
                raise _Fault(f"returned {name} of shape {np.shape(column)} for {n:,} trades")
        if found.rules.dtype != np.uint8:
            raise _Fault(f"returned rules of type {found.rules.dtype}, not uint8")
        if not np.array_equal(found.flagged, np.flatnonzero(found.rules)):
            raise _Fault("returned other flagged trades than those whose rules fired")
        if len(found.evidence) != len(found.flagged):
            raise _Fault(
                f"returned evidence of {len(found.evidence):,} trades where "
                f"{len(found.flagged):,} are flagged"
            )
        if found.score is not None and not np.isfinite(found.score).all():
            raise _Fault("returned a score that is no finite number")
        if n and int(found.rules.max()) >> len(self._bits):
            raise _Fault(f"set a bit beyond those of its {len(self._bits)} rules")
        bits = np.zeros(n, np.uint8)
        for nth, bit in enumerate(self._bits):
            bits[(found.rules >> nth) & 1 == 1] |= np.uint8(bit)
        return bits

    def _flagging(self, found: Verdicts) -> Verdicts:
        """Return the verdicts of the rules that flag in this run."""
        if all(self._bits):
            return found
        on = sum(1 << nth for nth, bit in enumerate(self._bits) if bit)
        rules = found.rules & np.uint8(on)
        kept = rules[found.flagged] != 0
        return replace(
            found, rules=rules, flagged=found.flagged[kept], evidence=found.evidence[kept]
        )

    def _without_off(self, found: Explanation) -> Explanation:
        """Return an explanation without the reasons of rules that do not flag in this run."""
        off = {name for name, nth in self._rules.items() if not self._bits[nth]}
        reasons = [one for one in found.reasons if getattr(one, "rule", None) not in off]
        return replace(found, reasons=reasons) if off else found

    def _check_explanation(self, found: Explanation, fired: int) -> None:
        if any(not isinstance(reason, Reason) for reason in found.reasons):
            raise _Fault("returned reasons that are not Reasons")
        told = 0
        for reason in found.reasons:
            told |= 1 << self._rules.get(reason.rule, len(self._rules))
        if told != fired or len(found.reasons) != fired.bit_count():
            names = [name for name, nth in self._rules.items() if fired >> nth & 1]
            raise _Fault(
                f"gave reasons for {[reason.rule for reason in found.reasons]} where {names} fired"
            )
        taken_names = RESERVED & found.extras.keys()
        if taken_names:
            raise _Fault(f"added the field {min(taken_names)!r}, which an anomaly has already")
        refuse_unreadable(found.reasons, found.extras)

    @contextmanager
    def _named(self, method: str) -> Iterator[None]:
        """Name the detector in whatever goes wrong in a method of it."""
        try:
            yield
        except (DetectorError, StateError):
            raise
        except _Fault as fault:
            raise self._error(f"{method} {fault}") from None
        except Exception as error:  # whatever a program of others may raise
            what = f"{method} failed with {type(error).__name__}: {error}{_where(error)}"
            raise self._error(what) from error

    def _error(self, what: str) -> DetectorError:
        return DetectorError(
            f"the detector {self._kind.name} of PROFILE is at fault: {what}; nothing of this "
            "batch was committed",
            "correct it, or take it out of PROFILE, and start again",
        )


class _Fault(Exception):
    """What a detector returned that it must not."""


RING_BYTES: Final = 24 * 1024
"""Room for what is remembered for the duplicates, headers included."""


def read_only(trades: TradeColumns) -> TradeColumns:
    """Return the same trades, in columns that cannot be written to: others judge them, too."""
    columns = []
    for name in TradeColumns.__slots__:
        column = getattr(trades, name).view()
        column.flags.writeable = False
        columns.append(column)
    return TradeColumns(*columns)


def _where(error: Exception) -> str:
    """Return file and line of where an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    frame = frames[-1]
    return f" ({frame.filename.rpartition('/')[2]}, line {frame.lineno})"
