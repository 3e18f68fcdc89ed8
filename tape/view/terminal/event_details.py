"""One event in whole: what it was, its flagged trades, and the trades around the worst of them."""

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
from tape.model.fields import dollars
from tape.model.rules import rule_named
from tape.view.alert import Seen, one_digit
from tape.view.event import Event
from tape.view.short_reason import short_reason
from tape.view.spark import percent, sparkline
from tape.view.terminal.details import around_shown

SPARK_CELLS: Final = 60
OTHERS_CELLS: Final = 66
"""What the other columns of its trades need; the worst one's reason stands above in full."""
LEAST_WHY_CELLS: Final = 12
"""Room for a number and its unit."""
TIME: Final = slice(len("2025-05-05T"), len("2025-05-05T14:30:00.123456"))


class EventDetails(ModalScreen[None]):
    """A page over the list; escape leads back."""

    CSS = "EventDetails { background: $background; } VerticalScroll { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "dismiss", "back"),
    ]

    def __init__(self, one: Event) -> None:
        super().__init__()
        self.one = one.copy()

    def compose(self) -> ComposeResult:
        """Yield what it was, its trades, and a place for the trades around."""
        with VerticalScroll():
            yield Static(Group(*_facts(self.one)), id="facts")
            yield Static(_trades(self.one, self.app.size.width), id="trades")
            yield Static(Text("\nlooking for the trades around it …", "dim"), id="around")
        yield Footer(compact=True)

    def tell(self, found: Around | str) -> None:
        """Show the trades around, or why there are none."""
        if self.is_current:  # not left in the meantime
            self.query_one("#around", Static).update(around_shown(found))


def _facts(one: Event) -> list[Text]:
    numbers = (("severity", one.severity), ("priority", one.priority))
    facts = [f"{name} {value:.1f}" for name, value in numbers if value is not None]
    facts += ["still open"] if one.is_open else []
    facts += [f"{one.mark}, likely"] if one.mark else []
    lines = [Text(f"{one.named}  {one.time}", "bold"), Text(", ".join(facts)), Text("")]
    if one.state is not None and one.state.text:
        lines.append(Text(one.state.text))
    rule, reason = one.why
    if rule:
        lines.append(Text.assemble((f"{rule}: ", "bold"), reason))
    line = sparkline(one.path, SPARK_CELLS)
    if line:
        low, high = (dollars(end(one.path)) for end in (min, max))
        lines += [Text(""), Text.assemble((line, "bold"), f"  {low} to {high}")]
    return [*lines, Text(one.id, "dim")]


def _trades(one: Event, width: int) -> RenderableType:
    """Return its flagged trades in the order in which they came."""
    if not one.trades:
        return Text("\nits flagged trades are not among those that were read", "dim")
    missing = one.flags - len(one.trades)
    title = "\nits flagged trades" + (f", the last {len(one.trades):,}" if missing else "")
    table = Table(box=None, padding=(0, 1), title=title, title_justify="left")
    table.add_column("time (UTC)", no_wrap=True)
    for name in ("price", "moved", "size", "sev.", "prio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", no_wrap=True)
    before, why_cells = one.moved[0], max(LEAST_WHY_CELLS, width - OTHERS_CELLS)
    for trade in one.trades:
        table.add_row(*_cells(trade, before, why_cells), style="bold" if trade is one.worst else "")
    return table


def _cells(trade: Seen, before: float | None, why_cells: int) -> list[Text]:
    rule = rule_named(trade.rules[0] if trade.rules else "")
    reason = short_reason((trade.reasons or ("",))[0], rule.name, why_cells)
    texts = (
        trade.time[TIME],
        trade.price,
        percent(before, float(trade.price)),
        f"{trade.size:,}",
        one_digit(trade.severity),
        trade.worth,
    )
    return [*map(Text, texts), Text.assemble((rule.letter, f"bold {rule.colour}"), f" {reason}")]
