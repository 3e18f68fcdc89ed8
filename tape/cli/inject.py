"""`tape inject`: labelled anomalies put into days of trades."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.archives import by_start, find_archives
from tape.archives.discovery import Archive
from tape.archives.file_names import stem_of
from tape.archives.outcome import Outcome
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.nothing import listed
from tape.cli.output import Force, counted, say, say_outcome
from tape.errors import SettingsError
from tape.market.auctions import AUCTION_SHARES
from tape.model.fields import TIME_MAX_NS
from tape.synthetic import KINDS, inject, load_day, write_day
from tape.synthetic.day import SyntheticDay
from tape.synthetic.files import labels_path


def inject_anomalies(
    files: Annotated[
        list[Path], typer.Argument(help="Files or folders of DataBento trades.", readable=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    anomalies: Annotated[
        int, typer.Option(min=0, help="Anomalies per file, the same number of each kind.")
    ] = 84,
    columns: Columns = None,
    time_zone: TimeZone = None,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Put anomalies of seven kinds into copies of trading days, with a label file for each.

    Exit code 2 if anything was rejected or skipped; it says what, and the rest is used.
    If no trade can be read, nothing is written.

    Example: tape inject nasdaq --output out/labelled --seed 3
    """
    shape = form_of(form, as_json)
    found = find_archives(files)
    given = given_by(columns, time_zone)
    archives = by_start(with_given(found.archives, given), latest_ns=TIME_MAX_NS)
    names = _names(archives, output)
    all_files = Outcome(skipped=list(found.skipped))
    written: list[dict[str, Any]] = []
    for nth, (archive, name) in enumerate(zip(archives, names, strict=True)):
        made, outcome = load_day(archive)
        all_files.add(outcome)
        if not len(made.symbol):
            continue
        done = inject(made, seed=seed + nth, anomalies=anomalies)
        path = write_day(done, output, name, inputs=files, force=force)
        written.append(_figures(path, done))
        if shape == "table":
            say(_sentence(written[-1]))
        if len(done.labels) < anomalies:
            say(
                f"{archive.path.name} has room for {len(done.labels)} of {anomalies} anomalies: "
                f"they need trades of their symbol between them, and prints of "
                f"{AUCTION_SHARES:,} shares and more are left alone",
                err=True,
            )
    if not written:
        raise all_files.nothing_read(listed(str(archive.path) for archive in archives))
    show(shape, {"files": written, **all_files.as_json()}, list, written)
    say_outcome(all_files)
    return all_files.exit_code


def _figures(path: Path, done: SyntheticDay) -> dict[str, Any]:
    """Return what was written of one day."""
    kinds = Counter(label.kind for label in done.labels)
    return {
        "path": str(path),
        "labels": str(labels_path(path)),
        "trades": len(done.symbol),
        "anomalies": len(done.labels),
        "by_kind": {kind: kinds[kind] for kind in KINDS},
    }


def _sentence(figures: dict[str, Any]) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in figures["by_kind"].items())
    trades, anomalies = figures["trades"], figures["anomalies"]
    put = "1 anomaly" if anomalies == 1 else f"{anomalies:,} anomalies"
    return f"{figures['path']}: {counted(trades, 'trade')}, {put} ({kinds})"


def _names(archives: list[Archive], output: Path) -> list[str]:
    """Return the name of each day's files without suffix; none may hit another or its source."""
    names: dict[str, Path] = {}
    for archive in archives:
        path = archive.path
        name = stem_of(path)
        if path.resolve().parent == output.resolve():
            raise SettingsError(
                f"--output {output} is the folder of {path.name}, which must stay as it is",
                "name another folder",
            )
        if name in names:
            raise SettingsError(
                f"{names[name]} and {path} would both be written as {name}.trades.csv.zst",
                "inject them into different folders",
            )
        names[name] = path
    return list(names)
