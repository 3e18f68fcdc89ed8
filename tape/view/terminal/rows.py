"""Lines of the live view, for any width: flagged trades, and the state of the pipeline."""

from typing import Final

from rich.text import Text

from tape.market.test_issues import is_test_issue
from tape.model.rules import RULES, Rule, rule_named
from tape.view.alert import Seen
from tape.view.board import Board
from tape.view.short_reason import short_reason
from tape.view.terminal.columns import cut, left, right, symbol_cell, time_cell

WIDE, MIDDLE = 100, 60
"""Columns from which the whole time, and from which size and reason fit."""

TIME_CELLS, WHOLE_TIME_CELLS = 14, 23
"""Month, day and time to the second; year and milliseconds too."""

SYMBOL_CELLS: Final = 8
PRIORITY_CELLS: Final = 4
"""Up to 14.0."""
RULE_CELLS: Final = 4
"""Letters of rules that have room."""
MOST_OTHERS: Final = 4
"""Rules of other detectors that are counted on the screen; anybody may write their names."""


def header(width: int) -> Text:
    """Return the names of the columns."""
    time = "time" if width < MIDDLE else "time (UTC)"
    return cut(_columns(width, time, "symbol", "price", "size", "prio", "rule", "why"), width)


def row(one: Seen, width: int, *, chosen: bool = False) -> Text:
    """Return a flagged trade as one line of at most `width` cells; its reason is whole."""
    size = f"{one.size:,}"
    time = time_cell(one.time, WHOLE_TIME_CELLS if width >= WIDE else TIME_CELLS)
    text = _columns(width, time, one.symbol, one.price, size, one.worth, "", "")
    text.append(_why(one, width - text.cell_len))
    text = cut(text, width)
    begins = _mark_column(width)
    for at, name in enumerate(one.rules[:RULE_CELLS]):
        place = begins + at
        text = Text.assemble(text[:place], _letter(rule_named(name)), text[place + 1 :])
    if chosen:
        text.pad_right(max(0, width - text.cell_len))
        text.stylize("reverse")
    return text


def _why(one: Seen, cells: int) -> str:
    """Return the first reason in as many words as fit, and how many there are beside it."""
    begin = "test issue: " if is_test_issue(one.symbol) else ""
    more = f" (+{len(one.reasons) - 1})" if len(one.reasons) > 1 else ""
    why, rule = (one.reasons or ("",))[0], (one.rules or ("",))[0]
    return f"{begin}{short_reason(why, rule, cells - len(begin) - len(more))}{more}"


def state_lines(board: Board, width: int) -> Text:
    """Return rates, lag, rejected and last commit, on as many lines as they need."""
    trend = ""
    if board.lag is not None and board.lag_before is not None and board.lag != board.lag_before:
        trend = " ↑" if board.lag > board.lag_before else " ↓"
    lag = "unknown" if board.lag is None else f"{board.lag:,}{trend}"
    since = board.since_commit_s
    commit = "none seen yet" if since is None else f"{since:.0f} s ago"
    rejected = f"{board.rejected:,}"
    if board.rejected:
        rejected += f" ({board.rejected_reason})"
    parts = [
        ("stocks", f"{board.stocks_per_s:,.0f}/s"),
        ("anomalies", f"{board.anomalies_per_s:,.1f}/s"),
        ("lag", lag),
        ("detectors", str(board.detectors)),
        ("commit", commit),
        ("rejected", rejected),
    ]
    if board.suppressed:
        parts.append(("suppressed", f"{board.suppressed:,}"))
    if board.unreadable:
        parts.append(("unreadable", f"{board.unreadable:,}"))
    bad = {"detectors": board.detectors == 0, "rejected": board.rejected > 0}
    return _flow(
        [
            Text.assemble((f"{name} ", "dim"), (value, "bold red" if bad.get(name) else "bold"))
            for name, value in parts
        ],
        width,
    )


def rules_lines(board: Board, width: int) -> Text:
    """Return the letters of the rules, with how often each was seen; before any, all rules."""
    seen = [rule for rule in RULES if board.by_rule[rule.name]]
    others = [name for name, _ in board.by_rule.most_common() if not rule_named(name).bit]
    seen += map(rule_named, others[:MOST_OTHERS])
    parts = [
        Text.assemble(_letter(rule), f" {rule.word} {board.by_rule[rule.name]:,}")
        for rule in seen or RULES
    ]
    return _flow(parts, width)


def _letter(rule: Rule) -> tuple[str, str]:
    return rule.letter, f"bold {rule.colour}"


def mode_line(board: Board, mistake: str = "") -> Text:
    """Return what is filtered, whether the view stands still, and what is wrong; or nothing."""
    text = Text()
    if board.chosen.text:
        text.append(f" only {board.chosen.text} ", "black on cyan")
    if board.by_priority:
        text.append(" worst first ", "black on cyan")
    if not board.folded:
        text.append(" every trade ", "black on cyan")
    if board.paused:
        text.append(f" paused, {board.unseen:,} new ", "black on yellow")
    for wrong in (board.trouble, mistake):
        if wrong:
            text.append(f" {wrong} ", "white on red")
    return text


def _flow(parts: list[Text], width: int) -> Text:
    """Return parts side by side, and on a new line where one would be broken."""
    lines = [Text()]
    for part in parts:
        line = lines[-1]
        if line and line.cell_len + 2 + part.cell_len > width:
            lines.append(line := Text())
        line.append("  " if line else "").append_text(part)
    return Text("\n").join(lines)


def _columns(
    width: int, time: str, symbol: str, price: str, size: str, worth: str, rule: str, why: str
) -> Text:
    if width < MIDDLE:
        parts = [
            left(time, TIME_CELLS),
            symbol_cell(symbol, SYMBOL_CELLS),
            right(price, 9),
            left(rule, RULE_CELLS),
        ]
    else:
        wide = WHOLE_TIME_CELLS if width >= WIDE else TIME_CELLS
        parts = [
            left(time, wide),
            symbol_cell(symbol, SYMBOL_CELLS),
            right(price, 10),
            right(size, 11),
            right(worth, PRIORITY_CELLS),
            left(rule, RULE_CELLS),
            why,
        ]
    return Text(" ".join(parts))


def _mark_column(width: int) -> int:
    """Return where the rules' letters begin: behind time, symbol, price, size and priority."""
    if width < MIDDLE:
        return TIME_CELLS + 20
    return (WHOLE_TIME_CELLS if width >= WIDE else TIME_CELLS) + 33 + PRIORITY_CELLS + 1
