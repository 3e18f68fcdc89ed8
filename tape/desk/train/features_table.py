"""A features file with labels in memory, every column checked: others may have written into it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tape.codec.array_types import F32, Bools
from tape.desk.train.features_file import LABELS, About, about_file
from tape.detection.supervised.columns import NAMES
from tape.errors import ArchiveError
from tape.process.regular_file import open_file


@dataclass(frozen=True, slots=True)
class Table:
    """A features file in memory: an entry per trade."""

    about: About
    values: F32
    days: npt.NDArray[Any]
    labelled: Bools
    kinds: npt.NDArray[Any]
    events: npt.NDArray[np.int64]


class _DamagedError(Exception):
    """What is wrong with a column, in words."""


def read_table(path: Path) -> Table:
    """Return a features file with labels; raises `ArchiveError` for any other file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = about_file(path)
    if not about.labels:
        raise ArchiveError(
            f"{path} has no labels, so there is nothing to learn", "write it with --labels"
        )
    try:
        with open_file(path) as source:
            columns = [*NAMES, "day", *LABELS]
            table = pq.ParquetFile(source, page_checksum_verification=True).read(columns=columns)
        _check(table)
        values = np.empty((table.num_rows, len(NAMES)), np.float32)
        for n, name in enumerate(NAMES):
            values[:, n] = table[name].to_numpy()
            if np.isinf(values[:, n]).any():
                raise _DamagedError(f"{name} is infinite")
            table = table.drop_columns(name)
        labelled = table["label"].to_numpy()
        return Table(
            about,
            values,
            table["day"].cast(pa.int32()).to_numpy().astype("datetime64[D]"),
            labelled,
            table["kind"].cast(pa.string()).fill_null("").to_numpy(),
            table["event"].fill_null(-1).to_numpy().astype(np.int64),
        )
    except (pa.ArrowException, OSError, KeyError, ValueError, _DamagedError) as error:
        why = (str(error).splitlines() or [""])[0][:100]
        raise ArchiveError(
            f"{path} is a damaged features file ({why})", "write it again with `tape features`"
        ) from None


def _check(table: Any) -> None:
    """Raise `_DamagedError` for a column that `tape features` does not write like this."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_kind = {pa.string(), pa.dictionary(pa.int32(), pa.string())}
    known = {
        **{name: {pa.float32()} for name in NAMES},
        "day": {pa.date32()},
        "label": {pa.bool_()},
        "kind": is_kind,
        "event": {pa.int32()},
    }
    for name, kinds in known.items():
        if name not in table.column_names:
            raise _DamagedError(f"{name} is missing")
        if table[name].type not in kinds:
            raise _DamagedError(f"{name} is of the type {table[name].type}")
    if not table.num_rows:
        raise _DamagedError("there is no trade in it")
    labelled = table["label"]
    for name in ("day", "label"):
        if table[name].null_count:
            raise _DamagedError(f"{name} is empty in {table[name].null_count:,} rows")
    for name in ("kind", "event"):
        if not pc.all(pc.equal(pc.is_valid(table[name]), labelled), min_count=0).as_py():
            raise _DamagedError(f"{name} does not go with label")
