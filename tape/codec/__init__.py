"""Bytes to values and back: messages, rows of files, symbols by number; compiled."""
