"""A tape judged by its numbers gives what its messages give, row for row and word for word."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.archives import find_archives
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay
from tape.model.counts import Counts
from tape.model.rejected import Rejected
from tape.synthetic import inject, make_day, write_day
from tape.testing import a_message
from tests.unit.judging.test_books import HEADER, LINES, trade

BOOKS = 4
"""Where `told` has the rows and trades that were read."""


def told(folder: Path, *, as_numbers: bool, most: int = 10, part: Part | None = None) -> Any:
    """Return all that a replay tells of the files in a folder."""
    counts = Counts()
    judge = Judge(Parameters(profile="calibrated", alerts_per_10k=50.0), most, counts)
    run = Replay(find_archives([folder]).archives, judge, part or Part(), as_numbers=as_numbers)
    values: list[bytes] = []
    flagged: list[bytes] = []
    episodes: list[tuple[bytes, str | None, str]] = []
    unread: list[Rejected] = []
    for shown in run.batches():
        values += list(shown.values)
        flagged += shown.flagged
        episodes += [(one.value, one.mark, one.state) for one in shown.episodes]
        unread += [one.rejected for one in shown.judged.unread]
    books = (run.rows, run.trades, run.messages, run.skipped, run.unread, run.outcome.as_json())
    counted = asdict(counts) | {"refits": counts.refits.count}  # these are timed
    return values, flagged, episodes, unread, books, counted


def same(folder: Path, **how: Any) -> Any:
    one, other = (told(folder, as_numbers=as_numbers, **how) for as_numbers in (False, True))
    limited = "part" in how and how["part"].limit is not None
    for nth, (by_messages, by_numbers) in enumerate(zip(one, other, strict=True)):
        if nth != BOOKS or not limited:  # how many rows are read ahead of a limit may differ
            assert by_numbers == by_messages
    return one


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(LINES, min_size=1, max_size=60), min_size=1, max_size=3))
def test_any_files_are_judged_alike(files: list[list[str]]) -> None:
    with TemporaryDirectory() as folder:
        for n, lines in enumerate(files):
            Path(folder, f"part{n}.trades.csv").write_text("\n".join([HEADER, trade(n), *lines]))
        for most in (10, 1):  # one place for two symbols: the second one's trades are refused
            same(Path(folder), most=most)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    write_day(inject(make_day(3, ["AAA", "BBB"], 8_000), seed=3, anomalies=28), folder)
    return folder


def test_anomalies_and_episodes_are_the_same_bytes(day: Path) -> None:
    values, flagged, episodes, *_ = same(day)
    assert len(values) > 8_000
    assert len(flagged) > 10
    assert len(episodes) > len(flagged)


@pytest.mark.parametrize(
    "part",
    [
        Part(symbols=frozenset({"BBB"})),
        Part(from_ns=1_741_017_600 * 10**9),  # 16:00 UTC
        Part(to_ns=1_741_017_600 * 10**9),
        Part(from_ns=1_741_017_600 * 10**9, limit=500),
    ],
)
def test_so_is_a_part_of_the_tape(part: Part, day: Path) -> None:
    assert same(day, part=part)[0]


def test_equal_trades_keep_their_ordinals_and_trades_without_a_sequence_have_none(
    tmp_path: Path,
) -> None:
    rows = [a_message(n // 3) for n in range(3, 90)]
    rows += [b'{"ts_event":"2025-05-05T14:00:00Z","price":100.5,"size":5,"symbol":"NVDA"}'] * 3
    (tmp_path / "a.trades.jsonl").write_bytes(b"\n".join([*rows, b""]))
    values = same(tmp_path)[0]
    assert sum(b'"ordinal":2' in value for value in values) > 20
