"""`tape show`: one alert of the running system, in whole."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.one_alert import one_alert
from tape.cli.output import counted
from tape.model.fields import dollars
from tape.page.rows import UNRANKED
from tape.process.terminal_text import cell
from tape.view.spark import sparkline

EACH: Final = 8
"""Trades before and after, if nothing else is asked for: they fit a screen beside the reasons."""
EACH_MAX: Final = 1_000
FLAGGED_SHOWN: Final = 10
"""Flagged trades in the table; the other forms have up to 200."""
SPARK_CELLS: Final = 60
"""Width of the line of prices: fits a terminal of 80 columns."""


def show_episode(
    alert: Annotated[
        str, typer.Argument(help="An episode_id or anomaly_id, or how just one of them begins.")
    ],
    each: Annotated[
        int, typer.Option("--around", help="Trades before and after.", min=0, max=EACH_MAX)
    ] = EACH,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Show one alert of the running system: why, its flagged trades, those around it, decisions.

    It is read from the topics. For an alert in files there is `tape replay FILES --anomaly ID`,
    for a document `tape case`.

    Example: tape show NVDA-2-1751961600171836530-7
    """
    shape = form_of(form, as_json)
    detail, around, unreadable = one_alert(alert, each)
    whole = {"episode": detail, "around": around}
    show(shape, whole, lambda: [Group(*_parts(detail, around))], detail["trades"])
    return 2 if unreadable else 0


def _parts(detail: Mapping[str, Any], around: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield from _facts(detail)
    yield _flagged(detail["trades"])
    rest = max(len(detail["trades"]), detail["flags"]) - FLAGGED_SHOWN
    if rest > 0:
        yield Text(f"… and {rest:,} more", "dim")
    yield Text()
    if "error" in around:
        yield Text(f"the trades around it: {cell(around['error'])}", "dim")
    else:
        yield Text(sparkline([one["price"] for one in around["trades"]], SPARK_CELLS), "bold")
        yield _around(around)
    yield Text()
    yield from _decisions(detail)


def _facts(detail: Mapping[str, Any]) -> Iterator[Text]:
    marked = [f"severity {detail['severity']:.1f}"] if detail["severity"] is not None else []
    if detail["priority"] != UNRANKED:
        marked.append(f"priority {detail['priority']:.1f}")
    marked += filter(None, (detail["mark"], detail["context"]))
    if detail["state"] != "closed":
        marked.append("still open")
    yield Text(cell(f"{detail['symbol']}  {_time(detail['first'])} UTC"), "bold")
    yield Text(cell(", ".join(marked)))
    yield Text(cell(detail["reason"]))
    if detail["text"] != detail["reason"]:
        yield Text(cell(detail["text"]))
    yield Text(cell(detail["id"]), "dim")
    yield Text()


def _flagged(trades: list[Mapping[str, Any]]) -> Table:
    table = Table("flagged (UTC)", box=None, padding=(0, 1))
    for name in ("price", "shares"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why")
    for one in trades[:FLAGGED_SHOWN]:
        why = "\n".join(cell(f"{each['rule']}: {each['text']}") for each in one.get("reasons", ()))
        price = dollars(Decimal(str(one["price"])))
        table.add_row(_time(one["ts"]), price, f"{one['size']:,}", why)
    return table


def _around(around: Mapping[str, Any]) -> Table:
    """Return the trades around the worst flagged one; flagged ones stand out, with a star too."""
    table = Table("trades around it (UTC)", box=None, padding=(0, 1))
    for name in ("price", "shares"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("side")
    table.add_column("")
    for one in around["trades"]:
        price = dollars(Decimal(str(one["price"])))
        words = (_time(one["ts"]), price, f"{one['size']:,}", cell(one["side"]))
        flagged = bool(one["flagged"])
        table.add_row(*words, "*" * flagged, style="bold" if flagged else "")
    return table


def _decisions(detail: Mapping[str, Any]) -> Iterator[Text]:
    steps = detail["history"]
    yield Text(f"{counted(len(steps), 'decision')}:" if steps else "nobody has decided yet")
    for one in steps:
        words = (one["at"][:19].replace("T", " "), one["by"], one["state"], one["reason"])
        yield Text(cell("  ".join(filter(None, (*words, one["note"])))))


def _time(text: str) -> str:
    return cell(text.replace("T", " ")[:26])
