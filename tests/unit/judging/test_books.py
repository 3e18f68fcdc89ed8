"""Every row and every trade is accounted for, whatever the files hold."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.archives import find_archives
from tape.detection.parameters import Parameters
from tape.errors import BooksError
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tests.commands import tape

HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)


def trade(n: int, *, action: str = "T", price: str = "80.01", symbol: str = "ACME") -> str:
    at = f"2025-03-05T15:{n // 600 % 60:02d}:{n // 10 % 60:02d}.{n % 10}00000000Z"
    return f"{at},{at},0,2,1,{action},B,0,{price},100,0,0,{n + 1},{symbol}"


LINES = st.one_of(
    st.integers(0, 3_000).map(trade),  # some of them twice, many of them late
    st.integers(0, 3_000).map(lambda n: trade(n, symbol="BOLT")),
    st.integers(0, 3_000).map(lambda n: trade(n, action="A")),
    st.integers(0, 3_000).map(lambda n: trade(n, price="eighty")),
    st.integers(0, 3_000).map(lambda n: trade(n, price="")),
    st.integers(0, 3_000).map(lambda n: trade(n) + "\r"),
    st.sampled_from(["", " ", "\r", ",", "x" * 70_000, HEADER, '"', "\0" * 50]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(LINES, min_size=1, max_size=60), min_size=1, max_size=3), st.booleans())
def test_each_row_is_judged_skipped_a_duplicate_or_rejected(
    files: list[list[str]], closed: bool
) -> None:
    with TemporaryDirectory() as folder:
        for n, lines in enumerate(files):
            text = "\n".join([HEADER, trade(n), *lines]) + ("\n" if closed else "")
            Path(folder, f"part{n}.trades.csv").write_text(text)
        counts = Counts()
        run = Replay(find_archives(Path(folder)).archives, Judge(Parameters(), 10, counts))
        for _ in run.batches():
            pass
        whole = {tuple(lines) for lines in files}  # a file named twice is read once
        assert len(run.outcome.damaged) == 0
        rejected = run.outcome.rejected.total()
        assert run.rows == counts.trades + counts.duplicate + rejected + run.skipped
        if len(whole) == len(files):
            ends = 0 if closed else sum(lines[-1] == "" for lines in files)
            assert run.rows == sum(len(lines) + 1 for lines in files) - ends


def test_a_replay_that_loses_a_row_ends_with_1_and_asks_to_report_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a judge that forgets its last message, and a reader that does."""
    path = tmp_path / "a.trades.csv"
    path.write_text("\n".join([HEADER, *map(trade, range(50)), ""]))
    judge_all, note = Judge.judge, Replay._note_days

    def forgetful(judge: Judge, *batch: Any) -> object:
        judge._counts.records += 1
        return judge_all(judge, *batch)

    with monkeypatch.context() as changed:
        changed.setattr(Judge, "judge", forgetful)
        ended = tape("replay", path, "--output", tmp_path / "a.jsonl")
    assert ended.returncode == 1
    assert "the books do not balance: 51 records" in ended.stderr

    def losing(run: Replay, times: object) -> None:
        run.messages -= 1
        note(run, times)  # type: ignore[arg-type]

    monkeypatch.setattr(Replay, "_note_days", losing)
    ended = tape("replay", path, "--output", tmp_path / "a.jsonl")
    assert ended.returncode == 1
    assert "the books do not balance: 50 rows were read" in ended.stderr
    assert "please report it" in ended.stderr
    assert not (tmp_path / "a.jsonl").exists()


def test_the_numbers_of_a_replay_add_up(tmp_path: Path) -> None:
    lines = [trade(n) for n in range(40)] + [
        trade(7),
        trade(8, price="x"),
        trade(9, action="C"),
        "",
    ]
    path = tmp_path / "a.trades.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    found = json.loads(tape("replay", path).stdout)
    assert found["rows"] == 44
    assert found["rows_skipped"] == 2
    assert found["records"] == 42
    judged, rejected = found["judged"], sum(found["rejected"].values())
    assert (judged, found["duplicates"], rejected) == (41, 0, 1), "equal rows of a file are trades"


def test_a_judge_whose_counts_do_not_balance_says_so() -> None:
    with pytest.raises(BooksError, match="10 records came in"):
        Counts(records=10, trades=8, duplicate=1).check()
