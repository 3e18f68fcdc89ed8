"""For tests of what is built on Tapewatch: trades, a clock, a store and a topic without a broker.

Public, and kept as carefully as the rest: a detector, a sink or a feed of your own is tested with
these, and they test Tapewatch itself.
"""

from tape.testing.clock import SettableClock
from tape.testing.memory import MemoryStore, MemoryTopic, Record
from tape.testing.trades import a_day, a_message, a_trade, messages

__all__ = [
    "MemoryStore",
    "MemoryTopic",
    "Record",
    "SettableClock",
    "a_day",
    "a_message",
    "a_trade",
    "messages",
]
