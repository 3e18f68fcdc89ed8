"""The classic rules as a kind of detectors."""

import math
from typing import Final

from tape.codec.symbols import SymbolTable
from tape.detection.classic.detector import ClassicDetector
from tape.detection.classic.parameters import RULES, ClassicParameters
from tape.detection.classic.reference import LiteralDetector
from tape.detection.classic.state import BREAKS, COUNTERS, FINE, LAST_PRICE, LEARNT, VERSION
from tape.detection.duplicates import ACCEPTED, KNOWN_PUBLISHERS
from tape.detection.forest.self_check import kernel_can, kernel_is_trusted
from tape.detection.kind import STATE_BYTES, Kind, Layout
from tape.detection.protocol import Detector

LITERAL_BYTES: Final = 192 * 1024
"""This much more a state takes in JSON, as the detector keeps it that is not compiled."""


def _build(parameters: ClassicParameters, symbols: SymbolTable) -> Detector:
    """Return the compiled detector, or the literal one where that alone gives these verdicts."""
    if kernel_can(parameters) and kernel_is_trusted():
        return ClassicDetector(parameters, symbols)
    return LiteralDetector(parameters, symbols)


def _memory_trades(parameters: ClassicParameters) -> int:
    """Return how far back window, history and the last refit look."""
    thinned = parameters.training == "thinned"
    history = parameters.stride * parameters.history if thinned else 0
    return history + parameters.window + parameters.refit_every


def _memory_step(parameters: ClassicParameters) -> int:
    """Return by what number trades may be skipped: strides and refits keep their places."""
    return math.lcm(parameters.stride, parameters.refit_every)


def _state_bytes_max(parameters: ClassicParameters) -> int:
    values = parameters.window + parameters.history
    thinned = parameters.training == "thinned"
    if thinned and parameters.history <= 25_000 and parameters.contamination <= 0.1:
        return STATE_BYTES + 8 * values
    return STATE_BYTES + LITERAL_BYTES + 52 * values  # not compiled: kept as JSON


KIND: Final = Kind(
    name="classic",
    rules=RULES,
    parameters=ClassicParameters,
    build=_build,
    memory_trades=_memory_trades,
    memory_step=_memory_step,
    state_bytes_max=_state_bytes_max,
    finds_duplicates=True,
    scorer="tape.detection.classic.scores:ClassicScores",
    tuned="thresholds of volume and price change, and whether the forest flags",
    layout=Layout(
        columns={
            "trades": ACCEPTED,
            "history_values": LEARNT,
            "fine_prices": FINE,
            "forest_breakpoints": BREAKS,
            "publishers": KNOWN_PUBLISHERS,
        },
        count=COUNTERS,
        version=VERSION,
        last_price=LAST_PRICE,
    ),
)
