"""Short compiled functions that become part of the machine code of their callers."""

from typing import cast

import numba

from tape.compiling import Function


def part_of_callers(function: Function) -> Function:
    """Compile like `tape.compiling.compiled`, but never as a call: arrays cost ten words each."""
    return cast(
        Function,
        numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function),
    )
