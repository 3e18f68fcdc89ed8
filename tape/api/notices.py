"""What a call of the library must say beside its result: as warnings, never silently."""

import warnings


class TapeWarning(UserWarning):
    """Something came in that is not in the result: rows rejected, files not read."""


def notice(text: str) -> None:
    """Warn the caller of the library, at the line from which it was called."""
    warnings.warn(text, TapeWarning, stacklevel=_library_frames())


def _library_frames() -> int:
    """Return how many frames of this package lie between a warning and its caller."""
    import sys

    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("tape."):
        level, frame = level + 1, frame.f_back
    return level
