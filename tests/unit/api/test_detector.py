"""A detector that is fed in pieces says what one call says of the whole."""

import random

import pandas as pd
import pytest

import tape
from tape.errors import StateError
from tests.unit.api.tapes import CLASSIC, frame_of, two_symbols

ROWS = two_symbols(400)
FRAME = frame_of(ROWS)


def pieces(seed: int) -> list[pd.DataFrame]:
    dice = random.Random(seed)
    cuts = sorted(dice.sample(range(len(FRAME) + 1), 4))
    ends = zip([0, *cuts], [*cuts, len(FRAME)], strict=True)
    return [FRAME[first:last] for first, last in ends]


@pytest.mark.parametrize("profile", ["classic", "calibrated", "classic,calibrated"])
def test_pieces_give_what_the_whole_gives_with_a_restart_between_any_two(profile: str) -> None:
    whole = tape.detect(FRAME, profile=profile)
    assert len(whole) > 2
    fed = tape.Detector(profile=profile)
    restarted = tape.Detector(profile=profile)
    found: list[list[bytes]] = [[], [], [], []]
    for piece in pieces(seed=len(profile)):
        one = fed.feed(piece)
        later = tape.Detector(profile=profile)
        later.restore(restarted.snapshot())
        restarted = later
        other = restarted.feed(piece)
        for taken, more in zip(
            found,
            (one.messages, one.episode_messages, other.messages, other.episode_messages),
            strict=True,
        ):
            taken += more
    assert found == [whole.messages, whole.episode_messages] * 2
    assert fed.symbols == restarted.symbols == ["ACME", "BETA"]
    assert fed.snapshot() == restarted.snapshot()


def test_symbols_and_thresholds_are_kept_to() -> None:
    detector = tape.Detector(symbols=["BETA"], thresholds={"BETA": {"volume_threshold": 150}})
    found = detector.feed(FRAME)
    assert {one.trade.symbol for one in found} == {"BETA"}
    assert min(one.trade.size for one in found if "High Volume" in one.rules) == 200
    assert detector.symbols == ["BETA"]
    assert detector.thresholds["BETA"].volume_threshold == 150
    assert "of 1 symbols" in repr(detector)


def test_a_snapshot_of_something_else_changes_nothing() -> None:
    detector = tape.Detector(**CLASSIC)
    detector.feed(FRAME[:100])
    before = detector.snapshot()
    for wrong, said in (
        (b"what", "no snapshot"),
        (tape.Detector(profile="calibrated").snapshot(), "is of calibrated, and this one is of"),
        (tape.Detector(profile="classic", window=50).snapshot(), "of other settings"),
    ):
        with pytest.raises(StateError, match=said):
            detector.restore(wrong)
    assert detector.snapshot() == before
    assert detector.feed(FRAME[:100]).counts.duplicates == 100


def test_a_piece_without_trades_finds_nothing() -> None:
    detector = tape.Detector(**CLASSIC)
    assert len(detector.feed(FRAME[:0])) == 0
    assert detector.feed(FRAME[:9]).counts.judged == 9
