"""`tape replay`: the detector over files, without a broker."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tape.archives import find_archives, read_archive
from tape.errors import SettingsError
from tape.judge import Counts, Judge
from tape.output_file import OutputFile
from tape.settings import DetectorSettings, load
from tape.telling import findings, telling_table

console = Console(stderr=True)


def replay(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of DataBento trades.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write, as .jsonl.")
    ] = None,
) -> int:
    """Write what the detector would put on `anomalies` for these files, with the same settings.

    Example: tape replay nasdaq --output anomalies.jsonl
    """
    settings = load(DetectorSettings)
    if output is not None and output.suffix != ".jsonl":
        raise SettingsError(f"--output {output}: the name must end in .jsonl")
    counts = Counts()
    run = _Replay(paths, Judge(settings.parameters(), settings.max_symbols, counts))
    start_s = time.perf_counter()
    if output is None:
        found = findings(run.anomalies())
        console.print(telling_table(found))
    else:
        with OutputFile(output) as file:
            for value in run.anomalies():
                file.write(value + b"\n")
    _summary(counts, run, time.perf_counter() - start_s, output)
    return 2 if run.damaged else 0


class _Replay:
    """The files as one tape, through one judge."""

    def __init__(self, paths: list[Path], judge: Judge) -> None:
        self._archives = [a for path in paths for a in find_archives(path).archives]
        self._judge = judge
        self.rejected_rows = 0
        self.damaged = False

    def anomalies(self) -> Iterator[bytes]:
        """Yield the messages for `anomalies` in the order of the input."""
        latest_ns = time.time_ns() + 86_400 * 1_000_000_000
        seen: set[str] = set()
        for archive in self._archives:
            if archive.sha256 in seen:  # the same day named twice
                continue
            seen.add(archive.sha256)
            for batch in read_archive(archive, latest_ns=latest_ns):
                self.rejected_rows += len(batch.rejected)
                self.damaged |= batch.damaged
                flagged, _ = self._judge.judge(batch.keys, batch.values)
                for one in flagged:
                    yield one.value


def _summary(counts: Counts, run: _Replay, elapsed_s: float, output: Path | None) -> None:
    rules = ", ".join(f"{rule} {count:,}" for rule, count in counts.flagged.most_common())
    console.print(
        f"{counts.trades:,} trades in {elapsed_s:.2f} s "
        f"({counts.trades / max(elapsed_s, 1e-9):,.0f} trades/s); flagged: {rules or 'none'}; "
        f"duplicates {counts.duplicate:,}; rows rejected {run.rejected_rows:,}"
    )
    if output is not None:
        console.print(f"anomalies: {output}")
