"""`tape models`: the models that `tape train` wrote."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.model_tables import found_table, metrics_table
from tape.cli.output import notes_console, say
from tape.detection.supervised.models import MANIFEST, MODEL, Model, load_model
from tape.errors import SettingsError
from tape.process.terminal_text import cell, printable

app = typer.Typer(
    help="The models that `tape train` wrote: list, show and compare them.",
    no_args_is_help=True,
    add_completion=False,
)
NOT_ALL: Final = 2
"""Exit code if a folder there cannot be used as a model."""


@app.command("list")
def list_models(
    folder: Annotated[Path, typer.Argument(help="Where models are.", readable=False)] = Path(
        "models"
    ),
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """List the models in a folder with what they did on a day that they had not seen.

    Exit code 2 if one of them cannot be used; it says why, and the rest is listed.
    """
    shape = form_of(form, as_json)
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder", "name the one that holds your models")
    found, faults = [], []
    if _is_model(folder):
        raise SettingsError(
            f"{folder} is a model itself",
            f"name the folder above it, or `tape models show {folder}`",
        )
    for one in filter(_is_model, sorted(folder.iterdir())):
        try:
            found.append(_facts(one))
        except SettingsError as error:
            faults.append(str(error))
    show(shape, {"models": found, "faults": faults}, lambda: [_table(found)], found)
    for fault in faults:
        say(fault, err=True)
    if not found and not faults:
        notes_console().print(f"no model in {cell(str(folder))}; `tape train` makes one")
    return NOT_ALL if faults else 0


def _is_model(folder: Path) -> bool:
    """Return whether a folder has files of a model, be they as they must be or not."""
    return any(os.path.lexists(folder / name) for name in (MANIFEST, MODEL))


@app.command("show")
def show_model(
    model: Annotated[Path, typer.Argument(help="Folder of a model.", readable=False)],
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show what a model was trained on, and what it does on days that it had not seen."""
    shape = form_of(form, as_json)
    loaded = load_model(model)
    with _described(model):
        tables = _tables_of(loaded)
    show(shape, {"identity": loaded.identity, **loaded.manifest}, lambda: tables)
    return 0


def _tables_of(loaded: Model) -> list[Table]:
    """Return what is shown of a model."""
    manifest = loaded.manifest
    days = manifest["data"]["days"]
    table = Table(title=f"Model {cell(loaded.name)}", title_justify="left", show_header=False)
    for name, value in (
        ("identity", loaded.identity),
        ("features", f"version {manifest['features']['version']}"),
        ("XGBoost", manifest["xgboost"]),
        ("trees", manifest["trees"]),
        ("training days", ", ".join(days["training"])),
        ("kinds", ", ".join(manifest["data"]["kinds"])),
        ("files", ", ".join(str(one[0]) for one in manifest["data"]["files"])),
        ("labels", ", ".join(str(one[0]) for one in manifest["data"]["labels"])),
    ):
        table.add_row(name, Text(printable(str(value))))
    return [table, metrics_table(manifest), found_table(manifest)]


@app.command("compare")
def compare_models(
    models: Annotated[list[Path], typer.Argument(help="Folders of models.", readable=False)],
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Compare models by what they did on their test days; these may be different days."""
    shape = form_of(form, as_json)
    found = [_facts(model) for model in models]
    show(shape, {"models": found}, lambda: [_table(found)], found)
    if len({(one["test_day"], one["test_trades"]) for one in found}) > 1:
        notes_console().print("these models were tested on different days: figures do not compare")
    return 0


def _facts(folder: Path) -> dict[str, Any]:
    """Return what is listed of a model; raises `SettingsError` if it cannot be used."""
    model = load_model(folder)
    manifest = model.manifest
    with _described(folder):
        test = manifest["metrics"]["test"]
        return {
            "model": str(folder),
            "identity": model.identity,
            "trees": manifest["trees"],
            "training_trades": manifest["data"]["training"]["trades"],
            "training_events": manifest["data"]["training"]["events"],
            "test_day": manifest["data"]["days"]["test"],
            "test_trades": test["trades"],
            "roc_auc": float(test["roc_auc"]),
            "pr_auc": float(test["pr_auc"]),
            "precision_at": test["precision_at"],
            "events": test["at_limit"]["events"],
            "found": test["at_limit"]["found"],
            "ordinary_per_10k": float(test["at_limit"]["ordinary_per_10k"]),
        }


@contextmanager
def _described(folder: Path) -> Iterator[None]:
    """Raise `SettingsError` where a manifest lacks what is shown, or has it in another form."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        raise SettingsError(
            f"{folder / MANIFEST} lacks data or metrics, or has them in a form that is not known",
            "train it again with `tape train`",
        ) from None


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(title="Models, on their test days", title_justify="left")
    table.add_column("model")
    table.add_column("test day")
    for name in ("trees", "ROC-AUC", "PR-AUC", "found", "of events", "false per 10,000"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            Text(printable(one["model"])),
            Text(printable(str(one["test_day"]))),
            f"{one['trees']}",
            f"{one['roc_auc']:.4f}",
            f"{one['pr_auc']:.4f}",
            f"{one['found']}",
            f"{one['events']}",
            f"{one['ordinary_per_10k']:.2f}",
        )
    return table
