"""Features files: Parquet with a row per trade, which says of itself how it was made."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

import tape
from tape.codec.array_types import Bools
from tape.desk.train.labelling import NONE, Labelled
from tape.detection.supervised.columns import NAMES, VERSION, schema_hash
from tape.detection.supervised.features import FeatureBatch
from tape.errors import ArchiveError
from tape.market.new_york import calendar_days
from tape.model.columns import TradeColumns
from tape.model.fields import NO_SEQUENCE
from tape.process.origin import MARK
from tape.process.regular_file import open_file
from tape.process.whole_file import OutputFile

KEY: Final = b"tapewatch.features"
"""Of the file's metadata: what `About` has, as JSON."""
ROWS_A_GROUP: Final = 100_000
"""Rows that are written, and can be read, at once."""
IDENTITY: Final = (
    *("symbol", "publisher_id", "ts_event", "sequence", "ordinal", "price", "size", "side"),
    "day",
)
LABELS: Final = ("label", "kind", "event")


@dataclass(frozen=True, slots=True)
class About:
    """What a features file says of itself.

    Attributes:
        version: of the features (`tape.detection.supervised.columns.VERSION`).
        schema: hash of their names, units and order.
        program: version of the program that wrote it.
        files: name and hash of each file of trades.
        labels: likewise of each label file; empty for a file without labels.
        kinds: of the labels.
    """

    version: int = VERSION
    schema: str = field(default_factory=schema_hash)
    program: str = tape.__version__
    files: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    kinds: tuple[str, ...] = ()


class FeaturesWriter:
    """Writes features batch by batch into an open file; what it holds is a row group at most."""

    def __init__(self, file: OutputFile, about: About) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa, self._about = pa, about
        text = pa.dictionary(pa.int32(), pa.string())
        fields = [
            ("symbol", text),
            ("publisher_id", pa.int32()),
            ("ts_event", pa.timestamp("ns", tz="UTC")),
            ("sequence", pa.int64()),
            ("ordinal", pa.int32()),
            ("price", pa.float64()),
            ("size", pa.int64()),
            ("side", text),
            ("day", pa.date32()),
            *((name, pa.float32()) for name in NAMES),
        ]
        if about.labels:
            fields += [("label", pa.bool_()), ("kind", text), ("event", pa.int32())]
        metadata = {KEY: json.dumps(asdict(about)).encode(), b"creator": MARK}
        self._schema = pa.schema(fields, metadata=metadata)
        self._writer = pq.ParquetWriter(
            file.binary, self._schema, compression="zstd", write_page_checksum=True
        )
        self._held: list[Any] = []
        self._rows = 0

    def write(
        self,
        trades: TradeColumns,
        names: Sequence[str],
        features: FeatureBatch,
        labels: Labelled | None,
        kept: Bools,
    ) -> None:
        """Take the kept trades of a batch, and write row groups when there are enough."""
        if not kept.any():
            return
        columns = self._columns(trades, names, features, labels, np.flatnonzero(kept))
        self._held.append(self._pa.record_batch(columns, schema=self._schema))
        self._rows += int(kept.sum())
        if self._rows >= ROWS_A_GROUP:
            self._flush()

    def _columns(
        self,
        trades: TradeColumns,
        names: Sequence[str],
        features: FeatureBatch,
        labels: Labelled | None,
        rows: Any,
    ) -> list[Any]:
        pa = self._pa

        def whole(name: str) -> Any:
            return getattr(trades, name)[rows]

        ts, sequence = whole("ts_event_ns"), whole("sequence")
        sides = np.searchsorted(np.array([65, 66, 78]), whole("side")).astype(np.int32)
        columns = [
            pa.DictionaryArray.from_arrays(pa.array(whole("symbol")), pa.array(list(names))),
            pa.array(whole("publisher_id")),
            pa.array(ts).cast(pa.timestamp("ns", tz="UTC")),
            pa.array(sequence, mask=sequence == NO_SEQUENCE),
            pa.array(whole("ordinal")),
            pa.array(whole("price_nanos") / 1e9),
            pa.array(whole("size")),
            pa.DictionaryArray.from_arrays(pa.array(sides), pa.array(["A", "B", "N"])),
            pa.array(calendar_days(ts).astype(np.int32)).cast(pa.date32()),
        ]
        for n in range(len(NAMES)):
            values = np.ascontiguousarray(features.values[rows, n])
            columns.append(pa.array(values, mask=np.isnan(values)))
        if labels is not None:
            kind, event = labels.kind[rows], labels.event[rows]
            none = kind == NONE
            kinds = pa.array(list(self._about.kinds))
            columns += [
                pa.array(~none),
                pa.DictionaryArray.from_arrays(pa.array(kind, mask=none), kinds),
                pa.array(event, mask=none),
            ]
        return columns

    def _flush(self) -> None:
        if self._held:
            table = self._pa.Table.from_batches(self._held, schema=self._schema)
            self._writer.write_table(table.unify_dictionaries(), row_group_size=self._rows)
            self._held, self._rows = [], 0

    def close(self) -> None:
        """Write what is held, and the end of the file, which has to be open."""
        self._flush()
        self._writer.close()


def about_file(path: Path) -> About:
    """Return what a features file says of itself; raises `ArchiveError` for any other file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_file(path):  # a pipe would wait for ever
            pass
        metadata = pq.read_schema(path).metadata or {}
        told = json.loads(metadata[KEY])
        about = About(
            int(told["version"]),
            str(told["schema"]),
            str(told["program"]),
            _pairs(told["files"]),
            _pairs(told["labels"]),
            tuple(str(kind) for kind in told["kinds"]),
        )
    except OSError as error:
        raise ArchiveError(
            f"cannot read {path} ({error.strerror or error})", "name a features file"
        ) from None
    except (pa.ArrowException, KeyError, TypeError, ValueError, RecursionError):
        raise ArchiveError(
            f"{path} is not a features file", "write one: `tape features PATH… --labels FILE`"
        ) from None
    if (about.version, about.schema) != (VERSION, schema_hash()):
        raise ArchiveError(
            f"{path} has features of version {about.version} ({about.schema}), this program "
            f"computes version {VERSION} ({schema_hash()})",
            "write it again with `tape features`",
        )
    return about


def _pairs(told: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(digest)) for name, digest in told)
