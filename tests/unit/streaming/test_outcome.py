"""The last sentence of a producer: what was not sent, and what to do that fits."""

from collections import Counter

import pytest

from tape.streaming.outcome import Outcome


@pytest.mark.parametrize("reason", ["header_missing", "form_unclear", "action_unknown"])
def test_a_foreign_file_is_answered_with_the_way_to_have_it_read(reason: str) -> None:
    told = Outcome(missing=Counter({reason: 1}), damaged=["foreign.csv"]).sentence()
    assert told is not None
    assert "1 file not read to the end (foreign.csv)" in told
    assert "damaged" not in told
    assert "tape inspect FILE --suggest-columns" in told
    assert "tapewatch.toml" in told


def test_a_cut_file_is_not_told_to_be_of_another_form() -> None:
    told = Outcome(missing=Counter(archive_truncated=1), damaged=["a.csv.zst"]).sentence()
    assert told is not None
    assert "1 file not read to the end (a.csv.zst)" in told
    assert "tapewatch.toml" not in told
