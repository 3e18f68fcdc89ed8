"""Tables of what models did on days that they were not trained on."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from tape.process.terminal_text import printable


def metrics_table(manifest: Mapping[str, Any]) -> Table:
    """Return ROC-AUC, PR-AUC and precision of a model, by day."""
    days, metrics = manifest["data"]["days"], manifest["metrics"]
    table = Table(title="How well trades are ranked", title_justify="left")
    for name in ("day", "use", "trades", "labelled", "ROC-AUC", "PR-AUC"):
        table.add_column(name, justify="left" if name in ("day", "use") else "right")
    ks = list(metrics["test"]["precision_at"])[:-1]
    for k in ks:
        table.add_column(f"precision at {int(k):,}", justify="right")
    table.add_column("at as many as labelled", justify="right")
    for use in ("validation", "test"):
        one = metrics[use]
        table.add_row(
            Text(printable(str(days[use]))),
            use,
            f"{one['trades']:,}",
            f"{one['labelled_trades']:,}",
            f"{one['roc_auc']:.4f}",
            f"{one['pr_auc']:.4f}",
            *(f"{value:.3f}" for value in list(one["precision_at"].values())[: len(ks)]),
            f"{list(one['precision_at'].values())[-1]:.3f}",
        )
    return table


def found_table(manifest: Mapping[str, Any]) -> Table:
    """Return by kind how well the test day's trades are ranked, and what would be found."""
    test = manifest["metrics"]["test"]
    at_limit = test["at_limit"]
    table = Table(
        title=f"On the day of the test, by kind; found from severity {at_limit['severity']:.2f} on",
        title_justify="left",
        caption=f"ordinary trades from there on: {at_limit['ordinary_per_10k']:.2f} per 10,000",
    )
    table.add_column("kind")
    for name in ("events", "found", "trades", "ROC-AUC", "PR-AUC"):
        table.add_column(name, justify="right")
    for kind, one in test["by_kind"].items():
        table.add_row(
            Text(printable(str(kind))),
            f"{one['events']}",
            f"{at_limit['by_kind'][kind]['found']}",
            f"{one['trades']:,}",
            f"{one['roc_auc']:.4f}",
            f"{one['pr_auc']:.4f}",
        )
    return table
