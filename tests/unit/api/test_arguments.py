"""What callers pass by mistake: one sentence says what it was and what to write."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tape

TRADES = {
    "ts_event": [f"2025-05-05T14:30:0{n}Z" for n in range(5)],
    "symbol": ["NVDA"] * 5,
    "price": [100.0, 100.0, 100.0, 100.0, 103.0],
    "size": [100] * 5,
}

NUMBERS: Any = [7]


def found(**settings: Any) -> tape.Found:
    return tape.detect(TRADES, **settings)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "thresholds of a list": (lambda: found(thresholds=[1]), "thresholds is a list; write {"),
    "columns of a list": (lambda: found(columns=["Px"]), "columns is a list; write {"),
    "a zone of a number": (lambda: found(time_zone=5), "time_zone=5 is no text; write"),
    "a yes for a number": (
        lambda: found(volume_threshold=True),
        "volume_threshold=True is neither a number nor a text",
    ),
    "rules of numbers": (lambda: found(rules=[1]), "rules=1 is no text"),
    "no rules at all": (lambda: found(rules=[]), "RULES: ',' names no rule"),
    "symbols of numbers": (lambda: tape.read(TRADES, symbols=NUMBERS), "symbols=7 is no text"),
    "one symbol of a number": (
        lambda: tape.read(TRADES, symbols=NUMBERS[0]),
        "symbols=7 is no text",
    ),
    "symbols of a call": (lambda: found(symbols="NVDA"), "give it to tape.read(…, symbols=…)"),
    "top of a text": (lambda: found().top("3"), "n='3' is no count"),
    "top of a half": (lambda: found().top(2.5), "n=2.5 is no count"),
    "top of less than none": (lambda: found().top(-1), "n=-1 is no count"),
    "a picture of nothing": (lambda: found().plot(None), "episode_id=None is no text"),
    "bars of a number": (lambda: tape.bars(TRADES, 60), "every=60 is no text"),
    "an empty path": (lambda: tape.read(""), "the path is empty"),
    "an empty path of several": (lambda: tape.read(["a.csv", ""]), "the path is empty"),
    "an address": (
        lambda: tape.read("s3://bucket/a.csv"),
        "s3://bucket/a.csv is an address, not a file; download it first",
    ),
    "a start of a number": (lambda: tape.read(TRADES, start=NUMBERS[0]), "start=7 is no text"),
    "thresholds by number": (
        lambda: found(thresholds={7: {"volume_threshold": 3}}),
        "thresholds=7 is no text",
    ),
    "a column too far": (
        lambda: found(columns={"price": 99}),
        "the frame has no column 99; choose from 1 to 4",
    ),
    "several frames": (
        lambda: tape.detect([pd.DataFrame(TRADES)] * 2),
        "these are several frames; make one of them",
    ),
    "a frame of nothing": (lambda: tape.detect(pd.DataFrame()), "it has none; name them"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_answered_by_a_sentence(name: str) -> None:
    call, words = WRONG[name]
    with pytest.raises(tape.TapeError) as raised:
        call()
    assert words in str(raised.value)


def test_rules_may_be_a_list_and_counts_of_any_whole_kind() -> None:
    import numpy as np

    assert len(found(rules=["volume", "price"])) == len(found(rules="volume,price")) == 1
    assert len(found().top(np.int64(1))) == 1


def test_times_as_floats_are_read_as_long_as_they_have_all_digits() -> None:
    for unit in (1, 1e3, 1e6):
        times = [(1_746_455_400.25 + n) * unit for n in range(5)]
        counts = tape.detect({**TRADES, "ts_event": times}).counts
        assert (counts.judged, counts.rejected) == (5, 0), unit
    with pytest.warns(tape.TapeWarning, match="its digits are lost"):
        tape.detect({**TRADES, "ts_event": [(1_746_455_400.25 + n) * 1e9 for n in range(5)]})


def test_a_start_may_be_any_kind_of_day() -> None:
    import numpy as np

    days = ("2025-05-05", date(2025, 5, 5), pd.Timestamp("2025-05-05"), np.datetime64("2025-05-05"))
    assert [len(tape.read(TRADES, start=day)) for day in days] == [5] * 4


def test_a_foreign_file_is_kept_and_the_sentence_is_of_python(tmp_path: Path) -> None:
    place = tmp_path / "mine.csv"
    place.write_text("a,b\n1,2\n")
    with pytest.raises(tape.TapeError, match="replace it with force=True"):
        found().save(place)
    assert place.read_text() == "a,b\n1,2\n"
    found().save(place, force=True)
    assert "anomaly_id" in place.read_text()


def test_a_line_end_in_a_cell_is_one_wrong_row() -> None:
    for name, cell in (("symbol", 'A,"B\n'), ("symbol", "A\r\nB"), ("price", "1\n2")):
        frame = pd.DataFrame(TRADES).astype({"price": object})
        frame.loc[2, name] = cell
        frame["price"] = frame["price"].astype(str)
        with pytest.warns(tape.TapeWarning, match="rejected: 1 ×"):
            counts = tape.detect(frame).counts
        assert (counts.judged, counts.rejected) == (4, 1), (name, cell)
