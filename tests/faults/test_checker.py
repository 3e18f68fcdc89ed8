"""The checker itself: it sees what it is there to see."""

import json

from tests.faults.checker import compare


def anomaly(number: int, symbol: str = "A", **more: object) -> bytes:
    return json.dumps({"anomaly_id": f"{symbol}-{number}", "symbol": symbol, **more}).encode()


TAPE = [anomaly(1), anomaly(1, "B"), anomaly(2), anomaly(2, "B"), anomaly(3)]


def test_the_same_is_no_difference_and_order_between_symbols_is_free() -> None:
    assert not compare(TAPE, TAPE)
    assert not compare(TAPE, [TAPE[1], TAPE[0], TAPE[3], TAPE[2], TAPE[4]])


def state(flags: int, state: str = "extended", **more: object) -> bytes:
    fields = {"episode_id": "A-1", "symbol": "A", "state": state, "flags": flags, **more}
    return json.dumps(fields).encode()


def test_the_states_of_an_episode_are_told_apart_and_ordered() -> None:
    states = [state(1, "opened"), state(2), state(3), state(3, "closed", mark="held")]
    assert not compare(TAPE + states, states + TAPE)
    assert compare(states, states[:-1]).lost == ["A-1 closed 3"]
    assert not compare(states, [states[1], states[3]]), "of a batch the last one is written"
    assert compare(states, [*states, states[1]]).doubled == ["A-1 extended 2"]
    assert compare(states, [*states[:-1], state(3, "closed")]).wrong == ["A-1 closed 3"]
    assert compare(states, [*states[:2], states[3], states[2]]).disordered == ["episode A-1"]


def test_each_kind_of_difference_is_named() -> None:
    assert compare(TAPE, TAPE[1:]).lost == ["A-1"]
    assert compare(TAPE, [*TAPE, TAPE[3]]).doubled == ["B-2"]
    assert compare(TAPE, [*TAPE, anomaly(9)]).unexpected == ["A-9"]
    assert compare(TAPE, [anomaly(1, price=2), *TAPE[1:]]).wrong == ["A-1"]
    assert compare(TAPE, [TAPE[2], TAPE[1], TAPE[0], *TAPE[3:]]).disordered == ["A"]
