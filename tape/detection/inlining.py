"""Compiled functions for the innermost loops, whose calls and array handles cost nothing."""

from tape.compiling import part_of_callers, uncounted

__all__ = ["part_of_callers", "uncounted"]
