"""Tapewatch: tells which trades on a market's tape are not normal, and why."""

__version__ = "0.1.0"
