"""The most telling anomalies on a terminal: a table, or paragraphs where it is narrow."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tape.desk.summary import Findings, marked
from tape.market.day import CONTEXTS, REGULAR
from tape.model.anomaly import Anomaly
from tape.model.fields import dollars, iso_time
from tape.process.terminal_text import printable

WHY_CELLS: Final = 44
"""Columns that reasons need beside the others; half a sentence fits."""
COLUMN_CELLS: Final = 3
"""What a table draws around each of its columns."""
NUMBERS: Final = ("rank", "severity", "priority")
"""What an anomaly may be judged by; each stands there only if one has it."""
DAY: Final = len("2025-05-05")
MILLISECONDS: Final = len("2025-05-05T14:30:00.123")


Row = tuple[list[str], Text]
"""Time, symbol, price, size and numbers of an anomaly; then why it was flagged, and its id."""


@dataclass(frozen=True, slots=True)
class TellingAnomalies:
    """What a Rich console prints: below the reasons stands how the id begins, for `--anomaly`.

    The day stands above the rows, or in each where there are several. The most telling come first.
    """

    found: Findings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it for this width."""
        telling, short_ids = self.found.telling, self.found.short_ids
        stamps = [iso_time(one.trade.ts_event_ns)[:MILLISECONDS] for one in telling]
        days = {stamp[:DAY] for stamp in stamps}
        title = "Suppressed anomalies" if self.found.of_suppressed else "The most telling anomalies"
        if len(days) == 1:
            title = f"{title} of {days.pop()}"
            stamps = [stamp[DAY + 1 :] for stamp in stamps]
        numbers = [n for n in NUMBERS if any(getattr(one, n) is not None for one in telling)]
        rows = [
            ([stamp.replace("T", " "), *_cells(one, numbers)], _why(one, short_id))
            for stamp, one, short_id in zip(stamps, telling, short_ids, strict=True)
        ]
        names = ["time (UTC)", "symbol", "price", "size", *numbers]
        widths = [
            max(map(len, column)) for column in zip(names, *(c for c, _ in rows), strict=True)
        ]
        taken = sum(widths) + COLUMN_CELLS * (len(names) + 1) + 1
        if rows and options.max_width - taken < WHY_CELLS:
            yield Text(title, "italic")
            yield from _paragraphs(rows, numbers, widths)
        else:
            yield _table(rows, names, title)


def _table(rows: list[Row], names: list[str], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        is_text = name in ("time (UTC)", "symbol")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    table.add_column("why")
    for cells, why in rows:
        table.add_row(*map(Text, cells), why)
    return table


def _paragraphs(rows: list[Row], numbers: list[str], widths: list[int]) -> RenderResult:
    """Yield a line for each trade, and its reasons below it."""
    for (time, symbol, price, size, *worth), why in rows:
        shares = "share" if size == "1" else "shares"
        told = (f"{name} {text}" for name, text in zip(numbers, worth, strict=True) if text)
        head = f"{time}  {symbol:{widths[1]}}  {price:>{widths[2]}}  {size:>{widths[3]}} {shares}"
        yield Text("  ".join([head, *told]), "bold")
        yield Padding(why, (0, 0, 0, 2), expand=False)


def _cells(anomaly: Anomaly, numbers: list[str]) -> list[str]:
    trade = anomaly.trade
    worth = (getattr(anomaly, name) for name in numbers)
    return [
        marked(printable(trade.symbol)).plain,
        dollars(Decimal(trade.price_nanos).scaleb(-9)),
        f"{trade.size:,}",
        *("" if number is None else f"{number:.1f}" for number in worth),
    ]


def _why(anomaly: Anomaly, short_id: str) -> Text:
    """Return the reasons, circumstances that are not those of any trade, and the id."""
    lines = [printable(reason.text) for reason in anomaly.reasons]
    if anomaly.context not in ("", CONTEXTS[REGULAR]):
        lines.append(f"({printable(anomaly.context)})")
    return Text("\n".join([*lines, ""])).append(short_id, "dim")
