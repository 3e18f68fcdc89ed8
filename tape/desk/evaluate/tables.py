"""Results of several profiles side by side, for a terminal and for a page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from tape.desk.evaluate.metrics import WITHIN

Figures = Mapping[str, dict[str, Any]]
"""Figures by profile, as `Result.figures` has them."""
Rows = list[list[str]]

COLUMNS: Final = (
    "profile",
    "PR-AUC (95 %)",
    "by event (95 %)",
    "recall (95 %)",
    "precision (95 %)",
    "alarms per 10,000",
    "median delay",
)
MOST_KINDS: Final = 20
"""Kinds that a table has rows for, those with most events."""
UNITS: Final = ("trades", "seconds")


def profile_rows(figures: Figures) -> Rows:
    """Return one row per profile, in the order of `COLUMNS`."""
    return [
        [
            profile,
            _with_interval(one, "pr_auc"),
            _with_interval(one, "event_pr_auc"),
            _with_interval(one, "recall"),
            _with_interval(one, "precision"),
            f"{one['alarms_per_10k']:.1f}",
            _delay(one["median_delay_trades"]),
        ]
        for profile, one in figures.items()
    ]


def family_rows(figures: Figures) -> tuple[list[str], Rows]:
    """Return head and rows of a table of the families that have events."""
    first = next(iter(figures.values()))["by_family"]
    head = ["profile"]
    for family, one in first.items():
        head.append(f"{family} ({one['events']}): PR-AUC, by event, recall, alarms")
    rows = [
        [
            profile,
            *(
                f"{share(own['pr_auc'])}, {share(own['event_pr_auc'])}, {share(own['recall'])}, "
                f"{own['alarms_per_10k']:.1f}"
                for own in one["by_family"].values()
            ),
        ]
        for profile, one in figures.items()
    ]
    return head, rows


def within_rows(figures: Figures) -> tuple[list[str], Rows]:
    """Return head and rows of a table of events found within a number of trades and seconds."""
    head = [
        "profile",
        *(f"{most} {unit[:-1] if most == 1 else unit}" for unit in UNITS for most in WITHIN),
    ]
    rows = [
        [
            profile,
            *(share(one["recall_within"][unit][str(most)]) for unit in UNITS for most in WITHIN),
        ]
        for profile, one in figures.items()
    ]
    return head, rows


def kind_rows(figures: Figures) -> Rows:
    """Return one row per kind: its name, how many events, and per profile how many are found."""
    kinds: dict[str, int] = {}
    for one in figures.values():
        kinds.update({kind: counts["events"] for kind, counts in one["by_kind"].items()})
    return [
        [kind, str(events), *(_found(one["by_kind"][kind]) for one in figures.values())]
        for kind, events in kinds.items()
    ]


def day_rows(figures: Figures) -> tuple[list[str], Rows]:
    """Return head and rows of a table of days: PR-AUC, recall and alarms of each profile."""
    head = ["day", *(f"{profile}: PR-AUC, recall, alarms" for profile in figures)]
    days = next(iter(figures.values()))["days"]
    rows = []
    for day in days:
        own = (one["days"][day] for one in figures.values())
        cells = [
            f"{share(o['pr_auc'])}, {share(o['recall'])}, {o['alarms_per_10k']:.1f}" for o in own
        ]
        rows.append([day.removesuffix(".trades.csv.zst"), *cells])
    return head, rows


def terminal_tables(figures: Figures) -> list[Table]:
    """Return the tables for a terminal."""
    tables = [_table("Profiles on labelled days", COLUMNS, profile_rows(figures))]
    if len(next(iter(figures.values()))["by_family"]) > 1:
        tables.append(_table("Families apart", *family_rows(figures)))
    tables.append(_table("Events found within", *within_rows(figures)))
    kinds = kind_rows(figures)
    title = "Events found (median delay in trades)"
    if len(kinds) > MOST_KINDS:
        title += f"; {len(kinds) - MOST_KINDS:,} more kinds are in --json"
        kinds = sorted(kinds, key=lambda row: -int(row[1]))[:MOST_KINDS]
    tables.append(_table(title, ("kind", "events", *figures), kinds))
    return tables


def _table(title: str, head: Sequence[str], rows: Rows) -> Table:
    table = Table(title=title, title_justify="left")
    for nth, name in enumerate(head):
        table.add_column(escape(name), justify="right" if nth else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def markdown_tables(figures: Figures) -> str:
    """Return the same tables in Markdown."""
    kinds = ["kind", "events", *(f"found by {profile}" for profile in figures)]
    tables = [markdown(COLUMNS, profile_rows(figures))]
    if len(next(iter(figures.values()))["by_family"]) > 1:
        tables.append(markdown(*family_rows(figures)))
    return "\n\n".join([*tables, markdown(kinds, kind_rows(figures))])


def markdown(head: Sequence[str], rows: Rows) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _with_interval(one: dict[str, Any], name: str) -> str:
    interval = one["ci95"].get(name)
    value = share(one[name])
    return f"{value} ({share(interval[0])}–{share(interval[1])})" if interval else value


def share(value: float) -> str:
    """Return a share as tables have it.

    >>> share(0.876), share(1.0)
    ('.88', '1.00')
    """
    return f"{value:.2f}".removeprefix("0") if value < 1 else "1.00"


def _found(counts: dict[str, Any]) -> str:
    delay = counts["median_delay_trades"]
    return f"{counts['found']}" if delay is None else f"{counts['found']} ({_delay(delay)})"


def _delay(delay: float | None) -> str:
    return "–" if delay is None else f"{delay:g}"
