"""Which detector a profile is."""

from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.classic.detector import ClassicDetector
from tape.detection.classic.reference import LiteralDetector
from tape.detection.forest.self_check import kernel_can, kernel_is_trusted
from tape.detection.parameters import Parameters


def make_detector(
    parameters: Parameters, symbols: SymbolTable
) -> CalibratedDetector | ClassicDetector | LiteralDetector:
    """Return the compiled detector, or the literal one where that alone gives these verdicts."""
    if parameters.profile == "calibrated":
        return CalibratedDetector(parameters, symbols)
    if kernel_can(parameters) and kernel_is_trusted():
        return ClassicDetector(parameters, symbols)
    return LiteralDetector(parameters, symbols)
