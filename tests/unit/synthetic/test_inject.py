"""Anomalies put into a day: seven kinds, each as its label says, and the rest as it was."""

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard

from tape.archives import find_archives
from tape.model.fields import NANOS, time_ns
from tape.synthetic import KINDS, inject, load_day, make_day, write_day
from tests.made_files import csv as csv_of
from tests.made_files import decimal, walk, written

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared/data"
REAL_DAYS = [
    REAL / "databento/xnas-itch-20250505.trades.csv.zst",
    REAL / "lean/consolidated-20131008.trades.csv.zst",
]
HEADER = (
    "symbol,publisher_id,first_ts_event,first_sequence,last_ts_event,last_sequence,kind,magnitude"
)

Row = dict[str, str]


def rows(path: Path) -> list[Row]:
    with path.open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    return list(csv.DictReader(io.StringIO(text.decode())))


def labels(path: Path) -> list[Row]:
    beside = path.with_name(path.name.replace(".trades.csv.zst", ".labels.csv"))
    assert beside.read_text().splitlines()[0] == HEADER
    return list(csv.DictReader(io.StringIO(beside.read_text())))


def tape(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tape", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(
    scope="module",
    params=["synthetic", *(pytest.param(day, marks=pytest.mark.full) for day in REAL_DAYS)],
    ids=lambda p: Path(p).name[:18],
)
def injected(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A day before and after, as files."""
    folder = tmp_path_factory.mktemp("inject")
    source = request.param
    if source == "synthetic":
        source = write_day(make_day(seed=2, trades=60_000, anomalies=0), folder / "plain")
    elif not source.is_file():
        pytest.skip(f"no real trades here ({source.name}); the synthetic day is tested")
    done = tape("inject", str(source), "--output", str(folder / "out"), "--seed", "3")
    assert done.returncode == 0, done.stderr
    return source, folder / "out" / source.name


def spans(path: Path) -> tuple[list[Row], list[tuple[Row, list[Row]]]]:
    """All rows of a day, and per label its symbol's rows from the first to the last."""
    tape_rows = rows(path)
    of: dict[str, list[Row]] = {}
    for row in tape_rows:
        of.setdefault(row["symbol"], []).append(row)
    found = []
    for label in labels(path):
        own = of[label["symbol"]]
        first = [
            at
            for at, row in enumerate(own)
            if (row["publisher_id"], row["ts_event"], row["sequence"])
            == (label["publisher_id"], label["first_ts_event"], label["first_sequence"])
        ]
        assert len(first) == 1, "a label names exactly one trade as its first"
        rest = own[first[0] : first[0] + 300]
        last = next(
            at
            for at, row in enumerate(rest)
            if (row["ts_event"], row["sequence"])
            == (label["last_ts_event"], label["last_sequence"])
        )
        found.append((label, rest[: last + 1]))
    return tape_rows, found


def test_each_kind_is_what_its_label_says(injected: tuple[Path, Path]) -> None:
    before, after = injected
    original = {
        (row["symbol"], row["publisher_id"], row["ts_event"], row["sequence"]): row
        for row in rows(before)
    }
    compared = 0
    gapped: set[str] = set()
    _, found = spans(after)
    kinds = [label["kind"] for label, _ in found]
    assert set(kinds) == set(KINDS)
    for label, span in found:
        kind, magnitude, row = label["kind"], float(label["magnitude"]), span[0]
        prices = [Decimal(row["price"]) for row in span]
        if kind in ("fat finger", "small misprint"):
            assert len(span) == 1
            assert 0.00035 < abs(magnitude) < 0.031
            key = (row["symbol"], row["publisher_id"], row["ts_event"], row["sequence"])
            if key in original and row["symbol"] not in gapped:
                was = Decimal(original[key]["price"])
                assert abs(float(prices[0] / was - 1) - magnitude) < 1e-6
                compared += 1
        elif kind == "volume spike":
            assert int(row["size"]) == magnitude
            assert 3_000 <= magnitude <= 60_000
        elif kind == "burst":
            assert 80 <= len(span) == magnitude <= 200
            times = [time_ns(row["ts_event"], "ts_event") for row in span]
            steps = {b - a for a, b in pairwise(times)}
            assert min(steps) >= 5_000
            assert max(steps) <= 30_000
            assert len({row["side"] for row in span}) == 1
            assert min(int(row["size"]) for row in span) >= 100
        elif kind == "stuck feed":
            assert 60 <= len(span) == magnitude <= 250
            assert len({(row["price"], row["size"], row["side"]) for row in span}) == 1
        elif kind == "spike that reverts":
            assert 6 <= len(span) <= 25
        else:
            assert kind == "gap"
            assert 0.0009 < abs(magnitude) < 0.011
            gapped.add(row["symbol"])
        if kind != "burst":
            assert all(price % Decimal("0.0001") == 0 for price in prices)
    assert compared > 0


def test_prices_sides_times_and_sequences_stay_those_of_a_tape(
    injected: tuple[Path, Path],
) -> None:
    before, after = injected
    old, new = rows(before), rows(after)
    between_cents = sum(Decimal(row["price"]) % Decimal("0.01") != 0 for row in old)
    assert sum(Decimal(row["price"]) % Decimal("0.01") != 0 for row in new) <= between_cents
    assert {row["side"] for row in new} <= {"A", "B", "N"}
    assert min(Decimal(row["price"]) for row in new) > 0

    def falls(tape_rows: list[Row]) -> tuple[int, int]:
        last: dict[tuple[str, str], int] = {}
        sequences = 0
        for row in tape_rows:
            key = (row["symbol"], row["publisher_id"])
            sequences += int(row["sequence"]) <= last.get(key, -1)
            last[key] = int(row["sequence"])
        times = [row["ts_event"] for row in tape_rows]
        return sequences, sum(b < a for a, b in pairwise(times))

    assert falls(new) == falls(old)


def test_what_no_label_names_is_untouched(injected: tuple[Path, Path]) -> None:
    """But for the sequences where bursts needed room, and prices behind a gap."""
    before, after = injected
    old = rows(before)
    new, found = spans(after)
    named = {id(row) for label, span in found for row in span if label["kind"] != "gap"}
    added = {id(row) for label, span in found for row in span if label["kind"] == "burst"}
    kept = [row for row in new if id(row) not in added]
    assert len(kept) == len(old)
    first_gap: dict[str, str] = {}
    for label, _ in found:
        if label["kind"] == "gap":
            first_gap.setdefault(label["symbol"], label["first_ts_event"])
    compared = 0
    for a, b in zip(old, kept, strict=True):
        if id(b) in named:
            continue
        shifted = b["ts_event"] >= first_gap.get(b["symbol"], "9")
        skip = {"sequence"} | ({"price"} if shifted else set())
        assert {k: v for k, v in a.items() if k not in skip} == {
            k: v for k, v in b.items() if k not in skip
        }
        compared += 1
    assert compared > 0.9 * len(old)


def test_the_replay_reads_an_injected_day_and_drops_nothing(injected: tuple[Path, Path]) -> None:
    _, after = injected
    done = tape("replay", str(after))
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.split())
    assert f"{len(rows(after)):,} trades in" in told
    assert "duplicates 0; rows rejected 0" in told


