"""The rules that may flag a trade: one row each, and no other list of them in the package.

Detectors set a rule's bit, messages carry its name, and views show its letter, word and colour.
What needs all rules goes through `RULES`; what needs one takes its row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["price", "size", "feed"]
"""What a rule looks at: the price, the number of shares, or how the feed behaves."""

MOST_RULES: Final = 8
"""Bits of `Verdicts.rules`, a byte per trade."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: as messages, metrics and tables have it; it never changes.
        bit: its bit in `Verdicts.rules`, a power of two; 0 for a rule that no row is known of.
        letter: its mark where only one letter has room.
        word: what a person types for it, and what the view shows beside a count.
        colour: of its letter, a name that both Rich and Textual know.
        unit: of `value` and `threshold` in its reasons.
        families: what it looks at.
        help: one line that says what it flags.
        pictures: colour and mark in pictures, names that Matplotlib knows: one per family.
    """

    name: str
    bit: int
    letter: str
    word: str
    colour: str
    unit: str
    families: tuple[Family, ...]
    help: str
    pictures: tuple[tuple[str, str], ...] = ()


HIGH_VOLUME: Final = Rule(
    name="High Volume",
    bit=1,
    letter="V",
    word="volume",
    colour="yellow",
    unit="shares",
    families=("size",),
    help="more than `VOLUME_THRESHOLD` shares in one trade",
    pictures=(("saddlebrown", "s"),),
)
RAPID_PRICE_CHANGE: Final = Rule(
    name="Rapid Price Change",
    bit=2,
    letter="P",
    word="price",
    colour="magenta",
    unit="share of the previous price",
    families=("price",),
    help="a move of more than `CHANGE_THRESHOLD` from one trade to the next",
    pictures=(("purple", "^"),),
)
ISOLATION_FOREST: Final = Rule(
    name="Isolation Forest",
    bit=4,
    letter="F",
    word="forest",
    colour="cyan",
    unit="standard deviations from the mean",
    families=("price",),
    help="a price that an isolation forest finds unusual among the last trades",
    pictures=(("teal", "."),),
)
CALIBRATED: Final = Rule(
    name="Calibrated",
    bit=8,
    letter="C",
    word="calibrated",
    colour="green",
    unit="severity",
    families=("price", "size", "feed"),
    help="a trade that is rare for its symbol, within a budget of alerts",
    pictures=(("tab:red", "o"), ("darkorange", "s"), ("green", "D")),
)

SUPERVISED: Final = Rule(
    name="Supervised Model",
    bit=128,  # the last one: those of others keep theirs, by which open episodes count them
    letter="M",
    word="model",
    colour="red",
    unit="severity",
    families=("price", "size", "feed"),
    help="a trade that the model of `MODEL` scores as few ordinary ones",
    pictures=(("deeppink", "p"), ("gold", "p"), ("limegreen", "p")),
)

RULES: Final = (HIGH_VOLUME, RAPID_PRICE_CHANGE, ISOLATION_FOREST, CALIBRATED, SUPERVISED)
"""All rules of the package, in the order of their bits; so messages list them."""

_BY_NAME: Final = {rule.name: rule for rule in RULES}


def rule_named(name: str) -> Rule:
    """Return the row of a rule.

    A detector from elsewhere may have rules of its own. They get a row without a bit.

    >>> rule_named("High Volume").word
    'volume'
    >>> rule_named("Sub-Penny Print").letter, rule_named("Sub-Penny Print").bit
    ('S', 0)
    """
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    letter = name[:1].upper() if name[:1].isascii() and name[:1].isalnum() else "?"
    return Rule(name, 0, letter, name.lower(), "white", "", (), "")


def fired(bits: int) -> Iterator[Rule]:
    """Yield the rules whose bits are set, in their order.

    >>> [rule.word for rule in fired(5)]
    ['volume', 'forest']
    """
    return (rule for rule in RULES if bits & rule.bit)
