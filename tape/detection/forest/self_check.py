"""Checks that the compiled forest is scikit-learn's: by asking it, once per installed version.

Where scikit-learn is not installed, what it was seen to say is asked instead.
"""

import hashlib
import importlib.metadata
import logging
import os
import platform
from pathlib import Path
from typing import Final

import llvmlite.binding
import numpy as np
import platformdirs

from tape.codec.array_types import F32
from tape.detection.forest.breakpoints import BREAKPOINTS
from tape.detection.forest.draws import SMALLEST_GAP, smallest_target_gap
from tape.detection.forest.forests import Forests
from tape.detection.forest.reference import reference_breakpoints
from tape.detection.parameters import Parameters
from tape.errors import SettingsError

log = logging.getLogger(__name__)

KERNEL = 2
"""Raised when the kernels change, so that old answers are not believed."""

RECORDED: Final = (
    (1, (-3.0219616889953613, 3.170893430709839)),
    (1, (-3.0191586017608643, 3.197749614715576, 3.216658353805542, 3.222069501876831)),
    (0, (0.9660377502441406, 0.9672165513038635, 0.9686799645423889)),
    (0, (3.4871768951416016,)),
)
"""What scikit-learn 1.5.0 to 1.9.1 say of the training sets: the verdict below all breakpoints, and
the breakpoints. No verdict there hangs on a power's last bit, in which processors differ."""


def training_sets() -> list[F32]:
    """Return fixed training values: spread out, with ties, skewed, and few."""
    grid = (np.arange(1000) * 377 % 1000 + 0.5) / 1000
    spread = np.sqrt(-2 * np.log(grid)) * np.sign(grid * 7919 % 1 - 0.5)
    return [
        spread.astype(np.float32),
        np.round(spread, 1).astype(np.float32),
        (grid[:400] ** 3).astype(np.float32),
        spread[:50].astype(np.float32),
    ]


def forests_agree() -> bool:
    """Return whether compiled forests have the breakpoints of scikit-learn's."""
    parameters = Parameters()
    forests = Forests(parameters, BREAKPOINTS)
    for training in training_sets():
        below, breaks = forests.breakpoints(training)
        expected_below, expected = reference_breakpoints(training, parameters)
        if below != expected_below or breaks.tolist() != expected.tolist():
            return False
    return True


def forests_are_as_recorded() -> bool:
    """Return whether compiled forests have the breakpoints that scikit-learn was seen to give."""
    forests = Forests(Parameters(), BREAKPOINTS)
    for training, (expected_below, expected) in zip(training_sets(), RECORDED, strict=True):
        below, breaks = forests.breakpoints(training)
        if below != expected_below or breaks.tolist() != list(expected):
            return False
    return True


def _answer_file() -> Path:
    """Return where the answer for these versions on this processor is kept."""
    facts = [importlib.metadata.version(name) for name in ("scikit-learn", "numpy", "numba")]
    facts += [platform.machine(), llvmlite.binding.get_host_cpu_name(), str(KERNEL)]
    name = hashlib.sha256("|".join(facts).encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("tapewatch")) / f"forest-check-{name}"


def kernel_is_trusted() -> bool:
    """Return whether the compiled forest may serve; asks scikit-learn once per version.

    Raises `SettingsError` if it may not, and there is no scikit-learn to serve instead.
    """
    try:
        file = _answer_file()
    except importlib.metadata.PackageNotFoundError:
        if forests_are_as_recorded():
            return True
        raise SettingsError(
            "the compiled forest gives other verdicts here than scikit-learn, which is not "
            "installed to serve instead",
            "pip install 'tapewatch[detector]'",
        ) from None
    try:
        kept = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        kept = ""
    if kept not in ("agree", "differ"):
        kept = "agree" if forests_agree() else "differ"
        partial = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(kept, encoding="ascii")
            partial.replace(file)
        except OSError as error:
            log.info("forest check not kept", extra={"error": str(error)})
    if kept == "differ":
        log.warning("compiled forest differs from scikit-learn, which now serves itself, slowly")
    return kept == "agree"


MOST_CONTAMINATION = 0.1
"""Forests were seen to change their verdict at up to 62 places here, at 150 with 0.5; a symbol's
state has room for 120."""


def kernel_can(parameters: Parameters) -> bool:
    """Return whether the compiled detector covers these parameters at all."""
    return (
        parameters.training == "thinned"
        and 50 <= parameters.history <= 25_000
        and 1 <= parameters.window <= 100_000
        and parameters.trees <= 10_000
        and parameters.contamination <= MOST_CONTAMINATION
        and smallest_target_gap(parameters.random_state, parameters.history) >= SMALLEST_GAP
    )
