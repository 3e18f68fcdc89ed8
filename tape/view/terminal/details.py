"""One anomaly in whole, with the trades around it."""

from decimal import Decimal
from typing import ClassVar, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from tape.kafka.neighbours import Around
from tape.model.fields import NANOS, dollars, iso_time
from tape.process.terminal_text import cell
from tape.view.alert import Seen
from tape.view.spark import percent, sparkline

SPARK_CELLS: Final = 60
"""Width of the line of prices: fits a terminal of 80 columns."""


class Details(ModalScreen[None]):
    """A page over the list; escape leads back."""

    CSS = "Details { background: $background; } VerticalScroll { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "dismiss", "back"),
    ]

    def __init__(self, one: Seen) -> None:
        super().__init__()
        self.one = one
        self._facts = facts(one)

    def compose(self) -> ComposeResult:
        """Yield the facts, and a place for the trades around."""
        with VerticalScroll():
            yield Static(self._facts, id="facts")
            yield Static(Text("\nlooking for the trades around it …", "dim"), id="around")
        yield Footer(compact=True)

    def tell(self, found: Around | str) -> None:
        """Show the trades around, or why there are none."""
        if self.is_current:  # not left in the meantime
            self.query_one("#around", Static).update(around_shown(found))


def facts(one: Seen) -> Group:
    """Return an anomaly in whole."""
    shares = "share" if one.size == 1 else "shares"
    lines: list[Text | Table] = [
        Text(f"{one.named}  {one.price}  {one.size:,} {shares}  {one.side}", "bold"),
        Text(one.time),
        Text(""),
    ]
    for rule, reason in zip(one.rules, (*one.reasons, *[""] * len(one.rules)), strict=False):
        lines.append(Text.assemble((f"{rule}: ", "bold"), reason))
    if one.more:
        lines.append(Text(one.more))
    if one.episode:
        begins = one.episode == one.id
        lines.append(Text("begins an episode" if begins else f"in the episode of {one.episode}"))
    where = ""
    if one.source is not None:
        where = f", partition {one.source[0]}, offset {one.source[1]} of its topic"
    lines += [Text(""), Text(f"{one.id}{where}", "dim")]
    return Group(*lines)


def around_shown(found: Around | str) -> RenderableType:
    """Return the trades around with a line of their prices, or why there are none."""
    if isinstance(found, str):
        return Text(f"\n{found}", "dim")
    line = sparkline([trade.price_nanos / NANOS for trade in found.trades], SPARK_CELLS)
    return Group(Text(f"\n{line}", "bold"), around_table(found))


def around_table(found: Around) -> Table:
    """Return the trades around the flagged one, which stands out."""
    table = Table(box=None, padding=(0, 1), title="the trades around it", title_justify="left")
    table.add_column("time (UTC)", no_wrap=True)
    for name in ("price", "change", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("side")
    times = [iso_time(trade.ts_event_ns) for trade in found.trades]
    begin = 11 if len({at[:10] for at in times}) == 1 else 5  # a quiet symbol: several days
    before = None
    for place, trade in enumerate(found.trades):
        change = ""
        if before is not None and before.price_nanos:
            change = percent(before.price_nanos, trade.price_nanos)
        before = trade
        table.add_row(
            times[place][begin:26].replace("T", " "),
            dollars(Decimal(trade.price_nanos).scaleb(-9)),
            change,
            f"{trade.size:,}",
            cell(trade.side),
            style="reverse" if place == found.at else "",
        )
    return table
