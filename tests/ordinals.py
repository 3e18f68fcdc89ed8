"""Ordinals of equal trades, put into messages and taken out, for tests about something else."""

import json
import re
from collections import Counter

IDENTITY = ("symbol", "publisher_id", "ts_event", "sequence", "price", "size", "side")


def numbered(values: list[bytes]) -> list[bytes]:
    """Return messages of one file with the ordinals that they have there; fewer than 1,024."""
    seen: Counter[tuple[object, ...]] = Counter()
    found = []
    for value in values:
        fields = json.loads(value)
        own = tuple(fields[name] for name in IDENTITY)
        found.append(value[:-1] + b',"ordinal":%d}' % seen[own] if seen[own] else value)
        seen[own] += 1
    return found


def unnumbered(values: list[bytes]) -> list[bytes]:
    """Return messages without their ordinals."""
    return [re.sub(rb',"ordinal":\d+}$', b"}", value) for value in values]
