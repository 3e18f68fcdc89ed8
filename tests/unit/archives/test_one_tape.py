"""Files as one tape: however it is cut, whatever its files are called, the tape is the same."""

import json
import os
import resource
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tape.archives import TapeBatch, find_archives, read_tape, read_tape_columns
from tape.archives.time_keys import TimeKeys
from tape.codec.row_fields import NAMES as FIELDS
from tape.codec.row_fields import SEQUENCE, SYMBOL
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS, iso_time

HEADER = ",".join(FIELDS)
NOON = 1_746_446_400 * 10**9
SECOND = 10**9
DAY = 86_400 * SECOND


def line(ns: int, sequence: int, *, publisher: int = 2, price: float = 100.0, size: int = 1) -> str:
    at = iso_time(ns)
    return f"{at},{at},0,{publisher},1,T,N,0,{price:.9f},{size},130,0,{sequence},ACME"


def write(folder: Path, name: str, lines: Sequence[str]) -> Path:
    path = folder / f"{name}.trades.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def batches(paths: Sequence[Path], **kwargs: object) -> Iterator[TapeBatch]:
    return read_tape(find_archives(paths).archives, latest_ns=TIME_MAX_NS, **kwargs)  # type: ignore[arg-type]


def tape(paths: Sequence[Path]) -> list[int]:
    """Return the sequences of the trades in the tape's order."""
    return [json.loads(value)["sequence"] for batch in batches(paths) for value in batch.values]


def cut(lines: Sequence[str], at: Sequence[int]) -> list[list[str]]:
    edges = [0, *sorted(at), len(lines)]
    return [list(lines[a:b]) for a, b in pairwise(edges)]


def anomalies(paths: Sequence[Path]) -> list[bytes]:
    judge = Judge(Parameters(), 100, Counts())
    return [
        v for shown in Replay(find_archives(paths).archives, judge).batches() for v in shown.flagged
    ]


# --- laws ---

names = st.permutations([f"f{n}" for n in range(8)])


@given(
    steps=st.lists(st.integers(0, 3), min_size=1, max_size=120),
    at=st.lists(st.integers(0, 120), max_size=7),
    called=names,
    order=st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=60)
def test_a_tape_cut_anywhere_into_files_of_any_names_is_the_same_tape(
    steps: list[int], at: list[int], called: list[str], order: object
) -> None:
    times = NOON + np.cumsum(steps) * SECOND
    lines = [line(ns, n + 1) for n, ns in enumerate(times.tolist())]
    parts = cut(lines, [min(one, len(lines)) for one in at])
    with TemporaryDirectory() as folder:
        paths = [write(Path(folder), name, part) for name, part in zip(called, parts, strict=False)]
        order.shuffle(paths)  # type: ignore[attr-defined]
        assert tape(paths) == list(range(1, len(lines) + 1))


@given(
    times=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 3)), min_size=1, max_size=150, unique=False
    ),
    file_of=st.lists(st.integers(0, 4), min_size=150, max_size=150),
    called=names,
)
@settings(deadline=None, max_examples=60)
def test_files_that_overlap_are_merged_by_time_publisher_and_sequence(
    times: list[tuple[int, int]], file_of: list[int], called: list[str]
) -> None:
    rows = sorted((ns, publisher, n) for n, (ns, publisher) in enumerate(times))
    rows = [(ns, publisher, n + 1) for n, (ns, publisher, _) in enumerate(rows)]
    parts: dict[int, list[str]] = {}
    for (ns, publisher, n), file in zip(rows, file_of, strict=False):
        parts.setdefault(file, []).append(line(NOON + ns * SECOND, n, publisher=publisher))
    with TemporaryDirectory() as folder:
        paths = [write(Path(folder), called[file], part) for file, part in parts.items()]
        found = tape(paths)
    spans = [(min(p), max(p)) for p in parts.values()]
    if all(a[0][:30] < b[1][:30] for a in spans for b in spans if a is not b):  # all overlap
        assert found == [n for _, _, n in rows]
    assert sorted(found) == [n for _, _, n in rows]


