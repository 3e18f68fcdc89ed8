"""The live view on a terminal, with Textual."""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, Final

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
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
from tape.view.event import Event
from tape.view.feed import Arrived, News
from tape.view.filters import Filter, parse_symbols
from tape.view.terminal.alert_list import AlertList
from tape.view.terminal.details import Details
from tape.view.terminal.event_details import EventDetails
from tape.view.terminal.event_rows import event_header
from tape.view.terminal.rows import header, mode_line, rules_lines, state_lines

TICK_S: Final = 0.25
"""How often the screen is drawn again; faster than that nobody reads."""

SEVERITIES: Final = (0.0, 4.0, 5.0, 6.0, 7.0, 8.0)
PRIORITIES: Final = (0.0, 4.0, 6.0, 8.0, 10.0)
"""What a key lets through at least: severities end at 8, priorities at 14."""

FindAround = Callable[[Seen], Around | str]
"""Returns the trades around an anomaly, or why there are none."""


class WatchApp(App[int]):
    """A live view of a board, fed by a queue of news."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    #state, #rules, #mode { height: auto; }
    #header { height: 1; text-style: bold underline; }
    AlertList { height: 1fr; }
    Input { display: none; dock: bottom; height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause"),
        Binding("slash,s", "symbols", "symbol", key_display="/"),
        Binding("r", "rule", "rule"),
        Binding("p", "priority", "worst"),
        Binding("e", "fold", "trades"),
        Binding("v", "severity", "severity"),
        Binding("m", "min_priority", "min. priority", show=False),
        Binding("f", "profile", "profile"),
        Binding("enter", "details", "open"),
        Binding("escape", "all", "all", show=False),
        Binding("q", "leave(0)", "quit"),
        Binding("ctrl+c", f"leave({INTERRUPTED})", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        board: Board,
        news: "queue.Queue[News]",
        around: FindAround,
        profiles: Mapping[str, frozenset[str]] = MappingProxyType({}),
    ) -> None:
        """Show a board; `profiles` has the rules of detectors, by their names."""
        super().__init__()
        self.board, self._news, self._around, self._profiles = board, news, around, profiles
        self.list = AlertList(board)
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
        self._header.update(event_header(width) if board.folded else header(width))
        self.list.update()

    def _take(self, news: News) -> None:
        board = self.board
        if isinstance(news, Arrived):
            board.add(news.anomalies, live=news.is_new)
            board.add_states(news.states, live=news.is_new)
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
        """Show the worst first, or the newest again."""
        self.board.by_priority = not self.board.by_priority
        self.tick()

    def action_fold(self) -> None:
        """Show every trade, or one line per event again."""
        self.board.turn()
        self.list.turn()
        self.tick()

    def action_severity(self) -> None:
        """Show only what has the next severity at least, after the last all again."""
        least = _next(SEVERITIES, self.board.chosen.min_severity)
        self.board.chosen = replace(self.board.chosen, min_severity=least)
        self.tick()

    def action_min_priority(self) -> None:
        """Show only what has the next priority at least, after the last all again."""
        least = _next(PRIORITIES, self.board.chosen.min_priority)
        self.board.chosen = replace(self.board.chosen, min_priority=least)
        self.tick()

    def action_profile(self) -> None:
        """Show only what the next detector flagged that flagged anything, after the last all."""
        chosen, seen = self.board.chosen, set(self.board.by_rule)
        able = [name for name, rules in self._profiles.items() if rules & seen]
        names = ["", *dict.fromkeys([*able, *filter(None, [chosen.profile])])]
        name = names[(names.index(chosen.profile) + 1) % len(names)]
        rules = self._profiles.get(name, chosen.profile_rules if name else frozenset())
        self.board.chosen = replace(chosen, profile=name, profile_rules=rules)
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
        """Show one event with its trades, or one trade, and the trades around it."""
        one = self.list.current
        if one is None:
            return
        details = EventDetails(one) if isinstance(one, Event) else Details(one)
        self.push_screen(details)
        self._find_around(details)

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _find_around(self, details: Details | EventDetails) -> None:
        worst = details.one.worst if isinstance(details, EventDetails) else details.one
        found: Around | str = "its trades are not among those that were read"
        try:
            if worst is not None:
                found = self._around(worst)
        except TapeError as error:
            found = printable(str(error))
        self.call_from_thread(details.tell, found)

    def action_leave(self, exit_code: int) -> None:
        """End the view."""
        self.exit(exit_code)


def _next(steps: Sequence[float], now: float) -> float:
    """Return the next of the steps above a number, after the last one the first."""
    return next((step for step in steps if step > now), steps[0])
