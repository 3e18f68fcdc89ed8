"""A trade on the wire: it survives, and whatever else comes is answered with a reason."""

import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.model.rejected import Reason, Rejected
from tape.model.trade import Trade, decode, encode

TRADE = Trade(
    ts_recv_ns=1_751_961_600_171_836_531,
    ts_event_ns=1_751_961_600_171_836_530,
    publisher_id=2,
    instrument_id=11_667,
    side="B",
    price_nanos=157_570_000_000,
    size=10,
    flags=130,
    ts_in_delta_ns=-5,
    sequence=5,
    symbol="NVDA",
)
GOOD = encode(TRADE)

letters = st.characters(codec="ascii", exclude_categories=("C", "Z"), exclude_characters="\"'\\")
inner = st.one_of(letters, st.sampled_from(" ,:-.$#*[]{}0A"))
symbols = st.one_of(
    st.text(letters, min_size=1, max_size=2),
    st.builds(lambda a, b, c: a + b + c, letters, st.text(inner, max_size=69), letters),
    st.sampled_from(["NVDA", "ACM-A#", "ES.c.0", "UD:1V: GN 2391", "A" * 16, "A" * 17, "A" * 71]),
)
trades = st.builds(
    Trade,
    ts_recv_ns=st.integers(946_684_800 * 10**9, 4_102_444_800 * 10**9 - 1),
    ts_event_ns=st.integers(946_684_800 * 10**9, 4_102_444_800 * 10**9 - 1),
    rtype=st.integers(0, 255),
    publisher_id=st.integers(0, 65_535),
    instrument_id=st.integers(0, 2**32 - 1),
    side=st.sampled_from("ABN"),
    depth=st.integers(0, 255),
    price_nanos=st.one_of(st.integers(-(10**16), 10**16), st.integers(-5, 5)),
    size=st.integers(1, 2**32 - 1),
    flags=st.integers(0, 255),
    ts_in_delta_ns=st.integers(-(2**31) + 1, 2**31 - 1),
    sequence=st.integers(0, 2**32 - 1),
    symbol=symbols,
    ordinal=st.one_of(st.just(0), st.integers(0, 2**31 - 1)),
)


def batched(raw: bytes | None, key: bytes | None) -> Trade | Rejected | None:
    """The batch's answer in the form of the single one; None for an equal trade's columns."""
    symbols = SymbolTable()
    batch = decode_batch([key], [raw], symbols)
    if batch.rejected:
        return batch.rejected[0][1]
    single = decode(raw, key, check_key=True)
    assert isinstance(single, Trade)
    c = batch.trades
    assert symbols.names == [single.symbol]
    assert (c.symbol[0], c.publisher_id[0], c.ts_event_ns[0]) == (
        0,
        single.publisher_id,
        single.ts_event_ns,
    )
    assert (c.price_nanos[0], c.size[0], chr(c.side[0]), c.sequence[0], c.ordinal[0]) == (
        single.price_nanos,
        single.size,
        single.side,
        single.sequence,
        single.ordinal,
    )
    return None


@given(trades)
def test_a_trade_survives_the_wire(trade: Trade) -> None:
    assert decode(encode(trade)) == trade
    assert batched(encode(trade), trade.symbol.encode()) is None


@given(st.binary(max_size=2_000))
def test_any_bytes_are_answered_never_raised(raw: bytes) -> None:
    answer = decode(raw)
    assert isinstance(answer, Trade | Rejected)
    if isinstance(answer, Rejected):
        assert answer.reason in get_args(Reason)
        assert len(answer.detail) <= 200


def test_mutated_messages_get_the_same_answer_alone_and_in_a_batch() -> None:
    chance = random.Random(1)
    bad = 0
    for _ in range(3_000):
        raw = bytearray(GOOD)
        raw[chance.randrange(len(raw))] = chance.choice(b'0123456789.-"{}:,TABNZae \x00\xff')
        alone = decode(bytes(raw), b"NVDA", check_key=True)
        together = batched(bytes(raw), b"NVDA")
        if isinstance(alone, Rejected):
            bad += 1
            assert together == alone
        else:
            assert together is None
    assert 1_000 < bad < 3_000


def field(name: bytes, value: bytes) -> bytes:
    start = GOOD.index(b'"%s":' % name) + len(name) + 3
    end = min(i for i in (GOOD.find(b",", start), GOOD.find(b"}", start)) if i > 0)
    return GOOD[:start] + value + GOOD[end:]


