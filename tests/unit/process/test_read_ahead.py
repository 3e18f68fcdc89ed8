"""What is made ahead comes as it would without, errors and all, and nothing is made unasked."""

import threading
import time
from collections.abc import Iterator

import pytest

from tape.process.read_ahead import AHEAD, read_ahead


def test_all_comes_in_order() -> None:
    assert list(read_ahead(lambda: iter(range(100)))) == list(range(100))


def test_an_error_comes_behind_what_was_made_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    got = read_ahead(failing)
    assert next(got) == 1
    with pytest.raises(ValueError, match="broken"):
        next(got)


def test_no_more_than_a_few_pieces_are_made_ahead() -> None:
    made = []

    def counting() -> Iterator[int]:
        for n in range(1_000):
            made.append(n)
            yield n

    got = read_ahead(counting)
    for _ in range(5):
        next(got)
    time.sleep(0.3)
    assert len(made) <= 5 + AHEAD + 1
    got.close()  # type: ignore[attr-defined]


def test_who_stops_early_leaves_no_thread_and_nothing_open() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    got = read_ahead(endless)
    next(got)
    got.close()  # type: ignore[attr-defined]
    assert closed.wait(1)
    assert not [one for one in threading.enumerate() if one.name == "read ahead"]
