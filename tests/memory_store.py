"""A state store of one partition that is a dict: what is written is there at once."""

from collections.abc import Iterator

from tape.judging.judge import Judge
from tape.judging.state_keys import ProfileState, clock_key, encode_clock, state_key


class Memory(dict[bytes, bytes]):
    """What the live detector's store does, as far as a judge sees it."""

    def get_bytes(self, key: bytes) -> bytes | None:
        return self.get(key)

    def between(self, lower: bytes, upper: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(self):
            if lower <= key < upper:
                yield key, self[key]

    def of(self, profile: str) -> ProfileState:
        return ProfileState(self, profile, set(), lambda _: None)

    def commit(self, judge: Judge, profile: str) -> None:
        """Take what a judge has to keep, as the live detector does at a commit."""
        for symbol, blob in judge.changed():
            self[state_key(profile, symbol)] = blob
        for symbol in judge.symbols.gone():
            del self[state_key(profile, symbol)]
        self[clock_key(profile)] = encode_clock(judge.symbols.clock)
