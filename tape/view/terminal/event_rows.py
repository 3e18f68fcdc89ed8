"""Lines of events, for any width."""

from dataclasses import dataclass
from typing import Final

from rich.text import Text

from tape.market.test_issues import is_test_issue
from tape.model.episode import BAD_PRINT
from tape.model.rules import rule_named
from tape.view.alert import one_digit
from tape.view.event import Event
from tape.view.short_reason import short_reason
from tape.view.spark import compact, percent, sparkline
from tape.view.terminal.columns import cut, left, right, symbol_cell, time_cell

NARROW, WIDE = 60, 120
"""Columns from which shares and sparkline fit, and from which everything fits in full."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths of the columns in cells; 0 leaves one out."""

    time: int
    symbol: int
    number: int
    trades: int
    shares: int
    percent: int
    mark: int
    spark: int

    @property
    def taken(self) -> int:
        """Return where the reason begins."""
        widths = (self.time, self.symbol, self.number, self.number, self.trades, self.shares)
        return sum(one + 1 for one in (*widths, self.percent, self.mark, self.spark) if one)


SMALL: Final = Layout(8, 5, 4, 0, 0, 7, 0, 0)
USUAL: Final = Layout(14, 5, 4, 5, 6, 7, 0, 5)
LARGE: Final = Layout(23, 8, 8, 6, 11, 8, 9, 16)
"""For terminals of up to 60, of 80 and of 120 columns."""


def layout_of(width: int) -> Layout:
    """Return the columns that a width has room for."""
    return SMALL if width < NARROW else USUAL if width < WIDE else LARGE


def event_header(width: int) -> Text:
    """Return the names of the columns."""
    at = layout_of(width)
    large = at is LARGE
    severity, priority = ("severity", "priority") if large else ("sev.", "prio")
    cells = [
        left("time" if at is SMALL else "time (UTC)", at.time),
        left("symbol" if large else "sym.", at.symbol),
    ]
    cells += [right(severity, at.number), right(priority, at.number)]
    trades, prices = ("trades", "prices") if large else ("trds", "path")
    cells += _tail(at, trades, "shares", "moved", "mark", prices)
    return cut(Text(" ".join([*cells, "  why"])), width)


def event_row(one: Event, width: int, *, chosen: bool = False) -> Text:
    """Return an event as one line of at most `width` cells; what its reason says is whole."""
    at = layout_of(width)
    shares = f"{one.shares:,}" if at is LARGE else compact(one.shares)
    mark = "open" if one.is_open else one.mark
    numbers = (one_digit(one.severity), one_digit(one.priority))
    cells = [time_cell(one.time, at.time), symbol_cell(one.symbol, at.symbol)]
    cells += [right(text, at.number) for text in numbers]
    moved, line = percent(*one.moved), sparkline(one.path, at.spark)
    cells += _tail(at, compact(one.flags), shares, moved, mark, line)
    text = Text(" ".join(cells)).append(" ").append(_why(one, at, width))
    text = cut(text, width)
    if chosen:
        text.pad_right(max(0, width - text.cell_len))
        text.stylize("reverse")
    return text


def _tail(at: Layout, trades: str, shares: str, moved: str, mark: str, spark: str) -> list[str]:
    """Return the cells of what an event was, as many as there is room for."""
    cells = [right(trades, at.trades), right(shares, at.shares)] if at.trades else []
    cells += [right(moved, at.percent)]
    cells += [left(mark, at.mark)] if at.mark else []
    return cells + ([left(spark, at.spark)] if at.spark else [])


def _why(one: Event, at: Layout, width: int) -> Text:
    """Return the letter of the rule that says most, and as much of its reason as fits."""
    rule, reason = one.why
    known = rule_named(rule)
    text = Text(known.letter if rule else " ", f"bold {known.colour}").append(" ")
    if is_test_issue(one.symbol):
        text.append("test issue: ")
    room = width - at.taken - text.cell_len
    if not at.mark and one.mark == BAD_PRINT and room >= len(BAD_PRINT):
        told = short_reason(reason, "", room - len(f"{BAD_PRINT}: "))
        return text.append(f"{BAD_PRINT}: {told}" if told else BAD_PRINT)
    return text.append(short_reason(reason, rule, room))
