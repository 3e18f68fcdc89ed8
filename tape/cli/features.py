"""`tape features`: a file of features, on which a model can be trained."""

import hashlib
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tape.archives import count_rows_hint, find_archives
from tape.cli.forms import AsForm, AsJson, Form, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.nothing import listed
from tape.cli.output import Force, counted, notes_console, row_bars, say_outcome
from tape.desk.evaluate.labels import Label, read_labels
from tape.desk.train.features_file import About, FeaturesWriter
from tape.desk.train.labelling import Labelling
from tape.desk.train.tape_features import FeatureTape
from tape.errors import SettingsError
from tape.process.regular_file import LARGE, read_file
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.sinks.registry import check_output


def features(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders of trades.", readable=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .parquet file to write.")],
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="A label file, as `tape inject` writes it; may be repeated."),
    ] = None,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Write the features of all trades, with labels beside them, for `tape train`.

    They are the ones that the detector computes for PROFILE=supervised, by the same code.
    Exit code 2 if anything was rejected or skipped; it says what, and the rest is used.

    Example: tape features out/labelled --labels out/labelled/day.labels.csv -o features.parquet
    """
    shape = form_of(form, as_json)
    if output.suffix != ".parquet":
        raise SettingsError(f"--output {output} does not end in .parquet", "name a .parquet file")
    check_output(output)
    settings, given_labels = load(DetectorSettings), labels or []
    others = [*given_labels, *filter(None, [columns]), *settings.files]
    file = OutputFile(output, inputs=[*paths, *others], force=force)
    file.check()
    lines = [line for path in given_labels for line in read_labels(path)]
    discovered = find_archives(paths, others=others)
    archives = with_given(discovered.archives, given_by(columns, time_zone))
    labelling = Labelling(lines) if lines else None
    run = FeatureTape(archives, labelling, settings.max_symbols)
    run.outcome.skipped += discovered.skipped
    about = About(
        files=tuple(sorted((archive.path.name, archive.sha256) for archive in archives)),
        labels=tuple((path.name, _digest(path)) for path in given_labels),
        kinds=() if labelling is None else tuple(labelling.kinds),
    )
    start_s = time.perf_counter()
    labelled = _write(run, file, about)
    elapsed_s = time.perf_counter() - start_s
    _say(run, labelled, lines, elapsed_s, shape)
    say_outcome(run.outcome)
    notes_console().print(f"written: {cell(str(output))}")
    return run.outcome.exit_code


def _digest(path: Path) -> str:
    return hashlib.sha256(read_file(path, LARGE)).hexdigest()


def _write(run: FeatureTape, file: OutputFile, about: About) -> Counter[str]:
    """Write everything, and return how many trades have a label, by kind."""
    labelled: Counter[str] = Counter()
    with ExitStack() as stack:
        bars = stack.enter_context(row_bars())
        task = bars.add_task("features", rate=0.0, total=sum(map(count_rows_hint, run.archives)))
        stack.enter_context(file)
        writer = FeaturesWriter(file, about)
        stack.callback(writer.close)
        for step in run.steps():
            writer.write(step.trades, step.names, step.features, step.labels, step.kept)
            if step.labels is not None:
                kinds = step.labels.kind[step.kept & (step.labels.kind >= 0)]
                counts = np.bincount(kinds, minlength=len(about.kinds)).tolist()
                labelled.update(dict(zip(about.kinds, counts, strict=True)))
            bars.update(task, completed=run.rows, rate=bars.tasks[0].speed or 0.0)
        if not run.trades:
            raise run.outcome.nothing_read(listed(str(one.path) for one in run.archives))
    return labelled


def _say(
    run: FeatureTape,
    labelled: Counter[str],
    lines: list[Label],
    elapsed_s: float,
    form: Form,
) -> None:
    whole = {
        "trades": run.trades,
        "duplicates": run.duplicates,
        "labels": len(lines),
        "events": 0 if run.labelling is None else run.labelling.events,
        "labelled_trades": labelled.total(),
        "by_kind": dict(labelled),
        "elapsed_s": round(elapsed_s, 3),
        **run.outcome.as_json(),
    }
    show(form, whole, list)
    kinds = ", ".join(f"{cell(kind)} {count:,}" for kind, count in labelled.items())
    notes_console().print(
        f"{counted(run.trades, 'trade')} in {elapsed_s:.2f} s "
        f"({run.trades / max(elapsed_s, 1e-9):,.0f} trades/s); duplicates {run.duplicates:,}; "
        f"labelled trades {labelled.total():,}{': ' + kinds if kinds else ''}",
        soft_wrap=True,
        highlight=False,
    )
