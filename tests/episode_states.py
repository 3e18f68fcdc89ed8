"""What the topic `episodes` must hold of all the states that a tape gives.

The detector writes the last state of each episode in each of its batches, and where these end
depends on when messages come. So between two runs only these rules are the same: every state is
one of the tape's, byte for byte; none comes twice, or before an earlier one; and the newest, which
stays after compaction, is the same.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

State = TypeVar("State")


def missing_or_wrong(
    seen: Mapping[str, Sequence[State]], every: Mapping[str, Sequence[State]]
) -> list[str]:
    """Names of the episodes whose states on the topic break the rules."""
    wrong = set(seen) ^ set(every)
    for name in seen.keys() & every.keys():
        rest = iter(every[name])
        in_order = all(any(state == one for one in rest) for state in seen[name])
        if not in_order or seen[name][-1] != every[name][-1]:
            wrong.add(name)
    return sorted(wrong)
