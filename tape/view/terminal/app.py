"""The live view on a terminal, with Textual."""

import queue
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Final

from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Footer, Input, Static

from tape.errors import SettingsError, TapeError
from tape.kafka.group import Look
from tape.kafka.neighbours import Around
from tape.model.rules import RULES
from tape.process.interrupts import INTERRUPTED
from tape.process.terminal_text import printable
from tape.settings.symbol_lists import joined_symbols
from tape.view.alert import Seen
from tape.view.board import Board
from tape.view.feed import Arrived, News
from tape.view.filters import Filter, parse_symbols
from tape.view.terminal.details import Details
from tape.view.terminal.rows import header, mode_line, row, rules_lines, state_lines

TICK_S: Final = 0.25
"""How often the screen is drawn again; faster than that nobody reads."""

FindAround = Callable[[Seen], Around | str]
"""Returns the trades around an anomaly, or why there are none."""


class AnomalyList(Widget, can_focus=True):
    """The anomalies, newest first. It draws only the lines that can be seen.

    `chosen` stays on its anomaly while new ones come; None is the newest, whichever that is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home,g", "newest", "newest", show=False),
        Binding("end,G", "oldest", "oldest", show=False),
    ]

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board
        self._rows: list[Seen] = []
        self._top = 0
        self.chosen: Seen | None = None

    @property
    def at(self) -> int:
        """Return the position of the chosen anomaly; 0 is the newest."""
        if self.chosen is not None:
            episode = self.chosen.episode if self._board.folded else ""
            for place, one in enumerate(self._rows):
                if one is self.chosen or (episode and one.episode == episode):
                    return place
        return 0

    @property
    def current(self) -> Seen | None:
        """Return the anomaly under the bar, None if there is none."""
        return self._rows[self.at] if self._rows else None

    def update(self) -> None:
        """Take up what the board shows now."""
        self._rows = self._board.shown
        self.refresh()

    def render(self) -> Text:
        """Return the lines that fit."""
        width, height = self.size.width, max(1, self.size.height)
        if not self._rows:
            nothing = "nothing yet" if not self._board.chosen.text else "nothing that fits yet"
            return Text(nothing, "dim")
        at = self.at
        self._top = max(0, min(self._top, at, len(self._rows) - height), at - height + 1)
        shown = self._rows[self._top : self._top + height]
        lines = [
            row(one, width, chosen=self._top + n == at, trades=self._board.trades_of(one))
            for n, one in enumerate(shown)
        ]
        return Text("\n").join(lines)

    def action_move(self, lines: int) -> None:
        """Move the bar."""
        if self._rows:
            place = min(max(self.at + lines, 0), len(self._rows) - 1)
            self.chosen = self._rows[place] if place else None
            self.refresh()

    def action_page(self, pages: int) -> None:
        """Move the bar by a screen."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_newest(self) -> None:
        """Go to the newest, and stay with it."""
        self.chosen = None
        self.refresh()

    def action_oldest(self) -> None:
        """Go to the oldest that is kept."""
        self.action_move(len(self._rows))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move with the wheel."""
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move with the wheel."""
        self.action_move(-3)


