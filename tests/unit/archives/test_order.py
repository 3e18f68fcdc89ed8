"""Order, time and repeats (rows B31 to B35): counted, never a reason to go silent."""

import inspect
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tape.detection.parameters import Parameters
from tape.detection.protocol import Verdicts
from tape.errors import BooksError
from tape.feeds.pace import Pace
from tape.judging.judge import Judge
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.model.fields import NO_SEQUENCE
from tape.model.trade import Trade, encode
from tape.process.clock import CLOCK

HOUR_NS, DAY_NS = 3_600_000_000_000, 86_400_000_000_000
START_NS = 1_740_992_400_000_000_000
TESTS = Path(__file__).resolve().parents[2]


def message(
    sequence: int | None,
    *,
    at: int | None = None,
    ahead_ns: int = 0,
    size: int = 30_000,
    publisher: int = 2,
) -> bytes:
    """A trade above the volume threshold: that it was judged shows."""
    place = sequence if at is None else at
    assert place is not None
    time_ns = START_NS + place * 1_000_000 + ahead_ns
    return encode(
        Trade(
            ts_recv_ns=time_ns,
            ts_event_ns=time_ns,
            publisher_id=publisher,
            side="B",
            price_nanos=142_000_000_000,
            size=size,
            sequence=NO_SEQUENCE if sequence is None else sequence,
            symbol="NVDA",
        )
    ).replace(b'"sequence":-1,', b"")


def judged(*batches: list[bytes]) -> tuple[list[int], Counts]:
    """The sequences of the trades that were flagged, and what was counted."""
    counts = Counts()
    judge = Judge(Parameters(), 10, counts)
    flagged = []
    for batch in batches:
        found = judge.judge([b"NVDA"] * len(batch), batch)
        assert not found.unread
        flagged += [
            int(re.search(rb'"sequence":(\d+)|$', one.value)[1] or 0)  # type: ignore[index]
            for one in found.flagged
        ]
    return flagged, counts


def test_a_repeated_trade_has_no_effect_and_is_counted_b31() -> None:
    tape = [message(n) for n in range(1, 501)]
    flagged, counts = judged(tape, tape[200:], tape[:10])
    assert flagged == list(range(1, 501))
    assert counts.duplicate == 310


def test_what_is_sent_again_on_purpose_is_judged_again_with_the_same_ids_b31() -> None:
    tape = [message(n) for n in range(1, 3_001)]
    flagged, counts = judged(tape, tape[:500])
    assert flagged == [*range(1, 3_001), *range(1, 501)]
    assert (counts.trades, counts.duplicate, counts.late) == (3_500, 0, 500)
    assert counts.late_max_ns == 2_999_000_000


def test_a_time_that_steps_back_is_judged_once_and_counted_as_late_b32() -> None:
    order = [1, 2, 3, 900, 4, 5, 899, 901, 4]
    flagged, counts = judged([message(n) for n in order])
    assert flagged == order[:-1]
    assert (counts.late, counts.duplicate) == (3, 1)
    assert counts.late_max_ns == 896_000_000
    assert counts.records == 9 == counts.trades + counts.duplicate


def test_a_gap_in_the_sequence_is_ordinary_b33() -> None:
    """On XNAS.ITCH the sequence counts the messages of all symbols: gaps say nothing."""
    flagged, counts = judged([message(n) for n in (1, 2, 500_000, 500_001)])
    assert flagged == [1, 2, 500_000, 500_001]
    assert (counts.late, counts.duplicate) == (0, 0)


@pytest.mark.parametrize("ahead_ns", [HOUR_NS, DAY_NS])
def test_one_wrong_clock_does_not_silence_a_symbol_b34(ahead_ns: int) -> None:
    tape = [message(n) for n in range(1, 101)]
    tape.append(message(101, ahead_ns=ahead_ns))
    tape += [message(n) for n in range(102, 3_102)]
    flagged, counts = judged(*(tape[at : at + 500] for at in range(0, len(tape), 500)))
    assert flagged == list(range(1, 3_102))
    assert (counts.duplicate, counts.trades) == (0, 3_101)