BAD = [
    ("B23", field(b"price", b"NaN"), "message_not_json"),
    ("B23", field(b"price", b"1e400"), "number_syntax"),
    ("B23", field(b"price", b"1e2"), "number_syntax"),
    ("B24", field(b"price", b"-10000000.000000001"), "number_range"),
    ("B24", field(b"price", b"-12345678901234567890.0"), "number_range"),
    ("B25", field(b"price", b"9223372036.854775807"), "price_undefined"),
    ("B25", field(b"price", b"1.0000000001"), "number_range"),
    ("B25", field(b"price", b"10000000.1"), "number_range"),
    ("B26", field(b"size", b"0"), "size_not_positive"),
    ("B26", field(b"size", b"-4"), "size_not_positive"),
    ("B26", field(b"size", b"1000000000000"), "number_range"),
    ("B26", field(b"size", b"1e3"), "number_syntax"),
    ("B27", field(b"size", b"9" * 20), "number_range"),
    ("B27", field(b"sequence", b"9" * 400), "number_range"),
    ("B27", field(b"size", b"9" * 5_000), "number_range"),
    ("B29", field(b"symbol", b'"NVDA "'), "symbol_syntax"),
    ("B29", field(b"symbol", b'"NV\\"DA"'), "symbol_syntax"),
    ("B29", field(b"symbol", b'"NV\\u0000"'), "symbol_syntax"),
    ("B29", field(b"symbol", b'"%s"' % (b"A" * 72)), "symbol_syntax"),
    ("B29", field(b"symbol", b'""'), "symbol_syntax"),
    ("B30", field(b"ts_event", b'"1970-01-01T00:00:00.000000000Z"'), "time_range"),
    ("B30", field(b"ts_event", b'"2200-01-01T00:00:00.000000000Z"'), "time_range"),
    ("B30", field(b"ts_event", b'"2025-02-30T00:00:00.000000000Z"'), "time_syntax"),
    ("B30", field(b"ts_event", b'"yesterday"'), "time_syntax"),
    ("B36", b"", "message_empty"),
    ("B36", None, "message_empty"),
    ("B36", b"null", "message_shape"),
    ("B36", b"[]", "message_shape"),
    ("B36", b'"x"', "message_shape"),
    ("B36", b"12", "message_shape"),
    ("B37", GOOD[:-5], "message_not_json"),
    ("B37", GOOD * 2, "message_not_json"),
    ("B37", GOOD + b"x", "message_not_json"),
    ("B37", b"\xef\xbb\xbf" + GOOD, "message_not_json"),
    ("B37", GOOD.replace(b"NVDA", b"\\ud800"), "message_not_json"),
    ("B37", GOOD.replace(b"NVDA", b"\xff\xfe"), "message_not_json"),
    ("B38", b"[" * 30_000 + b"]" * 30_000, "message_too_deep"),
    ("B38", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "message_too_deep"),
    ("B39", b"[" + b"1," * 5_000_000 + b"1]", "message_too_large"),
    ("B39", b'"' + b"x" * 1_000_000 + b'"', "message_too_large"),
    ("B40", field(b"price", b'"150.1"'), "field_type"),
    ("B40", field(b"price", b"true"), "field_type"),
    ("B40", field(b"price", b"null"), "field_type"),
    ("B40", field(b"size", b"1.5"), "field_type"),
    ("B40", field(b"ts_event", b"1751961600171836530"), "field_type"),
    ("B40", GOOD.replace(b'"size":10,', b""), "field_missing"),
    ("ordinal", GOOD[:-1] + b',"ordinal":-1}', "number_range"),
    ("ordinal", GOOD[:-1] + b',"ordinal":2147483648}', "number_range"),
    ("ordinal", GOOD[:-1] + b',"ordinal":1.5}', "field_type"),
    ("ordinal", GOOD[:-1] + b',"ordinal":"1"}', "field_type"),
    ("B43", GOOD[:-1] + b',"v":2}', "message_shape"),
    ("action", field(b"action", b'"C"'), "message_shape"),
    ("side", field(b"side", b'"X"'), "side_unknown"),
]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [pytest.param(raw, why, id=f"{n}-{name}-{why}") for n, (name, raw, why) in enumerate(BAD)],
)
def test_a_bad_message_gets_its_reason_between_good_ones(raw: bytes | None, reason: str) -> None:
    answer = decode(raw, b"NVDA", check_key=True)
    assert isinstance(answer, Rejected)
    assert answer.reason == reason
    batch = decode_batch([b"NVDA"] * 3, [GOOD, raw, GOOD], SymbolTable())
    assert batch.rejected == [(1, answer)]
    assert batch.positions.tolist() == [0, 2]
    assert batch.trades.size.tolist() == [10, 10]


@pytest.mark.parametrize("key", [None, b"", b"AAPL", b"NVDA ", b"\xff", b"x" * 1_000_000])
def test_a_key_that_is_not_the_symbol_is_refused_b41(key: bytes | None) -> None:
    answer = batched(GOOD, key)
    assert isinstance(answer, Rejected)
    assert answer.reason == "message_shape"


def test_fields_to_come_are_ignored_and_others_may_be_missing() -> None:
    more = GOOD[:-1] + b',"source":"new","v":1} \n'
    assert decode(more) == TRADE
    less = b'{"symbol":"NVDA","ts_event":"2025-07-08T08:00:00.171836530Z","publisher_id":2,'
    found = decode(less + b'"side":"N","price":1,"size":1}')
    assert isinstance(found, Trade)
    assert found.sequence == -1


def test_more_symbols_than_allowed_are_refused_b29() -> None:
    symbols = SymbolTable(capacity=2)
    raws = [GOOD.replace(b"NVDA", name) for name in (b"A", b"B", b"C", b"A")]
    batch = decode_batch([b"A", b"B", b"C", b"A"], raws, symbols)
    assert [(at, fault.reason) for at, fault in batch.rejected] == [(2, "symbol_unknown")]
    assert batch.trades.symbol.tolist() == [0, 1, 0]


def test_ten_thousand_symbols_keep_their_numbers() -> None:
    symbols = SymbolTable()
    names = [b"S%d" % n for n in range(10_000)]
    raws = [GOOD.replace(b"NVDA", name) for name in names]
    assert decode_batch(names, raws, symbols).trades.symbol.tolist() == list(range(10_000))
    again = decode_batch(names[::-1], raws[::-1], symbols)
    assert again.trades.symbol.tolist() == list(range(9_999, -1, -1))
