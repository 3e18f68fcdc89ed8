"""The synthetic day: the same by seed, and like a real one where it counts."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import zstandard

from tape.archives import find_archives, read_archive
from tape.errors import SettingsError
from tape.model.fields import TIME_MAX_NS
from tape.process.origin import MARK_FRAME
from tape.synthetic import inject, make_day, write_day


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one = write_day(make_day(seed=3, trades=5_000), tmp_path / "a").read_bytes()
    two = write_day(make_day(seed=3, trades=5_000), tmp_path / "b").read_bytes()
    other = write_day(make_day(seed=4, trades=5_000), tmp_path / "c").read_bytes()
    assert one == two != other


def test_the_first_frame_holds_only_the_header(tmp_path: Path) -> None:
    data = write_day(make_day(trades=50_000), tmp_path).read_bytes()
    first = zstandard.ZstdDecompressor().decompressobj()
    assert first.decompress(data).startswith(b"ts_recv,ts_event,")
    frames, rest = 1, first.unused_data
    while rest:
        frame = zstandard.ZstdDecompressor().decompressobj()
        assert frame.decompress(rest).endswith(b"\n") or rest == MARK_FRAME
        frames, rest = frames + 1, frame.unused_data
    assert frames == 5, "a header, three of rows, and the one that says who made the file"


def test_every_row_is_a_trade_and_times_and_sequences_rise(tmp_path: Path) -> None:
    made = make_day(trades=40_000)
    write_day(made, tmp_path)
    (archive,) = find_archives(tmp_path).archives  # and the labels are not taken for trades
    batches = list(read_archive(archive, latest_ns=TIME_MAX_NS))
    assert sum(len(batch.values) for batch in batches) == 40_000
    assert not any(batch.rejected for batch in batches)
    assert (np.diff(made.ts_event_ns) >= 0).all()
    assert (np.diff(made.sequence) > 0).all()


@pytest.mark.parametrize("seed", range(1, 9))
def test_what_is_received_is_received_in_order(seed: int) -> None:
    made = make_day(seed, trades=30_000)
    received_ns = made.ts_event_ns + made.lag_ns
    assert (np.diff(received_ns) >= 0).all()
    assert (made.lag_ns >= made.ts_in_delta_ns).all()
    again = inject(made, seed=seed)
    assert len(again.symbol) > len(made.symbol), "a burst adds trades"
    assert (np.diff(again.ts_event_ns + again.lag_ns) >= 0).all()


def test_its_shape_is_near_a_real_days() -> None:
    made = make_day(trades=100_000)
    assert 0.4 < (np.diff(made.ts_event_ns) == 0).mean() < 0.6
    assert 0.15 < (made.side == ord("N")).mean() < 0.21
    assert 0.58 < (made.size < 100).mean() < 0.70
    sub_penny = made.price_nanos % 10_000_000 != 0
    assert 0.04 < sub_penny.mean() < 0.075
    assert (made.side[sub_penny] == ord("N")).all()
    assert (made.size > 500_000).sum() == 8, "an opening and a closing auction a symbol"


def test_labels_point_at_trades_of_the_day(tmp_path: Path) -> None:
    made = make_day(trades=20_000)
    path = write_day(made, tmp_path)
    labels = path.with_name(path.name.replace(".trades.csv.zst", ".labels.csv"))
    rows = list(csv.DictReader(io.StringIO(labels.read_text())))
    assert len(rows) > 50
    sequences = set(made.sequence.tolist())
    for row in rows:
        assert {int(row["first_sequence"]), int(row["last_sequence"])} <= sequences
        assert int(row["first_sequence"]) <= int(row["last_sequence"])


def test_a_day_is_not_written_where_its_labels_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "synthetic-20250303.labels.csv").write_text("mine")
    with pytest.raises(SettingsError, match="labels"):
        write_day(make_day(1, ["AAA"], 100), tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["synthetic-20250303.labels.csv"]
