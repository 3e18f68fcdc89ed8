"""A features file that somebody wrote into, or a disk damaged, teaches nothing."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tape.desk.train.features_file import KEY, About
from tape.desk.train.features_table import read_table
from tape.detection.supervised.columns import NAMES
from tape.errors import ArchiveError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = 4


def features() -> Any:
    """Four trades, two of them labelled, as `tape features` has them."""
    labelled = [True, False, True, False]
    return pa.table(
        {
            **{name: np.full(ROWS, n, np.float32) for n, name in enumerate(NAMES)},
            "day": pa.array([20_150] * ROWS, pa.int32()).cast(pa.date32()),
            "label": labelled,
            "kind": pa.array(["gap", None, "gap", None]).dictionary_encode(),
            "event": pa.array([0, None, 1, None], pa.int32()),
        }
    )


def written(table: Any, path: Path) -> Path:
    about = About(labels=(("a.csv", "a hash"),), kinds=("gap",))
    pq.write_table(
        table.replace_schema_metadata({KEY: json.dumps(asdict(about)).encode()}),
        path,
        write_page_checksum=True,
    )
    return path


def other(name: str, *values: object, kind: object = None) -> Callable[[Any], Any]:
    """Return what puts other values into a column."""

    def changed(table: Any) -> Any:
        column = pa.array(list(values), kind)
        return table.set_column(table.schema.get_field_index(name), name, column)

    return changed


def test_columns_that_nobody_asked_for_are_no_matter(tmp_path: Path) -> None:
    """In the file, and in the names of folders, which pyarrow would take for columns."""
    folder = tmp_path / "day=2024-01-01" / "label=0"
    folder.mkdir(parents=True)
    more = features().append_column("mine", pa.array(["x"] * ROWS))
    found = read_table(written(more, folder / "f.parquet"))
    assert found.values[0].tolist() == list(range(len(NAMES)))
    assert found.labelled.tolist() == [True, False, True, False]
    assert found.events.tolist() == [0, -1, 1, -1]
    assert set(found.days.astype(int)) == {20_150}


DAMAGED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "numbers as text": (other(NAMES[0], "1", "2", "3", "4"), "is of the type string"),
    "an infinite number": (
        other(NAMES[0], 1.0, float("inf"), 1.0, 1.0, kind=pa.float32()),
        f"{NAMES[0]} is infinite",
    ),
    "a column is missing": (lambda table: table.drop_columns(NAMES[3]), f"{NAMES[3]}"),
    "no labels": (lambda table: table.drop_columns("label"), "label"),
    "labels as text": (other("label", "yes", "no", "yes", "no"), "label is of the type string"),
    "a label is empty": (other("label", True, None, True, False), "label is empty in 1 rows"),
    "days are empty": (other("day", *[None] * ROWS, kind=pa.date32()), "day is empty in 4 rows"),
    "kinds as numbers": (other("kind", 1, 2, 3, 4), "kind is of the type int64"),
    "events are lost": (
        other("event", *[None] * ROWS, kind=pa.int32()),
        "event does not go with label",
    ),
    "no trade": (lambda table: table.slice(0, 0), "there is no trade in it"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_not_as_it_was_written_is_refused(case: str, tmp_path: Path) -> None:
    change, words = DAMAGED[case]
    with pytest.raises(ArchiveError) as error:
        read_table(written(change(features()), tmp_path / "f.parquet"))
    assert "is a damaged features file" in str(error.value)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bit_that_fell_over_is_noticed(tmp_path: Path) -> None:
    """Of numbers that are no pattern the compression itself would notice nothing."""
    noise = np.random.default_rng(1).random(ROWS).astype(np.float32)
    path = written(other(NAMES[0], *noise.tolist(), kind=pa.float32())(features()), tmp_path / "f")
    content = bytearray(path.read_bytes())
    at = content.index(noise.tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="is a damaged features file"):
        read_table(path)
