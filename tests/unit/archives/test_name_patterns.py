"""A pattern for files' names ends, whatever the pattern and the name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.archives.name_patterns import NamePattern

ENDLESS = [
    r"^(A+)+_",
    r"^(?:A|AA)+(B)_",
    r"((?:A*)*)_",
    r"^([A-Z]+[A-Z]?)*_",
    r"^((?:A{1,3})*)_",
    r"(?:(?:A?){9})*(_)",
    r".*.*.*.*.*.*.*.*(_)",
    "^" + "A?" * 40 + r"(_)",
]
"""What Python's own matcher would try for ever on a name of A alone."""

USUAL = {
    r"^([A-Z]+)_": "ACME_2025-03-05.csv",
    r"^([A-Z]+)[._]": "ACME.alpaca.json",
    r"(?i)^trades[-_]([a-z.]+)[-_]\d{8}": "Trades-acme-20250305.csv",
    r"_([^_]+)_\d+_\d+\.csv$": "xnas_ACME_1_2.csv",
    r"^(?:xnas|arcx)-([A-Z]+(?:\.[A-Z])?)-": "arcx-ACM.B-1.csv",
    r"@(?P<symbol>[A-Z]+)\.": "7@ACME.csv",
    r"^é+_(\w+)\.": "éé_ACME.csv",
    r"^\{([A-Z{]{2,9})\}[{}]": "{ACME}}.csv",
}


@pytest.mark.parametrize("text", ENDLESS)
def test_a_pattern_with_many_ways_ends_on_the_worst_of_names(text: str) -> None:
    assert NamePattern(text).symbol("A" * 100_000) is None


@pytest.mark.parametrize(("text", "name"), USUAL.items())
def test_patterns_as_people_write_them_find_what_python_finds(text: str, name: str) -> None:
    expected = re.search(text, name)
    assert expected is not None
    assert NamePattern(text).symbol(name) == expected[1]


PIECES = st.sampled_from(
    ["A", "A+", "A*", "[A-Z]", "(?:A|AA)", "A?", ".", "B*?", "A{2,9}", "^", "$", r"\d", "[^A]"]
)


@given(st.lists(PIECES, max_size=4), st.lists(PIECES, max_size=4), st.text("AB1_", max_size=9))
def test_any_pattern_finds_what_python_finds(
    before: list[str], inside: list[str], name: str
) -> None:
    text = f"{''.join(before)}({''.join(inside)})"
    found = re.search(text, name)
    assert NamePattern(text).symbol(name) == ((found[1] or None) if found else None)


@pytest.mark.parametrize(
    "text", [r"(?<=@)([A-Z]+)", r"([A-Z]+)(?=\.)", r"(?!x)(A)", r"^(A+)\1", r"^(A)?(?(1)A|B)"]
)
def test_what_needs_a_second_reading_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write what stands around the symbol beside the group"):
        NamePattern(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(", r"is no pattern that is read: missing \)"),
        ("([Z-A])", "is no pattern that is read: invalid character class range: Z-A"),
        ("((A{1000}){1000})", "is no pattern that is read: invalid repetition size"),
        ("[A-Z]+", "needs one group in brackets: the symbol"),
        ("(A)(B)", "needs one group in brackets: the symbol"),
        ("(A{,3})", r"has a \{ that begins no \{2\}"),
        ("(A{99999999999})", r"has a \{ that begins no \{2\}"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(
    text: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=words):
        NamePattern(text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["\udc80_ACME.csv", "9\ud800_ACME.csv"])
def test_a_name_that_is_not_utf8_is_looked_at_as_others_are(name: str) -> None:
    assert NamePattern("_([A-Z]+)").symbol(name) == "ACME"
