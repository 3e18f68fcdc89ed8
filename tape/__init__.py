"""Tapewatch: tells which trades on a market's tape are not normal, and why."""

__version__ = "0.1.0"
"""Stands in every message; a release gives it the number of its tag, and a test compares them."""
