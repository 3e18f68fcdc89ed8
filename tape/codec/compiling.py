"""Numba's decorators, typed: a compiled function is called as if it were not."""

import atexit
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryFile, mkdtemp
from typing import Any, Final, TypeVar, cast

import numba
import numba.extending
from platformdirs import user_cache_path

Function = TypeVar("Function", bound=Callable[..., Any])

PACKAGE: Final = Path(__file__).resolve().parents[1]
KERNEL_SOURCES: Final = (
    "codec/*.py",
    "detection/**/*.py",
    "market/day.py",
    "model/columns.py",
    "model/fields.py",
    "model/rules.py",
    "model/trade.py",
    "**/*_kernel.py",
    "archives/*_scanner.py",
    "archives/forms_plan.py",
)
"""Compiled functions, and the constants that are compiled into them."""


def cache_dir(*bases: str | Path) -> Path:
    """Return the folder of the compiled code of exactly these sources.

    It is in the first base that can be written; failing all, in a new one, for this process.

    Numba itself looks only at the file of the function that is called: after an update of one
    that is called by it, it would still run the old code, and so with wrong answers. It also does
    without a folder that it cannot write.
    """
    digest = sha256()
    for pattern in KERNEL_SOURCES:
        for file in sorted(PACKAGE.glob(pattern)):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    name = f"kernels-{digest.hexdigest()[:12]}"
    for base in bases:
        if _may_be_written(Path(base) / name):
            return Path(base) / name
    own = Path(mkdtemp(prefix="tapewatch-"))
    atexit.register(rmtree, own, ignore_errors=True)
    return own / name


def _may_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def bases(given: str) -> list[str | Path]:
    """Return where compiled code may be kept, the best place first.

    That is `NUMBA_CACHE_DIR`, then beside the sources; where these were installed by somebody
    else, with the user's other caches.
    """
    return [*([given] if given else []), PACKAGE / "__pycache__", user_cache_path("tapewatch")]


CACHE: Final = cache_dir(*bases(numba.config.CACHE_DIR))  # type: ignore[attr-defined]
"""Where this process keeps compiled code."""
WARM: Final = CACHE / f"all-by-numba-{numba.__version__}-{sys.implementation.cache_tag}"
"""There when all of it was compiled: `tape.ops.warm_up` makes it."""

numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]


def compiled(function: Function) -> Function:
    """Compile on the first call, keep the code on disk, and let other threads run meanwhile.

    Without fast-math: every sum must round as scikit-learn's does.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


_UNCOUNTED: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
}
"""`_nrt` off: no references are counted, which costs two calls an array and step, more than the
step itself. Such functions make no arrays; those of their callers live on."""


def uncounted(function: Function) -> Function:
    """Compile like `compiled`, without counting references; not to be called by Python."""
    return cast(Function, numba.njit(**_UNCOUNTED)(function))


def part_of_callers(function: Function) -> Function:
    """Compile like `uncounted`, and never as a call: passing an array takes seven words."""
    return cast(Function, numba.njit(**_UNCOUNTED, forceinline=True)(function))


def inlined(function: Function) -> Function:
    """Compile as part of the callers: passing a tuple of arrays costs more than a short body."""
    return cast(
        Function,
        numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function),
    )


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make one machine instruction callable from compiled code."""
    return cast(Callable[..., Any], numba.extending.intrinsic(function))
