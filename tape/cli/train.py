"""`tape train`: a model from a features file."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.model_tables import found_table, metrics_table
from tape.cli.output import notes_console
from tape.desk.train.training import Trained, as_json, train
from tape.process.terminal_text import cell
from tape.process.whole_folder import check_new_folder, write_folder

WHY_1: Final = (
    "scale_pos_weight 1 is kept: a weight hardly changes the order of the trades, and it moves "
    "ordinary ones towards the labelled"
)


def train_model(
    features: Annotated[
        Path, typer.Argument(help="A .parquet file of `tape features --labels`.", readable=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make.")],
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of XGBoost.")] = 1,
    depth: Annotated[int, typer.Option(min=1, max=12, help="Depth of the trees.")] = 6,
    form: AsForm = None,
    as_json_: AsJson = False,
) -> int:
    """Train a model with XGBoost, for PROFILE=supervised: days apart, stopped early, measured.

    The last day with labels is the test, the one before says when to stop, the others train.
    The folder has the model in XGBoost's own JSON, and a manifest.

    Example: tape train features.parquet --output models/first
    """
    shape = form_of(form, as_json_)
    check_new_folder(output)
    trained = train(
        features, seed=seed, depth=depth, say=lambda what: notes_console().print(f"{what} …")
    )
    write_folder(output, trained.files())
    told = trained.told
    show(
        shape,
        as_json(trained),
        lambda: [_comparison(told["comparison"]), metrics_table(told), found_table(told)],
    )
    _say(trained)
    notes_console().print(f"written: {cell(str(output))}")
    return 0


def _comparison(runs: list[dict[str, Any]]) -> Table:
    table = Table(title="Weights of labelled trades", title_justify="left", caption=WHY_1)
    for name in (
        "scale_pos_weight",
        "trees",
        "PR-AUC validation",
        "PR-AUC test",
        "precision at as many as are labelled",
        "ordinary above one half, per 10,000",
    ):
        table.add_column(name, justify="right")
    for run in runs:
        table.add_row(
            f"{run['scale_pos_weight']:g}",
            f"{run['trees']}",
            f"{run['pr_auc_validation']:.3f}",
            f"{run['pr_auc_test']:.3f}",
            f"{run['precision_test']:.3f}",
            f"{run['ordinary_above_half_per_10k']:.2f}",
        )
    return table


def _say(trained: Trained) -> None:
    test = trained.told["metrics"]["test"]
    notes_console().print(
        f"{trained.told['trees']} trees; on {trained.told['data']['days']['test']}, which was not "
        f"seen: ROC-AUC {test['roc_auc']:.4f}, PR-AUC {test['pr_auc']:.4f}",
        highlight=False,
        soft_wrap=True,
    )