@pytest.mark.parametrize("publisher", [2, 3])
@pytest.mark.parametrize("ahead_ns", [HOUR_NS, DAY_NS, 74 * 365 * DAY_NS])
def test_a_wrong_clock_as_the_first_trade_of_all_drops_nothing(
    ahead_ns: int, publisher: int
) -> None:
    tape = [message(1, ahead_ns=ahead_ns, publisher=publisher)]
    tape += [message(n) for n in range(2, 3_002)]
    flagged, counts = judged(*(tape[at : at + 500] for at in range(0, len(tape), 500)))
    assert flagged == list(range(1, 3_002))
    assert (counts.duplicate, counts.trades) == (0, 3_001)
    assert counts.late == (3_000 if publisher == 2 else 0)
    assert (counts.late_max_ns > 0) == (publisher == 2)


def test_a_first_trade_with_the_highest_sequence_drops_nothing() -> None:
    tape = [message(2**32 - 1, at=1), *(message(n) for n in range(2, 3_002))]
    flagged, counts = judged(tape)
    assert flagged == [2**32 - 1, *range(2, 3_002)]
    assert (counts.duplicate, counts.late) == (0, 0)


@pytest.mark.parametrize("restart_at", [1, 700, 1_500, 2_999])
@pytest.mark.parametrize("start_ns", [START_NS, START_NS + 18 * HOUR_NS])
def test_a_sequence_may_start_again_anywhere_and_a_session_may_cross_midnight(
    restart_at: int, start_ns: int
) -> None:
    sequences = [n if n < restart_at else n - restart_at + 1 for n in range(1, 3_001)]
    tape = [
        message(sequence, at=at, ahead_ns=start_ns - START_NS)
        for at, sequence in enumerate(sequences)
    ]
    flagged, counts = judged(*(tape[at : at + 777] for at in range(0, len(tape), 777)))
    assert flagged == sequences
    assert (counts.late, counts.duplicate, counts.trades) == (0, 0, 3_000)


@pytest.mark.parametrize("sequence", [0, None])
def test_equal_trades_of_a_feed_that_numbers_nothing_are_different_trades(
    sequence: int | None,
) -> None:
    tape = [message(sequence, at=5)] * 10
    flagged, counts = judged(tape, tape)
    assert len(flagged) == counts.trades == 20
    assert counts.duplicate == 0


def test_fills_that_share_a_sequence_are_different_trades() -> None:
    tape = [message(7, size=size) for size in (30_000, 30_001, 30_000, 30_002)]
    flagged, counts = judged(tape)
    assert (len(flagged), counts.duplicate) == (3, 1)


def test_a_record_sent_back_late_is_judged_f05() -> None:
    tape = [message(n) for n in range(2, 4_003)]
    flagged, counts = judged(tape, [message(1, size=900_000)])
    assert flagged[-1] == 1
    assert (counts.late, counts.duplicate) == (1, 0)


def test_books_that_do_not_balance_are_an_error_with_a_sentence() -> None:
    with pytest.raises(BooksError, match="3 records came in, but 1 were judged") as caught:
        Counts(records=3, trades=1, duplicate=1).check()
    assert caught.value.exit_code == 1
    judge = Judge(Parameters(), 10, Counts())
    detect = judge.detector.detect

    def forgetful(trades: TradeColumns) -> Verdicts:
        verdicts = detect(trades)
        return replace(verdicts, outcome=verdicts.outcome[:-1])

    judge.detector.detect = forgetful  # type: ignore[method-assign]
    with pytest.raises(BooksError, match="5 records came in, but 4 were judged"):
        judge.judge([b"NVDA"] * 5, [message(n, size=1) for n in range(1, 6)])


def test_a_step_of_the_hosts_clock_does_not_disturb_the_pace_b35(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back = iter(range(10**9, 0, -3_600))
    monkeypatch.setattr(time, "time", lambda: float(next(back)))
    told = [CLOCK.now_s() for _ in range(20)]
    assert told == sorted(told), "what the pace goes by"
    assert inspect.signature(Pace).parameters["clock"].default is CLOCK


def test_every_row_of_the_bad_inputs_has_a_test() -> None:
    text = "\n".join(path.read_text() for path in sorted(TESTS.rglob("test_*.py")))
    rows = {f"B{number:02}" for number in range(1, 46)}
    named = {found.upper() for found in re.findall(r'(?<=["_])[Bb]\d\d(?=["_(-])', text)}
    assert rows - named == set()
