"""State as a log: the trades of each commit, and whole states of a few symbols in turn.

A whole state takes some 32 KB, the trades of a symbol in a second a few dozen bytes. So a commit
writes the trades, and whole states only of symbols that are new, of the busiest, and, in turn, of
those whose whole state is the oldest. Taking up is to restore whole states and to judge the logged
trades again; what is said of them was told before, and is forgotten.

One rule decides what counts: every symbol in the store has a whole state, which says how far the
log had come when it was written; of the log counts what is newer. A state that is dropped or reset
takes its trades in the log with it.
"""
