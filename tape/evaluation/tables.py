"""Results of several profiles side by side: for a terminal, for a page, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from tape.evaluation.running import Result
from tape.output_file import OutputFile

Figures = Mapping[str, dict[str, Any]]
"""Figures by profile, as `Result.figures` has them."""

COLUMNS = (
    "profile",
    "PR-AUC (95 %)",
    "recall (95 %)",
    "precision (95 %)",
    "alarms per 10,000",
    "median delay",
)


def profile_rows(figures: Figures) -> list[list[str]]:
    """Return a row a profile, in the order of `COLUMNS`."""
    return [
        [
            profile,
            _with_interval(one, "pr_auc"),
            _with_interval(one, "recall"),
            _with_interval(one, "precision"),
            f"{one['alarms_per_10k']:.1f}",
            _delay(one["median_delay_trades"]),
        ]
        for profile, one in figures.items()
    ]


def kind_rows(figures: Figures) -> list[list[str]]:
    """Return a row a kind: its name, how many events, and per profile how many are found."""
    kinds: dict[str, int] = {}
    for one in figures.values():
        kinds.update({kind: counts["events"] for kind, counts in one["by_kind"].items()})
    return [
        [kind, str(events), *(_found(one["by_kind"][kind]) for one in figures.values())]
        for kind, events in kinds.items()
    ]


def day_rows(figures: Figures) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of a table of days: PR-AUC, recall and alarms of each profile."""
    head = ["day", *(f"{profile}: PR-AUC, recall, alarms" for profile in figures)]
    days = next(iter(figures.values()))["days"]
    rows = []
    for day in days:
        own = (one["days"][day] for one in figures.values())
        cells = [
            f"{_share(o['pr_auc'])}, {_share(o['recall'])}, {o['alarms_per_10k']:.1f}" for o in own
        ]
        rows.append([day.removesuffix(".trades.csv.zst"), *cells])
    return head, rows


def terminal_tables(figures: Figures) -> list[Table]:
    """Return the tables for a terminal."""
    table = Table(title="Profiles on labelled days", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "profile" else "right")
    for row in profile_rows(figures):
        table.add_row(*row)
    found = Table(title="Events found (median delay in trades)", title_justify="left")
    found.add_column("kind")
    for name in ("events", *figures):
        found.add_column(name, justify="right")
    for row in kind_rows(figures):
        found.add_row(*row)
    return [table, found]


def markdown_tables(figures: Figures) -> str:
    """Return the same tables in Markdown."""
    kinds = ["kind", "events", *(f"found by {profile}" for profile in figures)]
    return f"{markdown(COLUMNS, profile_rows(figures))}\n\n{markdown(kinds, kind_rows(figures))}"


def markdown(head: Sequence[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _with_interval(one: dict[str, Any], name: str) -> str:
    interval = one["ci95"].get(name)
    value = _share(one[name])
    return f"{value} ({_share(interval[0])}–{_share(interval[1])})" if interval else value


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 1 else "1.00"


def _found(counts: dict[str, Any]) -> str:
    delay = counts["median_delay_trades"]
    return f"{counts['found']}" if delay is None else f"{counts['found']} ({_delay(delay)})"


def _delay(delay: float | None) -> str:
    return "–" if delay is None else f"{delay:g}"


def save_curves(path: Path, results: Mapping[str, Result]) -> None:
    """Draw precision over recall, a panel a profile; the point is where the profile flags."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1 + 4 * len(results), 4.2), layout="constrained")
    panels = figure.subplots(1, len(results), sharex=True, sharey=True, squeeze=False)[0]
    for panel, (profile, result) in zip(panels, results.items(), strict=True):
        of, held = result.curve, result.held
        panel.step(
            np.concatenate([[0.0], of.recall]),
            np.concatenate([of.precision[:1], of.precision]),
            where="pre",
        )
        flagged = int(held.flagged.sum())
        true = int((held.flagged & (held.event >= 0)).sum())
        if flagged:
            at = (true / max(len(of.end), 1), true / flagged)
            panel.plot(*at, "o", color="tab:red", label="as it flags")
            panel.legend(loc="upper right")
        panel.set_title(f"{profile}: PR-AUC {result.figures['pr_auc']:.2f}", loc="left")
        panel.set_xlabel("recall over trades")
        panel.set_xlim(0, 1.01)
        panel.set_ylim(0, 1.02)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("precision over trades")
    with OutputFile(path) as file:
        figure.savefig(file.binary, format=path.suffix[1:])
