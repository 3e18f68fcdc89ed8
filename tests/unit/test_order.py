"""Order, time and repeats (rows B31 to B35): counted, never a reason to go silent."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from tape.detection.parameters import Parameters
from tape.judge import Counts, Judge
from tape.pace import Pace
from tape.trade import Trade, encode

HOUR_NS, DAY_NS = 3_600_000_000_000, 86_400_000_000_000
START_NS = 1_740_992_400_000_000_000
TESTS = Path(__file__).resolve().parents[1]


def message(sequence: int, *, ahead_ns: int = 0, size: int = 30_000) -> bytes:
    """A trade above the volume threshold: that it was judged shows."""
    time_ns = START_NS + sequence * 1_000_000 + ahead_ns
    return encode(
        Trade(
            ts_recv_ns=time_ns,
            ts_event_ns=time_ns,
            publisher_id=2,
            side="B",
            price_nanos=142_000_000_000,
            size=size,
            sequence=sequence,
            symbol="NVDA",
        )
    )


def judged(*batches: list[bytes]) -> tuple[list[int], Counts]:
    """The sequences of the trades that were flagged, and what was counted."""
    counts = Counts()
    judge = Judge(Parameters(), 10, counts)
    flagged = []
    for batch in batches:
        found = judge.judge([b"NVDA"] * len(batch), batch)
        assert not found.unread
        flagged += [int(re.search(rb'"sequence":(\d+)', one.value)[1]) for one in found.flagged]  # type: ignore[index]
    return flagged, counts


def test_a_repeated_trade_has_no_effect_and_is_counted_b31() -> None:
    tape = [message(n) for n in range(1, 501)]
    flagged, counts = judged(tape, tape[200:], tape[:10])
    assert flagged == list(range(1, 501))
    assert counts.duplicate == 310


def test_a_replay_of_what_is_older_than_all_memory_has_no_effect_b31() -> None:
    tape = [message(n) for n in range(1, 3_001)]
    flagged, counts = judged(tape, tape[:500])
    assert flagged == list(range(1, 3_001))
    assert counts.stale == 500


def test_a_sequence_that_steps_back_is_judged_once_and_counted_as_late_b32() -> None:
    order = [1, 2, 3, 900, 4, 5, 899, 901, 4]
    flagged, counts = judged([message(n) for n in order])
    assert flagged == order[:-1]
    assert (counts.late, counts.duplicate) == (3, 1)


def test_a_gap_in_the_sequence_is_ordinary_b33() -> None:
    """On XNAS.ITCH the sequence counts the messages of all symbols: gaps say nothing."""
    flagged, counts = judged([message(n) for n in (1, 2, 500_000, 500_001)])
    assert flagged == [1, 2, 500_000, 500_001]
    assert (counts.late, counts.stale, counts.duplicate) == (0, 0, 0)


@pytest.mark.parametrize("ahead_ns", [HOUR_NS, DAY_NS])
def test_one_wrong_clock_does_not_silence_a_symbol_b34(ahead_ns: int) -> None:
    tape = [message(n) for n in range(1, 101)]
    tape.append(message(101, ahead_ns=ahead_ns))
    tape += [message(n) for n in range(102, 3_102)]
    flagged, counts = judged(*(tape[at : at + 500] for at in range(0, len(tape), 500)))
    assert flagged == list(range(1, 3_102))
    assert counts.stale == counts.duplicate == 0


def test_a_step_of_the_hosts_clock_does_not_disturb_the_pace_b35(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(10**9, 0, -3_600))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    due_ns = np.arange(20) * 10_000_000
    start_s = time.monotonic()
    sent = [stop - start for start, stop in Pace(1).slices(due_ns, until=lambda: False)]
    assert sum(sent) == 20
    assert 0.15 < time.monotonic() - start_s < 5


def test_every_row_of_the_bad_inputs_has_a_test() -> None:
    text = "\n".join(path.read_text() for path in sorted(TESTS.rglob("test_*.py")))
    rows = {f"B{number:02}" for number in range(1, 46)}
    named = {found.upper() for found in re.findall(r'(?<=["_])[Bb]\d\d(?=["_(-])', text)}
    assert rows - named == set()
