"""What the benchmark by symbols sends, and what it makes of what it saw."""

import math
import subprocess
import time

import numpy as np
import pytest

from benchmarks.machine.walks import FIRST_CENTS, LARGE_SHARES, messages, walks
from benchmarks.machine.watched import Sample, Watched
from tape.model.trade import Trade, decode


def test_walks_are_messages_of_evenly_busy_symbols_each_with_its_own_price() -> None:
    symbols, trades = 50, 5_000
    keys, values = messages(walks(trades, symbols, flagged_one_in=100), symbols)
    found = [decode(value, key, check_key=True) for key, value in zip(keys, values, strict=True)]
    read = [one for one in found if isinstance(one, Trade)]
    assert len(read) == trades
    assert sum(one.size == LARGE_SHARES for one in read) == trades // 100
    for name in {one.symbol for one in read}:
        cents = [one.price_nanos // 10_000_000 for one in read if one.symbol == name]
        assert 50 < len(cents) < 200
        assert abs(cents[0] - FIRST_CENTS) <= 2, "each begins at the same price"
        assert np.abs(np.diff(cents)).max() <= 2, "and no symbol jumps for another one's steps"


def test_a_trade_costs_what_the_process_took_from_the_first_to_the_last() -> None:
    """A commit of 2 s, and one of 4 s behind the last trade, which its CPU is part of."""
    watched = Watched(subprocess.Popen(["true"]), 0, time.monotonic())
    watched.process.wait()
    watched.samples += [
        Sample(0.5, 0, 3.0, 1, 0.1, 2**20),
        Sample(1.0, 1_000, 4.0, 1, 0.1, 2**20),
        Sample(2.0, 3_000, 5.0, 2, 2.1, 5 * 2**20),
        Sample(3.0, 5_000, 6.0, 2, 2.1, 3 * 2**20),
        Sample(7.0, 5_000, 8.0, 3, 6.1, 3 * 2**20),
    ]
    figures = watched.figures()
    assert math.isclose(figures["cpu_us"], 1e6 * (8.0 - 4.0) / 4_000)
    assert math.isclose(figures["trades_per_s"], 4_000 / 2.0)
    assert (figures["commit_s"], figures["commit_max_s"]) == pytest.approx((3.0, 4.0))
    assert figures["anon_mb"] == 5.0
