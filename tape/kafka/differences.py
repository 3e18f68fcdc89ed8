"""How a topic differs from what the pipeline needs, what that does, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tape.kafka.specs import IN_SYNC, LARGEST, POLICY, RETENTION, TIMESTAMPS, TopicSpec

CREATE: Final = "`tape topics create` makes the missing ones"
ALTER: Final = "`tape topics alter` sets the configuration right"
COPIES: Final = 3
"""Copies of a partition that a cluster of that many brokers should hold; more are of no use."""

ALSO_LOOKED_AT: Final = (POLICY, TIMESTAMPS, LARGEST, IN_SYNC)
"""Settings that matter whatever a spec says of them."""

Weight = Literal["refused", "differs", "advice"]
"""`refused`: no app starts on it, for data would be lost or nothing could be written."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One of them: in words, what to do, and how much it matters."""

    text: str
    fix: str
    weight: Weight = "differs"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it.

    Attributes:
        partitions: 0 if it is missing.
        config: the settings of its spec, and those that matter always; None for one that is
            not shown.
        copies: of each partition; 0 if not known.
        brokers: in the cluster; 0 if not known.
    """

    spec: TopicSpec
    partitions: int
    config: dict[str, str | None]
    copies: int = 0
    brokers: int = 0

    def differences(self) -> list[str]:
        """Return in words how the topic differs from its spec; empty if it does not."""
        return [one.text for one in self.faults()]

    def faults(self) -> list[Difference]:
        """Return how the topic differs from its spec, and what to do."""
        if not self.partitions:
            return [Difference(f"{self.spec.name}: the topic is missing", CREATE)]
        return [*self._partitions(), *self._settings(), *self.too_small(), *self._safety()]

    def wrong_settings(self) -> dict[str, str]:
        """Return the settings that can be set right as the topic stands, with what they must be."""
        wanted = {
            name: value for name, value in self.spec.config.items() if self._is_wrong(name, value)
        }
        if self.too_small():
            wanted[LARGEST] = str(self.spec.largest_bytes)
        return wanted if self.partitions else {}

    def _partitions(self) -> Iterator[Difference]:
        spec = self.spec
        if self.partitions == spec.partitions or spec.any_number:
            return
        like = f", as {spec.like} has" if spec.like else ""
        text = f"{spec.name}: {self.partitions} partitions instead of {spec.partitions}{like}"
        if spec.like and self.partitions > spec.partitions:
            fix = (
                "a topic does not shrink: take a new Quix__Consumer_Group, `output` and "
                "EPISODES_TOPIC"
            )
        elif spec.like:
            fix = (
                "`tape state reset --all --yes` gives the changelog as many partitions, and the "
                "detectors start over; see docs/operations.md on topics that grow"
            )
        else:
            fix = f"delete {spec.name} and run `tape topics create`"
        yield Difference(text, fix)

    def _settings(self) -> Iterator[Difference]:
        for name, value in self.spec.config.items():
            if not self._is_wrong(name, value) or name == LARGEST:
                continue
            text = f"{self.spec.name}: {name} is {self.config.get(name)} instead of {value}"
            weight: Weight = "differs"
            if name == POLICY:
                text += f" ({self._what_the_policy_does()})"
                weight = "refused" if value == "delete" else "differs"
            elif name == TIMESTAMPS:
                text += " (by a time of its sender a record may be deleted at once)"
                weight = "advice"
            yield Difference(text, ALTER, weight)

    def _is_wrong(self, name: str, value: str) -> bool:
        found = self.config.get(name)
        if found is None:  # not told: a broker of another kind has other settings
            return False
        if name == POLICY:
            return _policies(found) != _policies(value)
        if name == LARGEST:
            return int(found) < int(value)
        if name in RETENTION:  # whoever keeps more loses nothing
            return _longest(found) < _longest(value)
        return found != value

    def _what_the_policy_does(self) -> str:
        if self.spec.config[POLICY] == "delete":
            return "of each key only the newest record would be left"
        if "delete" in _policies(self.spec.config[POLICY]):
            return "it is to be compacted, and its records deleted after their retention"
        return "it grows, and what was not written for its retention is lost"

    def too_small(self) -> list[Difference]:
        """Return that it does not take what we send, if so."""
        name, largest, needed = self.spec.name, self.config.get(LARGEST), self.spec.largest_bytes
        if largest is None or int(largest) >= needed:
            return []
        text = f"{name}: {LARGEST} is {largest}, at least {needed} is needed"
        return [
            Difference(text, f"raise {LARGEST} of {name}, as `tape topics alter` does", "refused")
        ]

    def _safety(self) -> Iterator[Difference]:
        """Tell what matters where there is more than one broker."""
        name, in_sync = self.spec.name, self.config.get(IN_SYNC)
        if not self.copies:
            return
        if in_sync is not None and int(in_sync) > self.copies:
            yield Difference(
                f"{name}: {IN_SYNC} is {in_sync} and there is a copy on {_brokers(self.copies)} "
                "(nothing can be written)",
                f"lower {IN_SYNC}, or give the partitions more copies with the broker's own tool",
                "refused",
            )
        elif self.copies < min(COPIES, self.brokers):
            yield Difference(
                f"{name}: a copy on {_brokers(self.copies)} of {self.brokers} (what lies there "
                "alone goes with it)",
                "give the partitions three copies with the broker's own tool",
                "advice",
            )
        elif in_sync == "1" and self.copies >= COPIES:
            yield Difference(
                f"{name}: {IN_SYNC} is 1 with {self.copies} copies (a record can be acknowledged "
                "by one broker alone, and lost with it)",
                f"set {IN_SYNC}=2 with the broker's own tool",
                "advice",
            )


def _policies(text: str) -> set[str]:
    """Return the parts of a cleanup policy, in whatever order a broker tells them."""
    return {one.strip() for one in text.split(",")}


def _longest(text: str) -> float:
    """Return a retention as a number; -1 is without end."""
    return float("inf") if text == "-1" else int(text)


def _brokers(count: int) -> str:
    return "1 broker" if count == 1 else f"{count} brokers"


def how_to_fix(states: list[TopicState]) -> str:
    """Return what to do about topics that differ from their specs."""
    return "; ".join(dict.fromkeys(one.fix for state in states for one in state.faults()))
