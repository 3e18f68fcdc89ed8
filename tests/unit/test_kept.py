"""Keys and headers of kept state: every profile keeps its own, and old keys are read once."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tape.detection.parameters import Parameters
from tape.judge import Counts, Judge
from tape.kept import PROFILES, ProfileState, header_of, old_key, state_key, symbol_of
from tape.kept_fields import MEANINGS, fields_of

SYMBOLS = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="\"'\\"),
    min_size=1,
    max_size=71,
)
PROFILE_NAMES = st.sampled_from(PROFILES)
TRADE = (
    b'{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
    b'"rtype":0,"publisher_id":2,"instrument_id":1,"action":"T","side":"N","depth":0,'
    b'"price":113.86,"size":50000,"flags":0,"ts_in_delta":1,"sequence":%d,"symbol":"NVDA"}'
)


class Memory(dict[bytes, bytes]):
    def get_bytes(self, key: bytes) -> bytes | None:
        return self.get(key)


def reader(store: Memory, profile: str, taken: set[str], fresh: list[str]) -> ProfileState:
    return ProfileState(store, profile, taken, fresh.append)


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
    store = Memory({state_key(p, "NVDA"): blob(p) for p in PROFILES})
    for profile in PROFILES:
        taken: set[str] = set()
        fresh: list[str] = []
        kept = reader(store, profile, taken, fresh).get_bytes("NVDA")
        assert kept is not None
        header = header_of(kept)
        assert header is not None
        assert (header.profile, taken, fresh) == (profile, set(), [])
        assert fields_of(kept)["trades"] == 3


def test_each_field_that_is_shown_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    shown = {"topic", "partition", "kept", "bytes", "version", "parameters", "damaged", "readable"}
    for profile in PROFILES:
        shown |= fields_of(blob(profile)).keys() - {"profile"}
    assert shown <= MEANINGS.keys()
    for name, meaning in MEANINGS.items():
        assert f"| `{name}` | {meaning} |" in page


def test_an_old_key_is_read_as_the_profile_of_its_header() -> None:
    store = Memory({old_key("NVDA"): blob("classic")})
    taken: set[str] = set()
    fresh: list[str] = []
    assert reader(store, "classic", taken, fresh).get_bytes("NVDA") == store[old_key("NVDA")]
    assert (taken, fresh) == ({"NVDA"}, [])
    taken.clear()
    assert reader(store, "calibrated", taken, fresh).get_bytes("NVDA") is None
    assert (taken, fresh) == (set(), ["classic"])
    assert reader(store, "calibrated", taken, fresh).get_bytes("AAPL") is None
    assert fresh == ["classic"], "a symbol that no profile knows is no reason to say anything"


def test_a_profile_without_state_is_told_which_one_has_some() -> None:
    store = Memory({state_key("calibrated", "NVDA"): blob("calibrated")})
    fresh: list[str] = []
    assert reader(store, "classic", set(), fresh).get_bytes("NVDA") is None
    assert fresh == ["calibrated"]
