"""What goes into the kernel with a batch of trades, and what it answers."""

from typing import NamedTuple

from tape.codec.array_types import F32, F64, I32, I64, U8


class Setting(NamedTuple):
    """What does not change: see `tape.detection.calibrated.detector`.

    `budgets` has a row per family of each budget, and `budget_of` per symbol the first of those
    that are its own.
    """

    prior: F32
    edges: F64
    least_shape: F64
    budgets: F64
    budget_of: I32


class Scratch(NamedTuple):
    """Room for a trade's six values and two more, the same as bits, and its severities.

    `families` has the severity of each family; `counts` room for a tail's histogram, prior and
    all; `watch` is the refits' stopwatch.
    """

    values: F64
    bits: I64
    severities: F64
    families: F64
    counts: F64
    watch: I64


class Answers(NamedTuple):
    """Verdicts of a batch; `facts` has a row per flagged trade.

    `families` has the severity of each family per trade, `priorities` the priority. `bands` and
    `contexts` have no rows where nobody asks for them.
    """

    outcome: U8
    rules: U8
    flagged: I64
    scores: F64
    families: F64
    priorities: F64
    facts: F64
    behind_ns: I64
    shared: U8
    bands: F64
    contexts: U8
