"""The list of the live view, and the bar in it."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widget import Widget

from tape.view.alert import Seen
from tape.view.board import Board
from tape.view.event import Event
from tape.view.terminal.event_rows import event_row
from tape.view.terminal.rows import row


class AlertList(Widget, can_focus=True):
    """The events, or the trades, in the order of the board. Only lines in sight are drawn.

    `chosen` stays on what it is while new ones come; None is the first, whichever that is.
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
        self._rows: Sequence[Seen | Event] = []
        self._top = 0
        self.chosen: Seen | Event | None = None

    @property
    def at(self) -> int:
        """Return the position of the chosen line; 0 is the first."""
        if self.chosen is not None:
            for place, one in enumerate(self._rows):
                if one is self.chosen or (isinstance(one, Event) and one.id == self.chosen.id):
                    return place
        return 0

    @property
    def current(self) -> Seen | Event | None:
        """Return what is under the bar, None if there is nothing."""
        return self._rows[self.at] if self._rows else None

    def turn(self) -> None:
        """Stay with the same event where trades take the place of events, and back."""
        one = self.chosen
        if isinstance(one, Event):
            self.chosen = one.worst
        elif one is not None:
            self.chosen = self._board.events.get(one.episode or one.id)

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
        lines = [_line(one, width, chosen=self._top + n == at) for n, one in enumerate(shown)]
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


def _line(one: Seen | Event, width: int, *, chosen: bool) -> Text:
    if isinstance(one, Event):
        return event_row(one, width, chosen=chosen)
    return row(one, width, chosen=chosen)
