"""What Pydantic and Typer say of a wrong value, without the words of programmers."""

from typing import Final

WORDS: Final = {
    "Value error, ": "",
    "String should": "Input should",
    "match pattern '^[a-zA-Z0-9._-]{1,249}$'": "have 1 to 249 letters, digits, dots, _ and -",
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid integer, got a number with a fractional part": "a whole number",
    "a valid integer": "a whole number",
    "a valid number, unable to parse string as a number": "a number",
    "a valid number": "a number",
    "a valid string": "a text",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
}
"""In this order: the longer ones hold the shorter."""


def plain_fault(text: str, of: str = "it") -> str:
    """Return a sentence about a value in plain words.

    >>> plain_fault("Input should be greater than or equal to 1", "TREES")
    'TREES should be at least 1'
    >>> plain_fault("String should have at least 3 characters", "Quix__Broker__Address")
    'Quix__Broker__Address should have at least 3 characters'
    >>> plain_fault("Invalid value for '--top': Input should be a valid integer, unable to parse")
    "Invalid value for '--top': it should be a whole number, unable to parse"
    """
    for word, plain in WORDS.items():
        text = text.replace(word, plain)
    if of != "it" and not text.startswith("Input should"):
        return f"{of}: {text}"
    return text.replace("Input should", f"{of} should")
