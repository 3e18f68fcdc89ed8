"""Files with faults drawn at random: what is good comes through, what is bad is accounted for."""

import random
from pathlib import Path

import pytest
import zstandard

from tape.archives import RowBatch, find_archives, read_archive
from tape.model.fields import TIME_MAX_NS
from tape.synthetic import make_day, write_day
from tests.mutations import mutated
from tests.ordinals import unnumbered

ROUNDS, FAULTS = 20, 250
"""5,000 mutated rows."""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A header and 500 rows of a synthetic day."""
    folder = tmp_path_factory.mktemp("day")
    with zstandard.open(write_day(make_day(seed=1, trades=500), folder), "rb") as file:
        read: bytes = file.read()
        return read.splitlines()


def read(path: Path, content: bytes) -> list[RowBatch]:
    path.write_bytes(content)
    (archive,) = find_archives(path).archives
    return list(read_archive(archive, latest_ns=TIME_MAX_NS))


def values_of(batches: list[RowBatch]) -> list[bytes]:
    return unnumbered([value for batch in batches for value in batch.values])


def reasons_of(batches: list[RowBatch]) -> list[str]:
    return [row.rejected.reason for batch in batches for row in batch.rejected]


def alone(path: Path, lines: list[bytes], row: bytes) -> tuple[list[bytes], list[str], int]:
    """Messages, reasons and skipped rows of the last row of a file.

    Those before it say what the file's numbers mean.
    """
    batches = read(path, b"\n".join([*lines, row]) + b"\n")
    return (
        values_of(batches)[len(lines) - 1 :],
        reasons_of(batches),
        sum(batch.skipped for batch in batches),
    )


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_mutated_rows_between_good_ones_are_each_answered_once_and_change_nothing(
    lines: list[bytes], tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    header, *good = lines
    expected = values_of(read(tmp_path / "good.trades.csv", b"\n".join(lines) + b"\n"))
    assert len(expected) == len(good) == 500
    rows, answers, reasons, skipped = [], [], [], 0
    for row, message in zip(good[:FAULTS], expected, strict=False):
        bad = mutated(dice, row).replace(b"\n", b" ").replace(b"\r", b" ")
        bad = bad if bad.strip() else b"x"  # a blank line is no row
        its_messages, its_reasons, its_skipped = alone(tmp_path / "one.trades.csv", lines[:11], bad)
        assert len(its_messages) + len(its_reasons) + its_skipped == 1, bad
        rows += [bad, row]
        answers += [*its_messages, message]
        reasons += its_reasons
        skipped += its_skipped
    batches = read(tmp_path / "mixed.trades.csv", b"\n".join([header, *rows]) + b"\n")
    assert values_of(batches) == answers
    assert reasons_of(batches) == reasons
    assert sum(batch.skipped for batch in batches) == skipped
    assert len(reasons) > FAULTS / 2, "most faults are faults"


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bytes_of_a_compressed_file_never_pass_unseen(
    lines: list[bytes], tmp_path: Path, seed: int
) -> None:
    """Of each damaged file either all is right, or it is said to be damaged."""
    dice = random.Random(seed)
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(b"\n".join(lines) + b"\n")
    expected = values_of(read(tmp_path / "good.trades.csv.zst", packed))
    damaged = 0
    for number in range(100):
        content = bytearray(packed)
        for _ in range(dice.randint(1, 3)):
            content[dice.randrange(4, len(content))] ^= 1 << dice.randrange(8)
        if dice.random() < 0.2:
            del content[dice.randrange(4, len(content)) :]
        batches = read(tmp_path / f"{number}.trades.csv.zst", bytes(content))
        if values_of(batches) != expected or reasons_of(batches):
            assert any(batch.damaged for batch in batches)
            damaged += 1
    assert damaged > 90
