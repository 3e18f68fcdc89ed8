"""A reason in as many letters as there is room for, never cut before its point."""

import re
from typing import Final

from rich.cells import cell_len

from tape.model.rules import rule_named
from tape.view.spark import compact

Shorter = tuple[re.Pattern[str], tuple[str, ...]]

NUMBER: Final = r"(-?[\d,]+(?:\.\d+)?)"
SHORTER: Final[tuple[Shorter, ...]] = tuple(
    (re.compile(pattern), forms)
    for pattern, forms in (
        (
            rf"{NUMBER} shares in one trade",
            ("{0} shares in one trade", "{0} shares", "{0} sh"),
        ),
        (
            rf"Price moved {NUMBER} % from {NUMBER} to {NUMBER} ",
            (
                "{0} % from {1} to {2} in one trade",
                "{0} % in one trade",
                "{0} % in a trade",
                "{0} %",
            ),
        ),
        (
            rf"Price {NUMBER} is {NUMBER} standard deviations (above|below) the mean {NUMBER}",
            (
                "{1} σ {2} the mean {3}",
                "{1} σ {2} the mean",
                "{1} σ {2} mean",
                "{1} σ",
            ),
        ),
        (
            rf"Price {NUMBER} is {NUMBER} (%|dollars) (above|below) the trimmed mean {NUMBER}",
            ("{1} {2} {3} the mean {4}", "{1} {2} {3} the mean", "{1} {2} {3} mean", "{1} {2}"),
        ),
        (
            rf"Price jumped {NUMBER} times its usual step",
            ("jump of {0} usual steps", "{0} usual steps", "jump × {0}"),
        ),
        (
            rf"Price moved {NUMBER} times its usual range",
            ("move of {0} usual ranges in ten trades", "{0} usual ranges", "move × {0}"),
        ),
        (
            rf"The same price, size and side repeated, as unlikely as {NUMBER}",
            ("the same trade again and again ({0} bits)", "same trade repeated", "repeated"),
        ),
        (
            rf"More than {NUMBER} shares on one side within 10 ms",
            ("burst of over {0} shares within 10 ms", "burst of {0} shares", "{0} sh in 10 ms"),
        ),
        (
            r"The model \w+ scores (1 in 10\^[\d.]+) ordinary trades as high",
            ("the model scores {0} as high", "model: {0}"),
        ),
    )
)
"""How the sentences of our own detectors begin, and what is said of them in less room."""


def short_reason(text: str, rule: str, cells: int) -> str:
    """Return the longest form of a reason that fits; of nothing that fits, nothing.

    The sentence, its first clause, its point in fewer words, and at last the rule's word.

    >>> text = "Price 137.35 is 0.42 % below the trimmed mean 137.93 of the last 60 trades; rare."
    >>> [short_reason(text, "Calibrated", cells) for cells in (99, 76, 30, 20, 8)]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['Price 137.35 is 0.42 % below the trimmed mean 137.93 of the last 60 trades; rare.',
     'Price 137.35 is 0.42 % below the trimmed mean 137.93 of the last 60 trades',
     '0.42 % below the mean 137.93', '0.42 % below mean', '0.42 %']
    """
    for form in (text, *text.split("; ")[:1], *_shorter(text), rule_named(rule).word):
        if form and cell_len(form) <= cells:
            return form
    return ""


def _shorter(text: str) -> list[str]:
    for pattern, forms in SHORTER:
        found = pattern.match(text)
        if found is not None:
            exact = found.groups()
            rounded = [_rounded(one) for one in exact]
            return [form.format(*how) for form in forms for how in (exact, rounded)]
    return []


def _rounded(text: str) -> str:
    """Return a large whole number in fewer digits; anything else as it is."""
    digits = text.replace(",", "")
    return compact(int(digits)) if digits.isdigit() else text
