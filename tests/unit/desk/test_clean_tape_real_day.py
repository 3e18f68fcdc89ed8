"""The clean tape on a real day whose misprints nobody injected; the same on synthetic days is in
`test_clean_tape`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from benchmarks.real_labels import FOLDER, Labelled, labelled_day
from tests.commands import tape

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def labelled() -> Labelled:
    if not FOLDER.is_dir():
        pytest.skip(f"the labelled day of 2013 is not in {FOLDER}; synthetic days are tested")
    return labelled_day(FOLDER)


@pytest.fixture(scope="module")
def scores(labelled: Labelled, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path: Path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    (trades,) = FOLDER.glob("*.trades.csv.zst")
    ended = tape("score", trades, "--output", path, PROFILE="calibrated")
    assert ended.returncode == 0, ended.stderr
    table = pd.read_parquet(path)
    assert table["sequence"].tolist() == labelled.day.trades.sequence.tolist()
    return table


@pytest.mark.parametrize(("least_bp", "count", "least"), [(10, 23, 0.85), (20, 9, 0.9)])
def test_priority_ranks_real_misprints_first(
    least_bp: int, count: int, least: float, labelled: Labelled, scores: pd.DataFrame
) -> None:
    positive = labelled.labelled(least_bp)[labelled.quoted]
    assert positive.sum() == count
    priority = scores["priority"].to_numpy()[labelled.quoted]
    assert average_precision_score(positive, priority) >= least


def test_what_a_bar_leaves_out_was_printed_outside_the_quotes(
    labelled: Labelled, scores: pd.DataFrame
) -> None:
    dropped = ~scores["usable"].to_numpy() & labelled.quoted
    assert labelled.outside[dropped].all()
    far = labelled.labelled(20)
    assert (dropped & far).sum() >= 8  # of 9
    assert 8 <= dropped.sum() <= 60
    assert np.isfinite(scores["lower"]).mean() > 0.99