def test_no_auction_is_touched() -> None:
    plain = make_day(seed=5, trades=30_000, anomalies=0)
    done = inject(plain, seed=5, anomalies=84)
    large = 100_000
    assert done.size[done.size > large].tolist() == plain.size[plain.size > large].tolist()
    assert not any(
        (done.size[label.row : label.last_row + 1] > large).any()
        for label in done.labels
        if label.kind in ("fat finger", "small misprint", "volume spike", "burst")
    )


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path: Path) -> None:
    source = write_day(make_day(seed=2, trades=20_000, anomalies=0), tmp_path)
    (archive,) = find_archives(source).archives
    day, _ = load_day(archive)
    one, two, other = (
        write_day(inject(day, seed=seed, anomalies=28), tmp_path / name).read_bytes()
        for seed, name in ((3, "a"), (3, "b"), (4, "c"))
    )
    assert one == two != other


def test_a_loaded_day_is_written_as_it_was(tmp_path: Path) -> None:
    source = write_day(make_day(seed=2, trades=5_000), tmp_path)
    (archive,) = find_archives(source).archives
    day, outcome = load_day(archive)
    assert not outcome.rejected
    assert rows(write_day(day, tmp_path / "again")) == rows(source)


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write_day(make_day(seed=2, trades=2_000), tmp_path)
    before = source.read_bytes()
    done = tape("inject", str(source), "--output", str(tmp_path))
    assert done.returncode == 4
    assert "must stay as it is" in done.stderr
    assert "Traceback" not in done.stderr
    assert source.read_bytes() == before


def test_a_damaged_day_is_injected_as_far_as_it_goes(tmp_path: Path) -> None:
    source = write_day(make_day(seed=2, trades=50_000), tmp_path)
    cut = tmp_path / "cut" / source.name
    cut.parent.mkdir()
    cut.write_bytes(source.read_bytes()[:-1_000])
    done = tape("inject", str(cut), "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "archive_truncated" in done.stderr
    assert len(rows(tmp_path / "out" / source.name)) > 20_000


def test_a_day_too_short_gets_what_fits(tmp_path: Path) -> None:
    source = write_day(make_day(seed=2, trades=10), tmp_path)
    done = tape("inject", str(source), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "out" / source.name)) >= 10


def test_prices_of_zero_and_less_are_left_alone(tmp_path: Path) -> None:
    """A share of nothing is nothing; crude oil went through zero on 2020-04-20."""
    day = [replace(row, price_nanos=row.price_nanos - 142 * NANOS) for row in walk(6_000)]
    source = written(tmp_path / "oil.csv", csv_of(day))
    done = tape("inject", str(source), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    made = tmp_path / "out" / "oil.trades.csv.zst"
    of_before = [decimal(row.price_nanos) for row in day if row.price_nanos <= 0]
    of_after = [row["price"] for row in rows(made) if Decimal(row["price"]) <= 0]
    assert len(of_before) > 1_000
    assert of_after == of_before


def test_a_feed_that_numbers_nothing_goes_on_to_do_so(tmp_path: Path) -> None:
    day = [replace(row, sequence=0) for row in walk(6_000)]
    source = written(tmp_path / "bare.csv", csv_of(day))
    done = tape("inject", str(source), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    made = rows(tmp_path / "out" / "bare.trades.csv.zst")
    assert len(made) > len(day)
    assert {row["sequence"] for row in made} == {"0"}


def test_a_day_as_dbn_is_injected_as_well(tmp_path: Path) -> None:
    source = REAL / "dbn/XNAS.ITCH.trades.dbn.zst"
    if not source.is_file():
        pytest.skip("no DBN file here (../shared/data/dbn)")
    done = tape("inject", str(source), "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "XNAS.ITCH.trades.csv.zst")) >= 2
