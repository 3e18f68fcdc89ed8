"""A kind of detectors: all that the rest of the program knows of one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from tape.detection.parameters import Parameters
from tape.model.rules import Rule

if TYPE_CHECKING:  # settings need the names only: without arrays and compiled code
    from tape.codec.symbols import SymbolTable
    from tape.detection.protocol import Detector

STATE_BYTES: Final = 64 * 1024
"""Room for a symbol's state: what is remembered of its last trades takes 20 KB of it."""


class KindParameters(Protocol):
    """What decides the verdicts of a kind of detectors."""

    @classmethod
    def of(cls, run: Parameters) -> Self:
        """Return what a run with these settings has of them."""

    def fingerprint(self) -> str:
        """Return digits that differ when anything that decides a verdict differs."""

    def learnt_fingerprint(self) -> str:
        """Return digits that differ when kept state cannot be used any more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where `tape state show` finds what it shows: in the counters, with which a state begins.

    Attributes:
        columns: names of the fields, as docs/operations.md explains them.
        count: how many counters there are.
        version: the newest one that has them.
        before: whether the version before has them too.
        last_price: column of the newest trade's price in 1e-9 dollars, None if there is none.
    """

    columns: dict[str, int]
    count: int
    version: int
    last_price: int | None = None
    before: bool = True


def remembers_all(_: Any) -> int | None:
    """Return None, as `memory_trades` of a kind: what is usual fades, and is never forgotten."""
    return None


def _one(_: Any) -> int:
    return 1


def _state_bytes(_: Any) -> int:
    return STATE_BYTES


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of detectors: all that the rest of the program knows of it.

    Attributes:
        name: its profile in keys of state and in tables: a-z, 0-9 and _, at most 12 characters.
        rules: in the order in which its reasons are given. Those of one's own have no bit, 0: the
            registry gives them one.
        parameters: the class of its parameters.
        build: returns a detector of one partition.
        memory_trades: how many of a symbol's last trades its state depends on; None for all.
        memory_step: of what lies further back, trades may be skipped by this number only.
        state_bytes_max: the most bytes that the state of a symbol takes.
        finds_duplicates: whether it finds them itself. Else others do, and it gets none of them.
        is_severity: whether its score is -log10 of how many ordinary trades are as odd.
        scorer: where `tape evaluate` finds a score for a detector that has none: "module:CLASS".
        tuned: what `tape tune` finds for it, in words; empty for nothing.
        layout: how to read its state for `tape state show`; None if it is one's own.
        gate: name of a kind by whose score, where it judges before this one, the detector need not
            look at each trade (`tape.detection.protocol.GatedDetector`).
    """

    name: str
    rules: tuple[Rule, ...]
    parameters: type[KindParameters]
    build: "Callable[[Any, SymbolTable], Detector]"
    memory_trades: Callable[[Any], int | None]
    memory_step: Callable[[Any], int] = _one
    state_bytes_max: Callable[[Any], int] = _state_bytes
    finds_duplicates: bool = False
    is_severity: bool = False
    scorer: str = ""
    tuned: str = ""
    layout: Layout | None = None
    gate: str = ""
