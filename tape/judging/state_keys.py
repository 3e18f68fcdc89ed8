"""Which key of the state store holds a symbol's state: one for each detector, so none is lost.

A profile is here the name of one detector. Where several judge together, each has its own key,
and under each of them lies what all have in common as well: so any of them can be taken away, or
another one put in, and the rest continue.

A key is the JSON list `["classic","NVDA"]`. Before there were profiles' own keys it was the JSON
string `"NVDA"`, whose value belongs to the profile that its header names; a symbol holds no
quotes, so no key can be taken for another. Under `["classic"]` lies the clock of the partition:
how many records of it are behind, the time by which symbols keep and lose their places
(`tape.codec.places`). Under `["classic",7]` lies a part of the log (`tape.judging.trade_log`).
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from tape.codec.places import ESTABLISHED_TRADES, Place
from tape.judging.kept_place import SEEN, decode_seen
from tape.judging.partition_clock import PartitionClock, decode_clock, encode_clock
from tape.judging.store import ByteStore
from tape.judging.trade_log.keys import LogStore, mark_size, marked, place_of, unmarked

EPISODES: Final = struct.Struct("<4sHHI")
"""Begins what is kept since there are episodes; its third field says how many int64 follow."""

BARS: Final = struct.Struct("<4sHHI")
"""Begins what is kept of bars, if that is kept; its third field says how many int64 follow."""

DETECTOR: Final = struct.Struct("<4sHH12s12sI")
"""Begins a detector's own state: TAPE, version, 0, profile, fingerprint, checksum."""


def state_key(profile: str, symbol: str) -> bytes:
    """Return the key of a symbol's state under a profile.

    >>> state_key("classic", "NVDA")
    b'["classic","NVDA"]'
    """
    return msgspec.json.encode([profile, symbol])


def old_key(symbol: str) -> bytes:
    """Return the key that a symbol's state had when there was one for all profiles."""
    return msgspec.json.encode(symbol)


def clock_key(profile: str) -> bytes:
    """Return the key of a partition's clock under a profile; `symbol_of` takes it for none.

    >>> clock_key("classic"), symbol_of(clock_key("classic"))
    (b'["classic"]', None)
    """
    return msgspec.json.encode([profile])


@dataclass(frozen=True, slots=True)
class Header:
    """What the beginning of a kept state says of it.

    Attributes:
        profile: the detector that it belongs to.
        version: of the layout of the detector's own part.
        fingerprint: of the parameters that it depends on.
        detector_at: where the detector's own part begins.
    """

    profile: str
    version: int
    fingerprint: str
    detector_at: int


def header_of(blob: bytes) -> Header | None:
    """Return the header of a kept state, None if it has none."""
    at = mark_size(blob)
    at += SEEN.size if blob.startswith(b"SEEN", at) else 0
    if blob.startswith(b"EPIS", at) and len(blob) >= at + EPISODES.size:
        at += EPISODES.size + 8 * int(EPISODES.unpack_from(blob, at)[2])
    if blob.startswith(b"BARS", at) and len(blob) >= at + BARS.size:
        at += BARS.size + 8 * int(BARS.unpack_from(blob, at)[2])
    if len(blob) < at + DETECTOR.size or blob[at : at + 4] != b"TAPE":
        return None
    _, version, _, profile, fingerprint, _ = DETECTOR.unpack_from(blob, at)
    name = profile.rstrip(b"\0").decode("ascii", "replace")
    return Header(name, version, fingerprint.decode("ascii", "replace"), at)


def symbol_of(key: bytes) -> tuple[str | None, str] | None:
    """Return profile and symbol of a key, no profile for an old one; None for any other key."""
    try:
        found = msgspec.json.decode(key)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(found, str):
        return None, found
    if isinstance(found, list) and len(found) == 2 and all(isinstance(x, str) for x in found):
        return found[0], found[1]
    return None


