"""`tape features`: the file has what the detector sees, and what is wrong is one sentence."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tape.archives import find_archives
from tape.desk.day import read_day
from tape.desk.train.features_file import LABELS, about_file
from tape.detection.supervised.columns import NAMES, VERSION, schema_hash
from tape.detection.supervised.features import Features
from tape.errors import ArchiveError
from tape.synthetic import inject, make_day, write_day
from tape.synthetic.files import labels_path
from tests.commands import tape


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = inject(make_day(seed=3, trades=12_000, anomalies=0), seed=5, anomalies=21)
    return write_day(made, tmp_path_factory.mktemp("day"))


def test_the_file_has_the_features_of_serving_and_says_what_they_are(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tape.desk.train.features_file.ROWS_A_GROUP", 5_000)
    out = tmp_path / "f.parquet"
    done = tape("features", day, "--labels", labels_path(day), "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    file = pq.ParquetFile(out)
    assert file.num_row_groups >= 2
    table = file.read()
    (archive,) = find_archives(day).archives
    whole = read_day(archive, 10)
    served = Features().of(whole.trades).values
    for n, name in enumerate(NAMES):
        written = table[name].to_numpy(zero_copy_only=False).astype(np.float32)
        np.testing.assert_array_equal(written, served[:, n], err_msg=name)
    assert table["ts_event"].cast("int64").to_pylist() == whole.trades.ts_event_ns.tolist()
    assert table["symbol"].to_pylist() == [whole.symbols[n] for n in whole.trades.symbol]
    assert set(table["day"].to_pylist()) == {make_day(seed=3, trades=10).day}
    labelled = [kind for kind in table["kind"].to_pylist() if kind is not None]
    assert told["labelled_trades"] == len(labelled) == sum(table["label"].to_pylist()) > 200
    assert {kind: labelled.count(kind) for kind in set(labelled)} == told["by_kind"]
    assert told["events"] == len(set(table["event"].to_pylist()) - {None}) == 21
    about = about_file(out)
    assert (about.version, about.schema) == (VERSION, schema_hash())
    assert about.files == ((day.name, archive.sha256),)
    assert [name for name, _ in about.labels] == [labels_path(day).name]


def test_without_labels_there_are_no_label_columns(day: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.parquet"
    assert tape("features", day, "-o", out).returncode == 0
    assert not set(LABELS) & set(pq.read_schema(out).names)
    again = tape("features", day, "-o", out)
    assert again.returncode == 0, "what we made is replaced"
    (tmp_path / "other.parquet").write_bytes(b"somebody's")
    refused = tape("features", day, "-o", tmp_path / "other.parquet")
    assert refused.returncode == 4
    assert "was not made by tape" in refused.stderr


def test_labels_of_another_day_leave_no_file(day: Path, tmp_path: Path) -> None:
    other = write_day(
        inject(make_day(seed=4, trades=9_000, anomalies=0), seed=6, anomalies=7), tmp_path
    )
    out = tmp_path / "f.parquet"
    done = tape("features", day, "--labels", labels_path(other), "-o", out)
    assert done.returncode == 2
    assert "line 2: these files have no trade" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-o", "f.csv"], 4, "does not end in .parquet"),
        (["-o", "f.parquet", "--labels", "nowhere.csv"], 2, "nowhere.csv"),
    ],
)
def test_what_cannot_work_is_one_sentence(
    words: list[str], code: int, said: str, day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(day.parent)
    done = tape("features", day, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_file_of_other_features_and_no_features_file_are_refused(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "f.parquet"
    assert tape("features", day, "-o", out).returncode == 0
    monkeypatch.setattr("tape.desk.train.features_file.VERSION", VERSION + 1)
    with pytest.raises(ArchiveError, match=r"has features of version 1 .* write it again"):
        about_file(out)
    with pytest.raises(ArchiveError, match="is not a features file"):
        about_file(day)
    with pytest.raises(ArchiveError, match="cannot read"):
        about_file(tmp_path / "none.parquet")
    replayed = tape("features", tmp_path, "-o", tmp_path / "g.parquet")
    assert replayed.returncode == 2, "a features file is no input"
