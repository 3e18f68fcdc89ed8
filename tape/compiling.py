"""Numba's decorators, typed: a compiled function is called as if it were not."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.extending

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile on the first call, keep the code on disk, and let other threads run meanwhile.

    Without fast-math: every sum must round as scikit-learn's does.
    """
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Compile as part of the callers: passing a tuple of arrays costs more than a short body."""
    return cast(
        Function,
        numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")(function),
    )


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make one machine instruction callable from compiled code."""
    return cast(Callable[..., Any], numba.extending.intrinsic(function))
