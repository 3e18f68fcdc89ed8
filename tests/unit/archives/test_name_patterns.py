"""A pattern for files' names ends, whatever the pattern and the name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.archives.name_patterns import find_in_name, name_pattern

ENDLESS = [
    r"^(A+)+_",
    r"^(?:A|AA)+(B)_",
    r"((?:A*)*)_",
    r"^([A-Z]+[A-Z]?)*_",
    r"^((?:A{1,3})*)_",
    r"(?:(?:A?){9})*(_)",
    r".*.*.*.*.*.*.*.*(_)",
    "^" + "A?" * 40 + r"(_)",
    r"^(A+)\1+_",
    r"^(A)?(?(1)A+|B)_",
]
USUAL = {
    r"^([A-Z]+)_": "ACME_2025-03-05.csv",
    r"^([A-Z]+)[._]": "ACME.alpaca.json",
    r"(?i)^trades[-_]([a-z.]+)[-_]\d{8}": "Trades-acme-20250305.csv",
    r"_([^_]+)_\d+_\d+\.csv$": "xnas_ACME_1_2.csv",
    r"^(?:xnas|arcx)-([A-Z]+(?:\.[A-Z])?)-": "arcx-ACM.B-1.csv",
    r"(?<=@)([A-Z]+)(?=\.)": "7@ACME.csv",
}


@pytest.mark.parametrize("text", ENDLESS)
def test_a_pattern_that_might_not_end_is_refused(text: str) -> None:
    with pytest.raises(re.error):
        name_pattern(text)


@pytest.mark.parametrize(("text", "name"), USUAL.items())
def test_patterns_as_people_write_them_find_what_python_finds(text: str, name: str) -> None:
    found, expected = find_in_name(name_pattern(text), name), re.search(text, name)
    assert found is not None
    assert expected is not None
    assert found[1] == expected[1]


PIECES = st.sampled_from(
    ["A", "A+", "A*", "[A-Z]", "(?:A|AA)", "A?", ".", "(?:A+)+", "A{2,9}", "^"]
)


@given(st.lists(PIECES, min_size=1, max_size=6), st.sampled_from(["", "*", "+", "?", "{2,5}"]))
def test_what_is_taken_ends_on_the_worst_of_names(pieces: list[str], times: str) -> None:
    """A name of A alone makes every repetition try all that it can; thirty are enough to see it."""
    text = f"(?:{''.join(pieces)}){times}()_"
    try:
        pattern = name_pattern(text)
    except re.error:
        return
    steps = 0
    for length in range(1, 31):
        steps += find_in_name(pattern, "A" * length) is None
    assert steps == 30
