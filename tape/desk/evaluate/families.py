"""What a kind of anomaly is odd by: the price, the size or the feed."""

import re
from collections.abc import Mapping
from typing import Final

from tape.model.rules import Family

OF_KIND: Final[Mapping[str, Family]] = {
    "fat finger": "price",
    "small misprint": "price",
    "spike that reverts": "price",
    "gap": "price",
    "volume spike": "size",
    "burst": "feed",
    "stuck feed": "feed",
}
"""The kinds that `tape inject` knows."""
WORDS: Final[Mapping[Family, frozenset[str]]] = {
    "price": frozenset(("price", "misprint", "spike", "gap", "finger", "jump", "print", "quote")),
    "size": frozenset(("volume", "size", "block", "shares", "quantity", "qty")),
    "feed": frozenset(("feed", "burst", "stuck", "stale", "flood", "spoofing", "layering", "late")),
}
"""Words of other kinds that say the family; the size's and the feed's count before the price's."""


def family_of(kind: str) -> Family | None:
    """Return the family of a kind by its name, None for a name that does not say it.

    >>> family_of("fat_finger"), family_of("Block Trade"), family_of("wash trade")
    ('price', 'size', None)
    """
    words = re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", kind).lower())
    known = OF_KIND.get(" ".join(words))
    if known is not None:
        return known
    for family in ("size", "feed", "price"):
        if WORDS[family] & {*words}:
            return family
    return None
