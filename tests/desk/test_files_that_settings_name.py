"""Files that settings name are inputs: no command writes onto them."""

from pathlib import Path

import pytest

from tests.commands import tape


@pytest.mark.parametrize("setting", ["RANKING_FILE", "THRESHOLDS_FILE"])
@pytest.mark.parametrize("command", ["score", "bars", "replay"])
def test_no_output_replaces_a_file_that_a_setting_names(
    command: str, setting: str, tmp_path: Path
) -> None:
    file, day = tmp_path / "mine.csv", tmp_path / "day.trades.csv"
    file.write_text("somebody's work\n")
    done = tape(command, day, "-o", file, "--force", **{setting: str(file)})
    assert done.returncode == 4
    assert "is an input and must stay as it is" in done.stderr
    assert done.stderr.count("\n") == 1
    assert file.read_text() == "somebody's work\n"
