"""What is named as a features file and is no file at all."""

import os
from pathlib import Path

from tests.commands import tape


def test_a_pipe_is_no_features_file(tmp_path: Path) -> None:
    pipe = tmp_path / "features.parquet"
    os.mkfifo(pipe)
    ours = os.open(pipe, os.O_RDWR)  # whoever opens it does not wait
    try:
        done = tape("train", pipe, "-o", tmp_path / "model")
    finally:
        os.close(ours)
    assert done.returncode == 2
    assert "it is a pipe, not a file" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "model").exists()
