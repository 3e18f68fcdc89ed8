"""The message of a flagged trade."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.model.anomaly import (
    IDENTITY,
    DetectorIdentity,
    Reason,
    anomaly_id,
    as_message,
)
from tape.model.fields import NO_SEQUENCE
from tape.model.rules import HIGH_VOLUME
from tests.unit.codec.test_trade import GOOD

REASON = Reason(HIGH_VOLUME.name, 30_000, 20_000, "30,000 shares in one trade.")


@pytest.mark.parametrize("raw", [GOOD, GOOD + b" \r\n\t", GOOD.replace(b",", b" , ")])
def test_the_trades_own_fields_stay_and_the_verdict_follows(raw: bytes) -> None:
    detector = DetectorIdentity("1", "abc")
    value = as_message(
        raw, anomaly_id="id", episode_id="first", reasons=[REASON], detector=detector
    )
    assert value.startswith(raw.rstrip()[:-1])
    found = json.loads(value)
    assert {name: found[name] for name in json.loads(raw)} == json.loads(raw)
    assert (found["anomaly_id"], found["episode_id"]) == ("id", "first")
    assert found["anomalies"] == ["High Volume"]
    assert found["reasons"][0]["threshold"] == 20_000
    assert found["detector"] == {"version": "1", "settings": "abc"}


def test_ids_are_as_the_documentation_has_them() -> None:
    def identity(sequence: int, **more) -> str:
        more = {"price_nanos": -1_500_000_000, "size": 7, "side": "B"} | more
        return anomaly_id("A", 2, 5, sequence, **more)

    assert identity(9) == "A-2-5-9"
    assert identity(9, ordinal=3) == "A-2-5-9-o3"
    assert identity(9, shared=True) == "A-2-5-9--1500000000-7-B"
    assert identity(0) == "A-2-5-0--1500000000-7-B"
    assert identity(0, ordinal=3) == "A-2-5-0--1500000000-7-B-o3"
    assert identity(NO_SEQUENCE) == "A-2-5-none--1500000000-7-B"


few = st.integers(0, 2)  # so that parts of two identities are often equal
identities = st.tuples(
    st.one_of(st.text("A-0oN", min_size=1, max_size=12), st.just("A-2-5-9")),
    few,
    st.integers(1, 3),
    st.sampled_from([NO_SEQUENCE, 0, 1, 2]),
    st.integers(-2, 2),
    st.integers(1, 3),
    st.sampled_from("ABN"),
    few,
)


@given(identities, identities, st.booleans())
def test_different_trades_have_different_ids(one: tuple, other: tuple, shared: bool) -> None:
    """Of trades with a time and sequence in common the detector says that it is shared."""

    def identity(trade: tuple, told_apart: bool) -> str:
        symbol, publisher, ns, sequence, price, size, side, ordinal = trade
        rest = {"price_nanos": price, "size": size, "side": side, "ordinal": ordinal}
        return anomaly_id(symbol, publisher, ns, sequence, **rest, shared=told_apart)

    together = one[:4] == other[:4] and one[7] == other[7] and one != other
    ids = identity(one, shared), identity(other, together or shared)
    if one == other:
        assert ids[0] == ids[1]
        assert IDENTITY.fullmatch(ids[0])["symbol"] == one[0]
    else:
        assert ids[0] != ids[1]


@given(identities, st.booleans())
def test_an_id_is_taken_apart_as_it_was_put_together(trade: tuple, shared: bool) -> None:
    symbol, publisher, ns, sequence, price, size, side, ordinal = trade
    rest = {"price_nanos": price, "size": size, "side": side, "ordinal": ordinal}
    found = IDENTITY.fullmatch(anomaly_id(symbol, publisher, ns, sequence, **rest, shared=shared))
    assert found is not None
    assert found["symbol"] == symbol
    assert (int(found["publisher"]), int(found["ns"])) == (publisher, ns)
    assert found["sequence"] == ("none" if sequence == NO_SEQUENCE else str(sequence))
    assert (found["price"] is not None) == (shared or sequence < 1)
    assert int(found["ordinal"] or 0) == ordinal
