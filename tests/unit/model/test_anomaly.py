"""The message of a flagged trade."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tape
from tape.model.anomaly import (
    IDENTITY,
    Anomaly,
    DetectorIdentity,
    Feature,
    Reason,
    anomaly_id,
    as_message,
    decode_anomaly,
    refuse_unreadable,
)
from tape.model.fields import NO_SEQUENCE
from tape.model.rejected import Rejected
from tape.model.rules import HIGH_VOLUME
from tape.model.trade import Trade, decode, encode
from tests.unit.codec.test_trade import GOOD, trades

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
    def identity(sequence: int, **more: Any) -> str:
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
def test_different_trades_have_different_ids(
    one: tuple[Any, ...], other: tuple[Any, ...], shared: bool
) -> None:
    """Of trades with a time and sequence in common the detector says that it is shared."""

    def identity(trade: tuple[Any, ...], told_apart: bool) -> str:
        symbol, publisher, ns, sequence, price, size, side, ordinal = trade
        rest = {"price_nanos": price, "size": size, "side": side, "ordinal": ordinal}
        return anomaly_id(symbol, publisher, ns, sequence, **rest, shared=told_apart)

    together = one[:4] == other[:4] and one[7] == other[7] and one != other
    ids = identity(one, shared), identity(other, together or shared)
    if one == other:
        assert ids[0] == ids[1]
        found = IDENTITY.fullmatch(ids[0])
        assert found is not None
        assert found["symbol"] == one[0]
    else:
        assert ids[0] != ids[1]


@given(identities, st.booleans())
def test_an_id_is_taken_apart_as_it_was_put_together(trade: tuple[Any, ...], shared: bool) -> None:
    symbol, publisher, ns, sequence, price, size, side, ordinal = trade
    rest = {"price_nanos": price, "size": size, "side": side, "ordinal": ordinal}
    found = IDENTITY.fullmatch(anomaly_id(symbol, publisher, ns, sequence, **rest, shared=shared))
    assert found is not None
    assert found["symbol"] == symbol
    assert (int(found["publisher"]), int(found["ns"])) == (publisher, ns)
    assert found["sequence"] == ("none" if sequence == NO_SEQUENCE else str(sequence))
    assert (found["price"] is not None) == (shared or sequence < 1)
    assert int(found["ordinal"] or 0) == ordinal


finite = st.floats(allow_nan=False, allow_infinity=False)
whys = st.builds(Reason, st.text(), st.one_of(finite, st.integers(0, 2**32)), finite, st.text())
features = st.builds(Feature, st.text(), st.text(), finite, finite, finite, finite)
detectors = st.builds(DetectorIdentity, st.text(), st.text())
strangers = st.dictionaries(
    st.one_of(st.text(), st.sampled_from(["anomaly_id", "severity", "features", "detector"])),
    st.one_of(st.none(), st.text(), st.just({"a": 1, "anomaly_id": "x"}), finite),
    max_size=4,
)
"""Fields beside the trade's own that whoever writes to `stocks` may have given it."""


@given(
    trades,
    strangers,
    st.text(),
    st.text(),
    st.lists(whys, max_size=4),
    detectors,
    st.fixed_dictionaries(
        {},
        optional={
            "severity": finite,
            "priority": finite,
            "family": st.text(),
            "context": st.text(),
            "calibrated": st.booleans(),
            "features": st.lists(features),
            "of_its_own": st.integers(-9, 9) | st.text(),
        },
    ),
)
def test_what_was_written_is_read(
    trade: Trade,
    more: dict[str, Any],
    identity: str,
    episode: str,
    reasons: list[Reason],
    detector: DetectorIdentity,
    extras: dict[str, Any],
) -> None:
    raw = json.dumps(more).encode()[:-1] + b", " * bool(more) + encode(trade)[1:]
    assume(decode(raw) == trade)  # a stranger's `v` may make it no trade at all
    value = as_message(
        raw,
        anomaly_id=identity,
        episode_id=episode,
        reasons=reasons,
        detector=detector,
        extras=extras,
    )
    found = decode_anomaly(value)
    assert isinstance(found, Anomaly), found
    assert found.trade == trade
    assert (found.anomaly_id, found.episode_id) == (identity, episode)
    assert found.rules == tuple(reason.rule for reason in reasons)
    assert (list(found.reasons), found.detector) == (reasons, detector)
    expected: dict[str, Any] = {"severity": None, "priority": None, "family": "", "context": ""}
    expected |= {"calibrated": None, "features": []} | extras
    assert (found.severity, found.context) == (expected["severity"], expected["context"])
    assert (found.priority, found.family) == (expected["priority"], expected["family"])
    assert (found.calibrated, list(found.features)) == (
        expected["calibrated"],
        expected["features"],
    )
    refuse_unreadable(reasons, extras)


WHOLE = as_message(
    GOOD,
    anomaly_id="id",
    episode_id="first",
    reasons=[REASON],
    detector=DetectorIdentity("1", "abc"),
)


def test_a_message_that_another_program_wrote_again_is_read() -> None:
    told = json.loads(WHOLE)
    for value in (
        json.dumps(told, indent=2).encode(),
        json.dumps(dict(reversed(told.items()))).encode(),
        json.dumps(dict(sorted(told.items()))).encode(),
    ):
        assert decode_anomaly(value) == decode_anomaly(WHOLE)


@given(st.one_of(st.binary(), st.text().map(str.encode), st.none()))
def test_any_bytes_are_answered_never_raised(raw: bytes | None) -> None:
    assert isinstance(decode_anomaly(raw), Anomaly | Rejected)


@given(st.data())
def test_any_damage_to_a_message_is_answered_never_raised(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    length = data.draw(st.integers(0, 40))
    value = WHOLE[:at] + data.draw(st.binary(max_size=8)) + WHOLE[at + length :]
    assert isinstance(decode_anomaly(value), Anomaly | Rejected)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "message_empty"),
        (b"", "message_empty"),
        (GOOD, "field_missing"),
        (b"[" * 50_000, "message_too_deep"),
        (b"x" * 200_000, "message_too_large"),
        (WHOLE.replace(b'"anomaly_id":"id"', b'"anomaly_id":7'), "field_type"),
        (WHOLE.replace(b'"NVDA"', b'"\\u001b[2J"'), "symbol_syntax"),
    ],
)
def test_what_is_no_anomaly_has_a_reason(raw: bytes | None, reason: str) -> None:
    found = decode_anomaly(raw)
    assert isinstance(found, Rejected)
    assert found.reason == reason


def takes_apart(tree: ast.Module) -> list[int]:
    """The lines that read an anomaly's own fields from JSON, or give them a type."""
    fields = {"anomaly_id", "episode_id", "reasons"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if isinstance(node.slice, ast.Constant) and node.slice.value in fields:
                found.append(node.lineno)
        elif isinstance(node, ast.ClassDef) and any("Struct" in ast.unparse(b) for b in node.bases):
            named = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
            if {"anomaly_id", "anomalies"} & named:
                found.append(node.lineno)
    return found


def test_no_other_module_takes_an_anomaly_apart() -> None:
    assert takes_apart(ast.parse("found = decode(raw)\nfound['anomaly_id']")) == [2]
    assert takes_apart(ast.parse("class A(msgspec.Struct):\n    anomalies: list[str]")) == [1]
    root = Path(tape.__file__).parent
    for file in sorted(root.rglob("*.py")):
        if file != root / "model/anomaly.py":
            found = takes_apart(ast.parse(file.read_text()))
            assert not found, f"{file.relative_to(root)}:{found[0]}: use decode_anomaly"
