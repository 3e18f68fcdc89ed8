"""What a reader of `anomalies` and `episodes` must see: all that is expected, once, the same."""

import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Difference:
    """How what was seen differs from what was expected, by the identity of the messages.

    Attributes:
        lost: expected, not seen.
        doubled: seen more than once.
        unexpected: seen, not expected.
        wrong: expected and seen, with another content.
        disordered: symbols whose anomalies, or episodes whose states, came in another order.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.lost, self.doubled, self.unexpected, self.wrong, self.disordered))

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in self.__slots__}


def identity(value: bytes) -> tuple[str, str]:
    """Return the identity of a message, and within what its order counts.

    That is an anomaly's symbol. An episode's state is known by its episode, in which the order
    counts, and the flags it has then: the last one must be the one that stays after compaction.
    """
    fields = json.loads(value)
    if "state" in fields:
        name = fields["episode_id"]
        return f"{name} {fields['state']} {fields['flags']}", f"episode {name}"
    return fields["anomaly_id"], fields["symbol"]


def compare(expected: list[bytes], seen: list[bytes]) -> Difference:
    """Compare topics' values; only the order within a symbol, or an episode, counts.

    Of the states of an episode only the last one must be there: of those before it the detector
    writes the last of each batch, see `tests.episode_states`.
    """
    wanted = {identity(value)[0]: value for value in expected}
    assert len(wanted) == len(expected), "the expectation itself holds a double"
    found = [(*identity(value), value) for value in seen]
    times = Counter(name for name, _, _ in found)
    lanes: dict[str, list[str]] = {}
    for name, symbol, _ in found:
        lanes.setdefault(symbol, []).append(name)
    order: dict[str, list[str]] = {}
    for value in expected:
        name, symbol = identity(value)
        order.setdefault(symbol, []).append(name)
    older = {
        name for lane, names in order.items() if lane.startswith("episode ") for name in names[:-1]
    }
    return Difference(
        lost=sorted(wanted.keys() - times.keys() - older),
        doubled=sorted(name for name, count in times.items() if count > 1),
        unexpected=sorted(times.keys() - wanted.keys()),
        wrong=sorted({n for n, _, value in found if n in wanted and value != wanted[n]}),
        disordered=sorted(
            symbol
            for symbol, names in lanes.items()
            if list(dict.fromkeys(names)) != [n for n in order.get(symbol, []) if n in times]
        ),
    )