@given(
    count=st.integers(200, 3_000),
    bad=st.integers(0, 2_999),
    run=st.sampled_from([1, 2, 40, 900]),
    off_days=st.sampled_from([-400, -30, -9, 9, 200]),
    at=st.lists(st.integers(1, 2_999), min_size=1, max_size=4),
)
@example(count=200, bad=82, run=40, off_days=-400, at=[42])  # as many wrong as right before them
@example(count=2_900, bad=500, run=900, off_days=-400, at=[2_890])
@settings(deadline=None, max_examples=40)
def test_wrong_stamps_anywhere_move_no_file_and_no_other_trade(
    count: int, bad: int, run: int, off_days: int, at: list[int]
) -> None:
    bad, at = bad % count, sorted({one % count for one in at})
    stamps = [NOON + n * SECOND for n in range(count)]
    for n in range(bad, min(bad + run, count)):
        stamps[n] += off_days * DAY
    parts = cut([line(ns, n + 1) for n, ns in enumerate(stamps)], at)
    with TemporaryDirectory() as folder:
        paths = [write(Path(folder), f"f{9 - n}", part) for n, part in enumerate(parts)]
        found = tape(paths)
    assert sorted(found) == list(range(1, count + 1))
    edges = pairwise([0, *at, count])
    wrong = [(b - a, max(0, min(bad + run, b) - max(bad, a))) for a, b in edges]
    if all(not off or rows - off >= off + 32 for rows, off in wrong):
        assert found == list(range(1, count + 1))


@given(
    pauses_s=st.lists(st.integers(0, 600), min_size=2, max_size=300),
    jitter=st.lists(st.integers(0, 6_000), min_size=300, max_size=300),
)
@settings(deadline=None, max_examples=60)
def test_times_a_little_out_of_order_are_moved_a_little(
    pauses_s: list[int], jitter: list[int]
) -> None:
    clean = NOON + np.cumsum(pauses_s) * SECOND
    times = clean + np.array(jitter[: len(clean)])
    keys = TimeKeys()
    keys.add(times)
    keys.end()
    found = keys.next()
    assert found is not None
    drawn = np.abs(found - times) > 60 * SECOND  # few at an end that stand apart
    assert np.count_nonzero(drawn) <= 6
    assert np.abs(found - times)[~drawn].max(initial=0) <= 6_000
    assert (np.diff(found) >= 0).all()


def test_keys_of_times_in_order_are_these_times() -> None:
    times = np.sort(np.random.default_rng(1).integers(0, 10**15, 20_000))
    keys, found = TimeKeys(), []
    for part in np.array_split(times, 9):
        keys.add(part)
        while (some := keys.next()) is not None:
            found.append(some)
    keys.end()
    while (some := keys.next()) is not None:
        found.append(some)
    # the very first and last may stand apart by chance: no more than a few of them
    assert np.array_equal(np.concatenate(found)[8:-8], times[8:-8])
    assert keys.disordered <= 8


def test_times_swapped_by_a_little_move_by_no_more_however_sparse_the_file() -> None:
    """Packets of five, minutes apart, whose clock swaps trades by microseconds."""
    dice = np.random.default_rng(2)
    packets = np.cumsum(dice.integers(60 * SECOND, 600 * SECOND, 1_000))
    times = (packets[:, None] + dice.integers(0, 50_000, (1_000, 5))).ravel()
    keys = TimeKeys()
    keys.add(times)
    keys.end()
    found = keys.next()
    assert found is not None
    assert (np.diff(found) >= 0).all()
    assert np.abs(found - times)[8:-8].max() < 50_000
    assert keys.disordered > 1_000


# --- what it is for ---


