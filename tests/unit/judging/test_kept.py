"""Keys and headers of kept state: every profile keeps its own, and old keys are read once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.codec.places import ESTABLISHED_TRADES, Place
from tape.detection.parameters import Parameters
from tape.detection.registry import BUILT_IN
from tape.errors import StateError
from tape.judging.judge import Judge
from tape.judging.kept_place import decode_seen, encode_seen
from tape.judging.partition_clock import PartitionClock, decode_clock, encode_clock
from tape.judging.state_fields import MEANINGS, fields_of
from tape.judging.state_keys import (
    ProfileState,
    clock_key,
    header_of,
    old_key,
    state_key,
    symbol_of,
)
from tape.model.counts import Counts
from tape.testing import MemoryStore

SYMBOLS = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="\"'\\"),
    min_size=1,
    max_size=71,
)
PROFILES = tuple(name for name in BUILT_IN if name != "supervised")
"""The last one needs a model; its state is written by the same code."""
PROFILE_NAMES = st.sampled_from(PROFILES)
TRADE = (
    b'{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
    b'"rtype":0,"publisher_id":2,"instrument_id":1,"action":"T","side":"N","depth":0,'
    b'"price":113.86,"size":50000,"flags":0,"ts_in_delta":1,"sequence":%d,"symbol":"NVDA"}'
)


def reader(store: MemoryStore, profile: str, taken: set[str], fresh: list[str]) -> ProfileState:
    return ProfileState(store, profile, taken, lambda _, other: fresh.append(other))


def blob(profile: str) -> bytes:
    judge = Judge(Parameters(profile=profile), 10, Counts())  # type: ignore[arg-type]
    judge.judge([b"NVDA"] * 3, [TRADE % n for n in (1, 2, 3)])
    ((symbol, kept),) = judge.changed()
    assert symbol == "NVDA"
    return kept


@given(SYMBOLS, SYMBOLS, PROFILE_NAMES, PROFILE_NAMES)
def test_no_key_can_be_taken_for_another(a: str, b: str, one: str, other: str) -> None:
    assert (state_key(one, a) == state_key(other, b)) == ((one, a) == (other, b))
    assert state_key(one, a) != old_key(b)
    assert symbol_of(state_key(one, a)) == (one, a)
    assert symbol_of(old_key(a)) == (None, a)


@given(st.binary(max_size=60))
def test_any_key_and_any_value_are_answered(raw: bytes) -> None:
    symbol_of(raw)
    header_of(raw)
    fields_of(raw)
    fields_of(b"EPIS" + raw)


def test_a_key_is_what_quix_streams_made_of_a_symbol_before() -> None:
    from quixstreams.utils.json import dumps

    for symbol in ("NVDA", "BRK.B", "ES.c.0", "ÄÖ€"):
        assert old_key(symbol) == dumps(symbol)


def test_each_profile_finds_its_own_state_only() -> None:
    store = MemoryStore({state_key(p, "NVDA"): blob(p) for p in PROFILES})
    store[clock_key("classic")] = encode_clock(PartitionClock(7))
    for profile in PROFILES:
        taken: set[str] = set()
        fresh: list[str] = []
        state = reader(store, profile, taken, fresh)
        left = state.kept()
        size = len(store[state_key(profile, "NVDA")])
        assert left.places == [Place("NVDA", last_record=3, trades_seen=3, kept_bytes=size)]
        assert left.clock == (7 if profile == "classic" else 0)
        kept = state.get("NVDA")
        assert kept is not None
        header = header_of(kept)
        assert header is not None
        assert (header.profile, taken, fresh) == (profile, set(), [])
        found = fields_of(kept)
        assert (found["trades"], found["trades_seen"], found["last_record"]) == (3, 3, 3)


def test_each_field_that_is_shown_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text()
    shown = {
        "topic",
        "partition",
        "kept",
        "bytes",
        "logged_trades",
        "version",
        "parameters",
        "damaged",
        "readable",
    }
    for profile in PROFILES:
        shown |= fields_of(blob(profile)).keys() - {"profile"}
    assert shown <= MEANINGS.keys()
    for name, meaning in MEANINGS.items():
        assert f"| `{name}` | {meaning} |" in page


def test_an_old_key_is_read_as_the_profile_of_its_header() -> None:
    _, _, before_places = decode_seen(blob("classic"))
    store = MemoryStore({old_key("NVDA"): before_places})
    taken: set[str] = set()
    fresh: list[str] = []
    state = reader(store, "classic", taken, fresh)
    place = Place("NVDA", 0, ESTABLISHED_TRADES, len(before_places))
    assert state.kept().places == [place]
    assert state.get("NVDA") == before_places
    assert (taken, fresh) == ({"NVDA"}, [])
    taken.clear()
    assert reader(store, "calibrated", taken, fresh).kept().places == []
    assert (taken, fresh) == (set(), ["classic"])


def test_what_is_put_lies_under_its_own_key_and_what_lay_under_the_old_one_goes() -> None:
    _, _, before_places = decode_seen(blob("classic"))
    store = MemoryStore({old_key("NVDA"): before_places, state_key("calibrated", "NVDA"): b"other"})
    taken: set[str] = set()
    state = reader(store, "classic", taken, [])
    state.kept()
    state.put("NVDA", b"new")
    state.put_clock(7)
    assert taken == set()
    assert state.get("NVDA") == b"new"
    assert store == {
        state_key("classic", "NVDA"): b"new",
        state_key("calibrated", "NVDA"): b"other",
        clock_key("classic"): encode_clock(PartitionClock(7)),
    }


@pytest.mark.parametrize("is_old", [True, False])
def test_what_is_dropped_is_gone_wherever_it_lay(is_old: bool) -> None:
    kept = blob("classic")
    key = old_key("NVDA") if is_old else state_key("classic", "NVDA")
    store = MemoryStore({key: decode_seen(kept)[2] if is_old else kept})
    state = reader(store, "classic", set(), [])
    assert [place.symbol for place in state.kept().places] == ["NVDA"]
    state.drop("NVDA")
    assert store == {}
    assert state.get("NVDA") is None


def test_a_profile_without_state_is_told_which_one_has_some() -> None:
    fresh: list[str] = []
    store = MemoryStore({state_key("calibrated", "NVDA"): blob("calibrated")})
    assert reader(store, "classic", set(), fresh).kept().places == []
    assert fresh == ["calibrated"]
    assert reader(MemoryStore(), "classic", set(), fresh).kept().places == []
    assert fresh == ["calibrated"], "an empty store is no reason to say anything"


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.binary(max_size=9))
def test_what_is_kept_of_a_place_comes_back(last: int, seen: int, rest: bytes) -> None:
    assert decode_seen(encode_seen(last, seen, rest)) == (last, seen, rest)
    clock = PartitionClock(last, seen)
    assert decode_clock(encode_clock(clock)) == clock


def test_a_clock_of_before_there_was_a_log_is_read() -> None:
    """Bytes that version 1 wrote."""
    before = bytes.fromhex("5449434b01000000070000000000000070d6e76f")
    assert decode_clock(before) == PartitionClock(7, number=0)


@given(st.binary(max_size=40), st.integers(0, 31), st.integers(1, 255))
def test_a_place_or_a_clock_that_is_damaged_is_refused(raw: bytes, at: int, bits: int) -> None:
    whole = bytearray(encode_seen(7, 5, b"rest"))
    for bad in (b"SEEN" + raw[:20], _bent(whole, 4 + at % 24, bits)):
        with pytest.raises(StateError, match="place"):
            decode_seen(bad)
    whole = bytearray(encode_clock(PartitionClock(7)))
    for bad in (raw[:19], _bent(whole, at % len(whole), bits)):
        with pytest.raises(StateError, match="count of a partition's records"):
            decode_clock(bad)


def _bent(blob: bytearray, at: int, bits: int) -> bytes:
    return bytes([*blob[:at], blob[at] ^ bits, *blob[at + 1 :]])
