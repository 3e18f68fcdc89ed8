"""Counts of several judges are one count."""

from collections import Counter
from dataclasses import fields
from typing import Any

from tape.model.counts import Counts, Refits

LARGEST = {"late_max_ns"}
"""Of these the larger one stays; all others are added up."""


def counts(each: int) -> Counts:
    """Counts of which every one is `each`."""
    made = Counts(refits=Refits(count=each, took_s=float(each)))
    for one in fields(Counts):
        value: Any = getattr(made, one.name)
        if isinstance(value, int):
            setattr(made, one.name, each)
        elif isinstance(value, Counter):
            value["of one kind"] = each
    return made


def test_every_count_of_two_judges_is_added_up() -> None:
    together = counts(3)
    together.add(counts(4))
    for one in fields(Counts):
        value: Any = getattr(together, one.name)
        if one.name == "refits":
            assert (value.count, value.took_s) == (7, 7.0)
        elif isinstance(value, Counter):
            assert value == {"of one kind": 7}, one.name
        else:
            assert value == (4 if one.name in LARGEST else 7), one.name