class Whole(NamedTuple):
    """Where the log and the partition stood when the whole state of a symbol was written."""

    number: int
    last_record: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What an earlier run has left of a partition: its clock, and who holds a place there.

    Attributes:
        state: where it lies, if a log of trades is to be read and written there.
        number: of the log's newest record.
        whole: by detector and symbol what whole states there are.
    """

    clock: int
    places: list[Place]
    state: "ProfileState | None" = None
    number: int = 0
    whole: dict[str, dict[str, Whole]] = field(default_factory=dict)


class ProfileState:
    """The `Store` of a run's profiles and a partition; old keys are read as the one that they name.

    Attributes:
        profiles: the detectors, in the order of PROFILE.
        taken_over: symbols whose state lies under their old key, which is done with once the
            symbol's new state is written.
    """

    def __init__(
        self,
        store: ByteStore,
        profiles: str,
        taken_over: set[str],
        on_fresh: Callable[[str, str], None],
    ) -> None:
        """Read and write `store`, under detectors whose names `profiles` has, comma-separated.

        `on_fresh` gets a profile without state, and another one that has some there.
        """
        self._store, self.profiles = store, profiles.split(",")
        self._on_fresh = on_fresh
        self.taken_over = taken_over

    def get(self, symbol: str, /) -> bytes | None:
        """Return what was kept of a symbol under the profiles, or None."""
        found = self.each(symbol)
        if len(self.profiles) == 1:
            return found.get(self.profiles[0])
        from tape.judging.joined_state import joined

        return joined(found)

    def each(self, symbol: str) -> dict[str, bytes]:
        """Return what was kept of a symbol, by profile."""
        found = {name: self._store.get_bytes(state_key(name, symbol)) for name in self.profiles}
        if symbol in self.taken_over:
            old = self._store.get_bytes(old_key(symbol))
            name = self._owner(None if old is None else header_of(old))
            found[name] = found[name] or old
        return {name: unmarked(blob)[1] for name, blob in found.items() if blob is not None}

    def put(self, symbol: str, blob: bytes, /, number: int = 0) -> None:
        """Keep what a judge has of a symbol, of each detector its own.

        `number` is that of the log's newest record, 0 where there is no log.
        """
        parts = {self.profiles[0]: blob}
        if len(self.profiles) > 1:
            from tape.judging.joined_state import parted  # compiled code, which few readers need

            parts = parted(blob)
        for name, own in parts.items():
            whole = marked(own, number) if number else own
            self._store.set_bytes(state_key(name, symbol), whole)
        if symbol in self.taken_over:
            self._store.delete(old_key(symbol))
            self.taken_over.discard(symbol)

    def drop(self, symbol: str, /) -> None:
        """Keep nothing more of a symbol."""
        old = symbol in self.taken_over
        if old:
            self._store.delete(old_key(symbol))
            self.taken_over.discard(symbol)
        if not old or len(self.profiles) > 1:
            for name in self.profiles:
                self._store.delete(state_key(name, symbol))

    def put_clock(self, records: int, number: int = 0) -> None:
        """Keep how many records of the partition are behind, and the log's newest number."""
        for name in self.profiles:
            clock = encode_clock(PartitionClock(records, number))
            self._store.set_bytes(clock_key(name), clock)

    def log(self) -> LogStore:
        """Return the log of trades of the profiles."""
        return LogStore(self._store, self.profiles)

    def kept(self) -> Kept:
        """Return what an earlier run has left, and note what lies under old keys."""
        blobs = [self._store.get_bytes(clock_key(name)) for name in self.profiles]
        clocks = [decode_clock(one) for one in blobs if one is not None] or [PartitionClock(0)]
        whole: dict[str, dict[str, Whole]] = {name: {} for name in self.profiles}
        of_each: dict[str, dict[str, Place]] = {name: {} for name in self.profiles}
        for name in self.profiles:
            for one, number in self._places(name):
                of_each[name][one.symbol] = one
                whole[name][one.symbol] = Whole(number, one.last_record)
        others = []
        for place, header in self._old_places():
            name = self._owner(header)
            if header is not None and header.profile != name:  # a damaged one is refused later
                others.append(header.profile)
            elif place.symbol not in of_each[name]:
                self.taken_over.add(place.symbol)
                of_each[name][place.symbol] = place
        for name, found in of_each.items():
            if not found:
                before = [*others, *(other for other, its in of_each.items() if its)]
                before = before or [other for other in self._with_state() if other != name]
                if before:
                    self._on_fresh(name, before[0])
        places: dict[str, Place] = {}
        for found in of_each.values():
            for symbol, one in found.items():
                places[symbol] = _newer(places[symbol], one) if symbol in places else one
        records = max(one.records for one in clocks)
        newest = max(one.number for one in clocks)
        return Kept(records, list(places.values()), self, newest, whole)

    def _owner(self, header: Header | None) -> str:
        """Return the profile of a state under an old key: the first where it is none of them."""
        known = header is not None and header.profile in self.profiles
        return header.profile if known and header is not None else self.profiles[0]

    def _places(self, profile: str) -> Iterator[tuple[Place, int]]:
        for key, blob in self._store.between(*_range_of(profile)):
            found = symbol_of(key)
            if found is not None:
                number, rest = unmarked(blob)
                last_record, trades_seen, _ = decode_seen(rest)
                yield Place(found[1], last_record, trades_seen, len(blob)), number

    def _old_places(self) -> Iterator[tuple[Place, Header | None]]:
        for key, blob in self._store.between(b'"', b"#"):
            found, header = symbol_of(key), header_of(blob)
            if found is not None:
                yield Place(found[1], 0, ESTABLISHED_TRADES, len(blob)), header

    def _with_state(self) -> Iterator[str]:
        """Yield every profile that has state of a symbol here: one look at the store for each."""
        begin = b'["'
        while (one := next(self._store.between(begin, b'["\xff'), None)) is not None:
            found = symbol_of(one[0])
            if found is not None and found[0] is not None:
                yield found[0]
                begin = _range_of(found[0])[1]
            elif place_of(one[0]) is not None:  # of the log, all of which is passed
                begin = one[0][: one[0].index(b",") + 1] + b":"
            else:  # a partition's clock
                begin = one[0] + b"\0"


def _newer(one: Place, other: Place) -> Place:
    """Return where a symbol stands by the newer of its states, and the bytes of both."""
    newer = other if other.last_record > one.last_record else one
    return newer._replace(kept_bytes=one.kept_bytes + other.kept_bytes)


def _range_of(profile: str) -> tuple[bytes, bytes]:
    """Return the first key that a symbol of a profile may have, and one behind all of them."""
    begin = state_key(profile, "").removesuffix(b'"]')
    return begin, begin[:-1] + b"#"