def walk(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    prices = np.round(100 + np.cumsum(rng.normal(0, 0.02, count)), 2)
    sizes = rng.integers(1, 500, count)
    sizes[count // 2] = 50_000
    return [
        line(NOON + n * SECOND, n + 1, publisher=n % 3 + 1, price=float(p), size=int(s))
        for n, (p, s) in enumerate(zip(prices, sizes, strict=True))
    ]


def test_parts_and_venues_give_the_anomalies_of_the_whole_day(tmp_path: Path) -> None:
    lines = walk(6_000, 1)
    whole = anomalies([write(tmp_path, "whole", lines)])
    assert len(whole) > 10
    parts = [
        write(tmp_path, f"part{n + 1}", part)
        for n, part in enumerate(cut(lines, range(500, 6_000, 500)))
    ]
    venues = [write(tmp_path, name, lines[n::3]) for n, name in enumerate("zxy")]
    assert anomalies(parts) == whole
    assert anomalies(parts[::-1]) == whole
    assert anomalies(venues) == whole
    assert anomalies(venues[::-1]) == whole


def test_a_day_in_two_files_is_judged_once_and_counted_twice(tmp_path: Path) -> None:
    lines = [line(NOON + n * SECOND, n + 1) for n in range(1_500)]
    one = write(tmp_path, "one", lines)
    two = write(tmp_path, "two", [*lines, ""])  # the same trades, another content
    counts = Counts()
    for _ in Replay(find_archives([one, two]).archives, Judge(Parameters(), 10, counts)).batches():
        pass
    assert (counts.trades, counts.duplicate) == (1_500, 1_500)


def test_columns_come_in_the_same_order_with_one_table_of_symbols(tmp_path: Path) -> None:
    lines = [line(NOON + n * SECOND, n + 1) for n in range(300)]
    other = [one.replace("ACME", "BOLT") for one in lines]
    paths = [write(tmp_path, "a", lines[::2]), write(tmp_path, "b", other[1::2])]
    archives = find_archives(paths).archives
    found = list(read_tape_columns(archives, latest_ns=TIME_MAX_NS))
    values = np.concatenate([batch.values for batch in found])
    assert values[:, SEQUENCE].tolist() == list(range(1, 301))
    symbols = [found[-1].names[n] for n in values[:, SYMBOL].tolist()]
    assert symbols == [b"ACME", b"BOLT"] * 150


def test_rows_that_lie_behind_are_left_out_and_the_rest_keeps_its_order(tmp_path: Path) -> None:
    lines = walk(3_000, 2)
    lines[700] = lines[700].replace("100.", "x")  # may be rejected, or may be left as it is
    paths = [write(tmp_path, name, lines[n::3]) for n, name in enumerate("abc")]
    full = [v for batch in batches(paths) for v in batch.values]
    done: dict[str, int] = {}
    sent: list[bytes] = []
    for nth, batch in enumerate(batches(paths)):
        if nth == 2:
            break
        sent += batch.values
        done |= batch.rows
    assert sent
    rest = [v for batch in batches(paths, done=done) for v in batch.values]
    assert sent + rest == full


def test_every_rejected_row_comes_once_and_every_file_ends(tmp_path: Path) -> None:
    lines = [line(NOON + n * SECOND, n + 1) for n in range(4_000)]
    bad = [*lines[1::2]]
    bad[::97] = ["no row"] * len(bad[::97])
    paths = [
        write(tmp_path, "a", lines[::2]),
        write(tmp_path, "b", bad),
        write(tmp_path, "c", ["x"] * 50),
    ]
    found = list(batches(paths))
    rejected = [row.row for batch in found for row in batch.rejected]
    assert len(rejected) == len(bad[::97]) + 50
    assert sum(len(batch.values) for batch in found) == 4_000 - len(bad[::97])
    ended = [one for batch in found for one in batch.ended]
    assert sorted(ended) == sorted(a.sha256 for a in find_archives(paths).archives)
    rows: dict[str, int] = {}
    for batch in found:
        rows |= batch.rows
    assert sorted(rows.values()) == [50, 2_000, 2_000]


def test_a_file_that_cannot_be_opened_holds_up_no_other(tmp_path: Path) -> None:
    lines = [line(NOON + n * SECOND, n + 1) for n in range(100)]
    paths = [write(tmp_path, "a", lines[:50]), write(tmp_path, "b", lines[50:])]
    archives = find_archives(paths).archives
    paths[0].unlink()
    found = list(read_tape(archives, latest_ns=TIME_MAX_NS))
    assert [json.loads(v)["sequence"] for b in found for v in b.values] == list(range(51, 101))
    (why,) = [batch.unreadable for batch in found if batch.unreadable is not None]
    assert paths[0].name in str(why)


@pytest.mark.parametrize("overlap", [False, True])
def test_many_files_need_few_descriptors(tmp_path: Path, overlap: bool) -> None:
    count, rows = 400, 3
    step = 1 if overlap else rows
    for n in range(count):
        times = range(n, n + count * rows, count) if overlap else range(n * step, n * step + rows)
        write(tmp_path, f"f{count - n:04}", [line(NOON + t * SECOND, t + 1) for t in times])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = len(os.listdir("/proc/self/fd")) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        found = tape([tmp_path])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == list(range(1, count * rows + 1))
