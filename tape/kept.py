"""Which key of the state store holds a symbol's state: one for each profile, so none is lost.

A key is the JSON list `["classic","NVDA"]`. Before there were profiles' own keys it was the JSON
string `"NVDA"`, whose value belongs to the profile that its header names; a symbol holds no
quotes, so no key can be taken for another.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, get_args

import msgspec

from tape.detection.parameters import Profile

PROFILES: Final[tuple[str, ...]] = get_args(Profile)

EPISODES: Final = struct.Struct("<4sHHI")
"""Begins what is kept since there are episodes; its third field says how many int64 follow."""

DETECTOR: Final = struct.Struct("<4sHH12s12sI")
"""Begins a detector's own state: TAPE, version, 0, profile, fingerprint, checksum."""


class Store(Protocol):
    """Where bytes are kept by key between runs."""

    def get_bytes(self, key: bytes, /) -> bytes | None:
        """Return what is kept under a key, or None."""


def state_key(profile: str, symbol: str) -> bytes:
    """Return the key of a symbol's state under a profile.

    >>> state_key("classic", "NVDA")
    b'["classic","NVDA"]'
    """
    return msgspec.json.encode([profile, symbol])


def old_key(symbol: str) -> bytes:
    """Return the key that a symbol's state had when there was one for all profiles."""
    return msgspec.json.encode(symbol)


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
    at = 0
    if blob.startswith(b"EPIS") and len(blob) >= EPISODES.size:
        at = EPISODES.size + 8 * int(EPISODES.unpack_from(blob)[2])
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


class ProfileState:
    """What a store keeps under one profile; old keys are read as the profile that they name.

    Attributes:
        taken_over: symbols whose state was found under their old key, which is done with once
            the symbol's new state is written.
    """

    def __init__(
        self, store: Store, profile: str, taken_over: set[str], on_fresh: Callable[[str], None]
    ) -> None:
        """Read `store`; `on_fresh` is told the profile that a symbol has state of instead."""
        self._store, self._profile = store, profile
        self._on_fresh = on_fresh
        self.taken_over = taken_over

    def get_bytes(self, symbol: str, /) -> bytes | None:
        """Return what was kept of a symbol under the profile, or None."""
        kept = self._store.get_bytes(state_key(self._profile, symbol))
        if kept is not None:
            return kept
        old = self._store.get_bytes(old_key(symbol))
        if old is not None:
            header = header_of(old)
            if header is None or header.profile == self._profile:  # a damaged one is refused later
                self.taken_over.add(symbol)
                return old
            self._on_fresh(header.profile)
            return None
        for other in PROFILES:
            if other != self._profile and self._store.get_bytes(state_key(other, symbol)):
                self._on_fresh(other)
                break
        return None
