"""State of several detectors: each under its own key, so that one more or less costs no other."""

import json

import pytest

from tape.detection.parameters import Parameters
from tape.errors import StateError
from tape.judging.judge import Judge
from tape.judging.partition_clock import decode_clock
from tape.judging.state_fields import fields_of
from tape.judging.state_keys import ProfileState, clock_key, old_key, state_key
from tape.judging.trade_log.keep import keep
from tape.model.counts import Counts
from tape.testing import MemoryStore as Memory
from tests.sub_penny_days import EXAMPLE, PROFILE
from tests.unit.judging.test_golden import SMALL, tape

ROWS = tape()
BOTH = "classic,calibrated"
NAMES = {"classic": "classic", "calibrated": "calibrated", BOTH: BOTH, PROFILE: "sub_penny"}


@pytest.fixture(autouse=True)
def the_example_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


class Run:
    """A run over a stretch of the tape on a store, as the live detector makes it."""

    def __init__(self, store: Memory, profile: str, *, limit: int = 10) -> None:
        self.store, self.fresh = store, list[tuple[str, str]]()
        names = ",".join(NAMES.get(word, word) for word in profile.split(","))
        self.state = ProfileState(
            store, names, set(), lambda name, other: self.fresh.append((name, other))
        )
        parameters = Parameters(**SMALL, profile=profile, alerts_per_10k=300)  # type: ignore[arg-type]
        self.judge = Judge(parameters, limit, Counts(), kept=self.state.kept())

    def over(self, first: int, last: int) -> list[bytes]:
        """Judge rows, keep all, and return the anomalies as messages."""
        told = []
        for start in range(first, last, 500):
            part = ROWS[start : min(start + 500, last)]
            found = self.judge.judge([k for k, _ in part], [v for _, v in part], self.state)
            told += [one.value for one in found.flagged]
        keep(self.judge, self.state)
        return told


def only(rules: str, told: list[bytes]) -> list[tuple[str, ...]]:
    """Return trade and reason texts of the anomalies in which a rule of a detector fired."""
    of = {
        "classic": {"High Volume", "Rapid Price Change", "Isolation Forest"},
        "calibrated": {"Calibrated"},
    }[rules]
    found = []
    for value in map(json.loads, told):
        texts = [r["text"] for r in value["reasons"] if r["rule"] in of]
        if texts:
            found.append((value["anomaly_id"], *texts))
    return found


def test_several_detectors_go_on_where_they_were_and_each_has_its_key() -> None:
    whole = Run(Memory(), BOTH).over(0, 6_000)
    store = Memory()
    first = Run(store, BOTH).over(0, 2_500)
    assert {key for key in store if key[:2] == b'["'} == {
        *(state_key(name, symbol) for name in BOTH.split(",") for symbol in SYMBOLS),
        *(clock_key(name) for name in BOTH.split(",")),
    }
    second = Run(store, BOTH)
    assert second.fresh == []
    assert first + second.over(2_500, 6_000) == whole
    assert len(whole) > 50
    assert decode_clock(store[clock_key("calibrated")]).records == 6_000


SYMBOLS = ("AAPL", "BRK.B", "NVDA")


def test_under_each_key_lies_what_the_detector_would_keep_alone() -> None:
    store, classic = Memory(), Memory()
    Run(store, BOTH).over(0, 2_500)
    Run(classic, "classic").over(0, 2_500)
    for symbol in SYMBOLS:
        both, alone = store[state_key("classic", symbol)], classic[state_key("classic", symbol)]
        at = both.index(b"TAPE")
        assert both[at:] == alone[alone.index(b"TAPE") :]
        assert fields_of(both)["trades_seen"] == fields_of(alone)["trades_seen"]


@pytest.mark.parametrize("kept", ["classic", "calibrated"])
def test_a_detector_goes_on_when_another_is_added_and_taken_away(kept: str) -> None:
    other = "calibrated" if kept == "classic" else "classic"
    alone = Run(Memory(), kept)
    expected = only(kept, alone.over(0, 6_500))
    store = Memory()
    told = Run(store, kept).over(0, 2_000)
    with_other = Run(store, f"{other},{kept}")
    told += with_other.over(2_000, 4_000)
    assert with_other.fresh == [(other, kept)], "it starts over, and that is said"
    again = Run(store, kept)
    told += again.over(4_000, 5_000)
    assert again.fresh == []
    back = Run(store, BOTH)
    told += back.over(5_000, 6_500)
    assert back.fresh == []
    assert only(kept, told) == expected
    assert expected


def test_duplicates_of_before_are_known_whoever_was_there() -> None:
    store = Memory()
    Run(store, "classic").over(0, 2_000)
    more = Run(store, f"calibrated,{PROFILE},classic")
    assert more.over(1_800, 2_000) == []
    assert more.judge._counts.duplicate == 200
    assert more.judge._counts.trades == 0


def test_an_own_detector_goes_on_alone_and_with_others_and_knows_duplicates() -> None:
    store = Memory()
    Run(store, PROFILE).over(0, 2_000)
    assert fields_of(store[state_key("sub_penny", "NVDA")])["trades"] > 500  # type: ignore[operator]
    for profile in (f"{PROFILE},classic", PROFILE):
        run = Run(store, profile)
        run.over(1_900, 2_000)
        assert run.judge._counts.duplicate == 100


def test_an_old_key_belongs_to_the_detector_that_it_names() -> None:
    """The key that a symbol had before each detector had its own."""
    store, old = Memory(), Memory()
    Run(old, "calibrated").over(0, 2_000)
    for symbol in SYMBOLS:
        blob = old[state_key("calibrated", symbol)]
        store[old_key(symbol)] = blob[blob.index(b"TAPE") :]
    run = Run(store, BOTH)
    assert run.fresh == [("classic", "calibrated")]
    assert run.state.taken_over == set(SYMBOLS)
    expected = only("calibrated", Run(old, "calibrated").over(2_000, 3_500))
    assert only("calibrated", run.over(2_000, 3_500)) == expected
    assert expected
    assert not [key for key in store if key.startswith(b'"')], "it has moved to its own key"
    assert state_key("classic", "NVDA") in store


def test_a_symbol_that_loses_its_place_loses_all_its_states() -> None:
    from tape.codec.places import Limits
    from tests.unit.codec.test_places import trade

    store = Memory()
    run = Run(store, BOTH)
    run.judge = Judge(run.judge.parameters, 1, Counts(), limits=Limits(2, 3, 5))
    for n, name in enumerate(["A"] * 4 + ["B"] * 9):
        run.judge.judge([name.encode()], [trade(name, n, 10_000, 10)], run.state)
        for symbol, blob in run.judge.changed():
            run.state.put(symbol, blob)
        for symbol in run.judge.symbols.gone():
            run.state.drop(symbol)
    assert sorted(key for key in store) == [state_key(n, "B") for n in sorted(BOTH.split(","))]


def test_one_damaged_state_of_several_is_refused() -> None:
    store = Memory()
    Run(store, BOTH).over(0, 600)
    key = state_key("calibrated", "NVDA")
    store[key] = store[key][:-1] + bytes([store[key][-1] ^ 1])
    with pytest.raises(StateError, match="checksum"):
        Run(store, BOTH).over(600, 1_200)
