"""Results of several profiles side by side, for a terminal and for a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

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
    """Return one row per profile, in the order of `COLUMNS`."""
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
    """Return one row per kind: its name, how many events, and per profile how many are found."""
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
