"""Rules, forest and duplicates: columns of trades in, verdicts out."""

from tape.detection.calibrated.calibrated import CalibratedDetector
from tape.detection.classic import ClassicDetector
from tape.detection.forest_check import kernel_can, kernel_is_trusted
from tape.detection.literal import LiteralDetector
from tape.detection.parameters import Parameters
from tape.symbols import SymbolTable


def make_detector(
    parameters: Parameters, symbols: SymbolTable
) -> CalibratedDetector | ClassicDetector | LiteralDetector:
    """Return the compiled detector, or the literal one where that alone gives these verdicts."""
    if parameters.profile == "calibrated":
        return CalibratedDetector(parameters, symbols)
    if kernel_can(parameters) and kernel_is_trusted():
        return ClassicDetector(parameters, symbols)
    return LiteralDetector(parameters, symbols)


__all__ = ["CalibratedDetector", "ClassicDetector", "LiteralDetector", "make_detector"]