class WatchApp(App[int]):
    """A live view of a board, fed by a queue of news."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    #state, #rules, #mode { height: auto; }
    #header { height: 1; text-style: bold underline; }
    AnomalyList { height: 1fr; }
    Input { display: none; dock: bottom; height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause"),
        Binding("slash,s", "symbols", "symbol", key_display="/"),
        Binding("r", "rule", "rule"),
        Binding("p", "priority", "priority"),
        Binding("e", "fold", "episodes"),
        Binding("enter", "details", "details"),
        Binding("escape", "all", "all"),
        Binding("q", "leave(0)", "quit"),
        Binding("ctrl+c", f"leave({INTERRUPTED})", "quit", show=False, priority=True),
    ]

    def __init__(self, board: Board, news: "queue.Queue[News]", around: FindAround) -> None:
        super().__init__()
        self.board, self._news, self._around = board, news, around
        self.list = AnomalyList(board)
        self._state, self._rules = Static(id="state"), Static(id="rules")
        self._mode, self._header = Static(id="mode"), Static(id="header")
        self._mistake = ""

    def compose(self) -> ComposeResult:
        """Yield the parts from top to bottom."""
        yield from (self._state, self._rules, self._mode, self._header)
        yield self.list
        yield Input(placeholder="symbols, comma-separated; empty for all")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to draw."""
        self.list.focus()
        self.set_interval(TICK_S, self.tick)
        self.tick()

    def on_resize(self) -> None:
        """Draw for the new size at once."""
        self.call_after_refresh(self.tick)

    def tick(self) -> None:
        """Take up the news and draw."""
        for _ in range(self._news.qsize()):
            self._take(self._news.get_nowait())
        board, width = self.board, self.size.width
        self._state.update(state_lines(board, width))
        self._rules.update(rules_lines(board, width))
        mode = mode_line(board, self._mistake)
        self._mode.update(mode)
        self._mode.display = bool(mode)
        self._header.update(header(width))
        self.list.update()

    def _take(self, news: News) -> None:
        board = self.board
        if isinstance(news, Arrived):
            board.add(news.anomalies, live=news.is_new)
            board.unreadable += news.unreadable
            board.rejected += news.rejected
            board.rejected_reason = news.rejected_reason or board.rejected_reason
        elif isinstance(news, Look):
            board.looked(news)
        else:
            board.trouble = news.text

    def action_pause(self) -> None:
        """Hold the list still, or let it run again."""
        self.board.pause()
        self.tick()

    def action_rule(self) -> None:
        """Show only the next rule, after the last all again."""
        chosen = self.board.chosen
        known = ["", *(rule.name for rule in RULES)]
        order = [*known, *sorted({*self.board.by_rule, chosen.rule} - set(known))]
        following = order[(order.index(chosen.rule) + 1) % len(order)]
        self.board.chosen = replace(chosen, rule=following)
        self.tick()

    def action_priority(self) -> None:
        """Show the highest priority first, or the newest again."""
        self.board.by_priority = not self.board.by_priority
        self.tick()

    def action_fold(self) -> None:
        """Show every trade, or one line per episode again."""
        self.board.folded = not self.board.folded
        self.tick()

    def action_symbols(self) -> None:
        """Ask for symbols."""
        asked = self.query_one(Input)
        asked.value = joined_symbols(sorted(self.board.chosen.symbols))
        asked.display = True  # at once: what is typed next belongs there
        self.screen.set_focus(asked)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Show only the symbols that were typed."""
        try:
            symbols = parse_symbols(event.value, "symbol")
        except SettingsError as error:
            self._mistake = printable(str(error))
            self.tick()
            return
        self.board.chosen = replace(self.board.chosen, symbols=symbols)
        self._close_input()

    def action_all(self) -> None:
        """Leave the question for symbols, or show everything again."""
        if self.query_one(Input).display:
            self._close_input()
            return
        self.board.chosen = Filter(suppressed=self.board.chosen.suppressed)
        self.tick()

    def _close_input(self) -> None:
        self._mistake = ""
        self.query_one(Input).display = False
        self.screen.set_focus(self.list)
        self.tick()

    def action_details(self) -> None:
        """Show one anomaly in whole, with the trades around it."""
        one = self.list.current
        if one is not None:
            details = Details(one)
            self.push_screen(details)
            self._find_around(details)

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _find_around(self, details: Details) -> None:
        try:
            found: Around | str = self._around(details.one)
        except TapeError as error:
            found = printable(str(error))
        self.call_from_thread(details.tell, found)

    def action_leave(self, exit_code: int) -> None:
        """End the view."""
        self.exit(exit_code)
