"""What a panel and a board are here, in few words; `write.py` makes Grafana's JSON of them."""

from dataclasses import dataclass
from typing import Final, Literal

View = Literal["lines", "stacked", "candles", "table", "numbers"]
Source = Literal["postgres", "prometheus"]

ONE_SECOND: Final = "1s"
"""Shortest step of a panel over bars: they are of one second."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question to a source: SQL, or PromQL with how its lines are called."""

    text: str
    legend: str = ""

    @property
    def source(self) -> Source:
        """Return whom it is for: what is called in PromQL begins with its legend."""
        return "prometheus" if self.legend else "postgres"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel.

    Attributes:
        title: of it, unique on its board.
        meaning: what it shows, for the reader.
        view: how it looks.
        queries: what is asked.
        unit: of its numbers, as Grafana names it.
        width, height: in Grafana's grid, which is 24 wide.
        step: shortest step between two points; empty for the source's own.
        dots: columns that are drawn as dots rather than a line.
    """

    title: str
    meaning: str
    view: View
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 12
    height: int = 8
    step: str = ""
    dots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Marks on every chart of a board: `text` is SQL with time, text and tags."""

    name: str
    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class Board:
    """A board.

    Attributes:
        uid: by which links find it.
        choices: variables that are chosen, each with the SQL of its values.
        numbers: variables that are typed, each with its default and meaning.
        since: from when it shows, as Grafana writes it.
    """

    uid: str
    title: str
    about: str
    panels: tuple[Panel, ...]
    choices: tuple[tuple[str, str], ...] = ()
    numbers: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[Note, ...] = ()
    since: str = "now-6h"


def sql(text: str) -> Query:
    """Return a question in SQL; a line may begin anywhere."""
    return Query("\n".join(line.strip() for line in text.strip().splitlines()))


def promql(text: str, legend: str) -> Query:
    """Return a question in PromQL, and how its lines are called."""
    return Query(text, legend)
