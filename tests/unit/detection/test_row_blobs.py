"""Blobs of symbols: small for little, read in both layouts, and restored without a trace."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.codec.places import Place
from tape.codec.symbols import SymbolTable
from tape.detection.calibrated.detector import CalibratedDetector
from tape.detection.classic.detector import ClassicDetector
from tape.detection.memory import cells_of, copy_used, used_bytes
from tape.detection.parameters import Parameters
from tape.errors import StateError
from tape.judging.judge import Judge
from tape.judging.state_keys import Kept
from tape.model.columns import TradeColumns
from tape.model.counts import Counts
from tape.testing.laws import odd_trades as tape
from tape.testing.laws import taken, told
from tests.episode_oracle import of_any_version
from tests.unit.codec.test_places import trade
from tests.unit.detection.test_detector_laws import PROFILES, fresh

OLD = Path(__file__).parent / "states"
KINDS = {"classic": ClassicDetector, "calibrated": CalibratedDetector}
COMPILED = ("classic", "calibrated")


def of_zero(trades: TradeColumns) -> TradeColumns:
    return taken(trades, np.flatnonzero(trades.symbol == 0))


@pytest.mark.parametrize("profile", COMPILED)
def test_a_symbol_that_has_traded_once_has_a_small_state(profile: str) -> None:
    detector: Any = KINDS[profile](Parameters(profile=profile), SymbolTable())  # type: ignore[arg-type]
    detector.symbols.number("A")
    told(detector, taken(of_zero(tape(1, 50)), slice(0, 1)))
    assert len(detector.snapshot(0)) < (400 if profile == "classic" else 5_000)


@pytest.mark.parametrize("profile", COMPILED)
@given(share=st.floats(0.01, 1), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_a_row_that_belonged_to_another_symbol_is_as_a_new_one(
    profile: str, share: float, seed: int
) -> None:
    parameters, n = PROFILES[profile]
    trades = of_zero(tape(seed, n))
    some = taken(trades, slice(0, int(share * len(trades))))
    expected = told(fresh(parameters), some)
    detector = fresh(parameters)
    told(detector, trades)
    full = detector.snapshot(0)
    detector.forget(0)
    assert told(detector, some) == expected
    small = detector.snapshot(0)
    detector.restore(0, full)
    assert detector.snapshot(0) == full
    detector.restore(0, small)
    assert detector.snapshot(0) == small, "nothing of the longer state is left"


def test_the_row_of_a_new_symbol_has_the_new_ones_thresholds() -> None:
    from tape.detection.parameters import SymbolThresholds

    own = Parameters(overrides={"OWN": SymbolThresholds(volume_threshold=5)})
    names = ["A"] * 3 + ["B"] + ["X"] * 1_100 + ["OWN", "A"]
    values = [trade(name, n, 10_000, 10) for n, name in enumerate(names)]
    judge = Judge(own, 2, Counts())
    flagged = []
    for at in range(len(names)):
        found = judge.judge([names[at].encode()], values[at : at + 1])
        flagged += [one.symbol for one in found.flagged]
    assert flagged == ["OWN"]


def test_a_state_of_the_version_before_is_read() -> None:
    """`states` holds what the version before kept after the first half of this tape."""
    profile = "classic"
    names = ["AAPL", "NVDA-with-a-long-name"]
    sizes = [10, 300, 500, 30_000]
    tape = [
        (names[n % 7 == 0], trade(names[n % 7 == 0], n, 10_000 + n * n % 150, sizes[n % 4]))
        for n in range(2_500)
    ]
    keys, values = [name.encode() for name, _ in tape], [value for _, value in tape]
    parameters = Parameters(profile="classic")
    whole = Judge(parameters, 10, Counts())
    whole.judge(keys[:30], values[:30])
    expected = whole.judge(keys[30:], values[30:])
    old = {name: (OLD / f"{profile}-{name}.bin").read_bytes() for name in names}
    after = Judge(
        parameters, 10, Counts(), kept=Kept(0, [Place(name, 0, 100, 1) for name in names])
    )

    class Old:
        """What an earlier version kept."""

        def get(self, symbol: str, /) -> bytes | None:
            return zlib.decompress(old[symbol])

        def put(self, symbol: str, blob: bytes, /) -> None:
            raise AssertionError("it is read only")

    found = after.judge(keys[30:], values[30:], Old())
    for one, other in ((found.flagged, expected.flagged), (found.episodes, expected.episodes)):
        said = [of_any_version(step.value) for step in other]
        assert [of_any_version(step.value) for step in one] == said != []
    assert dict(after.changed()).keys() == set(names)


def test_a_state_that_has_learnt_other_features_is_refused_in_a_sentence() -> None:
    """Before version 8 there was one limit, and tails of features that were measured otherwise."""
    detector = CalibratedDetector(Parameters(profile="calibrated"), SymbolTable())
    detector.symbols.number("AAPL")
    old = zlib.decompress((OLD / "calibrated-AAPL.bin").read_bytes())
    blob = old[old.index(b"TAPE") :]
    for version in (6, 7):
        header = blob[:4] + struct.pack("<H", version) + blob[6:36]
        with pytest.raises(StateError) as refused:
            detector.restore(0, header + blob[36:])
        assert str(refused.value) == (
            f"state has version {version}, this program knows 8; run the program that wrote it, "
            "or start over with `tape state reset`"
        )


@pytest.mark.parametrize("profile", COMPILED)
def test_a_state_whose_lengths_are_wrong_is_refused(profile: str) -> None:
    parameters, _ = PROFILES[profile]
    detector = fresh(parameters)
    told(detector, taken(of_zero(tape(1, 300)), slice(0, 40)))
    blob = detector.snapshot(0)
    header, body = blob[:36], blob[36:]
    for bad in (body + b"\0", body[:-1], b"\xff\xff\xff\xff" + body[4:], body[:2], b""):
        forged = header[:32] + struct.pack("<I", zlib.crc32(bad)) + bad
        with pytest.raises(StateError, match="damaged"):
            detector.restore(0, forged)
    assert detector.snapshot(0) == blob


@given(st.binary(max_size=100), st.integers(0, 40))
def test_bytes_without_the_zeros_at_their_end_are_counted(data: bytes, zeros: int) -> None:
    cells = np.frombuffer(data + bytes(zeros), np.uint8).copy()
    assert used_bytes(cells) == len(data.rstrip(b"\0"))
    copied = np.zeros_like(cells)
    copy_used(cells, copied)
    assert copied.tolist() == cells.tolist()


def test_negative_zero_is_kept() -> None:
    assert used_bytes(cells_of(np.array([[1.0, -0.0, 0.0]]), 0)) == 16
