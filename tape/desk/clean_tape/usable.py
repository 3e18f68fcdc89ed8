"""Which trades a bar may count: all but prints off the market.

A trade is not usable if

* it is flagged for its price: the message's family is the price, or it has none and a rule that
  looks at the price alone fired; and
* its episode is marked as one that came back; and
* it lies on the far side: at least half of the way from the price before the episode to the
  episode's farthest.

On the labelled day of 2013 that leaves out 25 of 202,595 trades. All 14 of them that have a quote
were printed outside the best bid and offer, with 8 of the 9 that were more than 20 bp outside, and
13 of the 23 beyond 10 bp (what is missing was not flagged within the budget). Flags of the price
whose move held were the market itself, of 12 such trades 11 less than 5 bp from the quote: they
stay, and so do flags of size and feed, whose price is the market's. A mark that is not known,
because the tape ends before the episode does, keeps its trades.
"""

from typing import Final

import numpy as np

from tape.codec.array_types import I64, Bools
from tape.desk.clean_tape.episode_book import NO_EPISODE, OPEN, EpisodeBook
from tape.desk.clean_tape.scored import Rows
from tape.model.episode import BAD_PRINT, MARKS
from tape.model.fields import NANOS

CAME_BACK: Final = (BAD_PRINT,)
"""Marks of episodes whose price came back."""
PLACES: Final = [place for place, mark in enumerate(MARKS) if mark in CAME_BACK]


def usable(rows: Rows, book: EpisodeBook) -> Bools:
    """Return which trades a bar may count."""
    found = np.ones(len(rows), np.bool_)
    at = np.flatnonzero(rows["of_price"] & (rows["episode"] != NO_EPISODE))
    if not len(at):
        return found
    episode = rows["episode"][at]
    before, price = book.before[episode], rows["price_nanos"][at] / NANOS
    far = 2.0 * np.abs(price - before) >= np.abs(book.extreme[episode] - before)
    came_back = np.isin(book.marks[episode], PLACES)
    found[at] = ~(far & came_back)
    return found


def undecided(rows: Rows, marks: I64) -> Bools:
    """Return of which trades only the end of their episode says whether they are usable."""
    found: Bools = rows["of_price"] & (rows["episode"] != NO_EPISODE)
    at = np.flatnonzero(found)
    found[at] = marks[rows["episode"][at]] == OPEN
    return found
