"""Compiled functions for the innermost loops, whose calls and array handles cost nothing."""

from typing import Any, cast

import numba

from tape.compiling import Function

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
"""`_nrt` off: no references are counted, which costs two calls an array and step, more than the
step itself. Such functions make no arrays; those of their callers live on."""


def uncounted(function: Function) -> Function:
    """Compile like `tape.compiling.compiled`, without counting references."""
    return cast(Function, numba.njit(**_OPTIONS)(function))


def part_of_callers(function: Function) -> Function:
    """Compile like `uncounted`, and never as a call: passing an array takes seven words."""
    return cast(Function, numba.njit(**_OPTIONS, forceinline=True)(function))
