"""Batches of messages against one message at a time: good, bad and mutated ones together."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.model.fields import PRICE_MAX_NANOS, TIME_MAX_NS, TIME_MIN_NS
from tape.model.rejected import Rejected
from tape.model.trade import Trade, decode, encode
from tests.mutations import mutated

NAMES = (
    *("A", "NVDA", "BRK.B", "ABCDEFGH", "ABCDEFGHI", "ABCDEFGHIJKLMNOP", "ACM$", "ES.c.0"),
    "ABCDEFGHIJKLMNOPQ",
    "ABCDEFGHIJKLMNOPR",
    "UD:1V: GN 2391 [x], y",
    "B" * 71,
    "7" * 71,
)

trades = st.builds(
    Trade,
    ts_recv_ns=st.integers(TIME_MIN_NS, TIME_MAX_NS - 1),
    ts_event_ns=st.integers(TIME_MIN_NS, TIME_MAX_NS - 1),
    publisher_id=st.integers(0, 65_535),
    side=st.sampled_from("ABN"),
    price_nanos=st.one_of(st.integers(-PRICE_MAX_NANOS, PRICE_MAX_NANOS), st.integers(-5, 5)),
    size=st.integers(1, 2**32 - 1),
    sequence=st.integers(0, 2**32 - 1),
    ordinal=st.one_of(st.just(0), st.integers(0, 2**31 - 1)),
    symbol=st.sampled_from(NAMES),
)


def knowing() -> SymbolTable:
    """A table that knows the names already: what it knows is settled by the compiled scan."""
    table = SymbolTable()
    for name in NAMES:
        table.number(name)
    return table


def one_by_one(keys: Sequence[bytes], values: Sequence[bytes]) -> list[Trade | Rejected]:
    return [decode(v, k, check_key=True) for k, v in zip(keys, values, strict=True)]


def batched(keys: Sequence[bytes], values: Sequence[bytes]) -> list[tuple[object, ...] | Rejected]:
    """What the batch says of each message: the columns' values, or why not."""
    table = knowing()
    batch = decode_batch(keys, values, table)
    answers: list[tuple[object, ...] | Rejected | None] = [None] * len(values)
    c = batch.trades
    for row, position in enumerate(batch.positions.tolist()):
        answers[position] = (
            table.names[c.symbol[row]],
            int(c.publisher_id[row]),
            int(c.ts_event_ns[row]),
            int(c.price_nanos[row]),
            int(c.size[row]),
            chr(c.side[row]),
            int(c.sequence[row]),
            int(c.ordinal[row]),
        )
    for position, rejected in batch.rejected:
        assert answers[position] is None
        answers[position] = rejected
    assert None not in answers
    return answers  # type: ignore[return-value]


def as_columns(answer: Trade | Rejected) -> tuple[object, ...] | Rejected:
    if isinstance(answer, Rejected):
        return answer
    return (
        answer.symbol,
        answer.publisher_id,
        answer.ts_event_ns,
        answer.price_nanos,
        answer.size,
        answer.side,
        answer.sequence,
        answer.ordinal,
    )


@settings(deadline=None)
@given(st.lists(trades, max_size=20))
def test_any_trades_come_out_of_a_batch_as_they_went_in(made: list[Trade]) -> None:
    values = [encode(trade) for trade in made]
    keys = [trade.symbol.encode() for trade in made]
    assert batched(keys, values) == [as_columns(trade) for trade in made]


def test_times_keep_their_last_nanosecond_and_prices_their_last_digit() -> None:
    made = Trade(
        ts_recv_ns=1_740_992_446_315_441_409,
        ts_event_ns=1_740_992_446_315_441_401,
        publisher_id=2,
        side="B",
        price_nanos=9_876_543_210_123_457,
        size=2**32 - 1,
        sequence=2**32 - 1,
        ordinal=2**31 - 1,
        symbol="NVDA",
    )
    (answer,) = batched([b"NVDA"], [encode(made)])
    assert answer == (
        "NVDA",
        2,
        1_740_992_446_315_441_401,
        9_876_543_210_123_457,
        4_294_967_295,
        "B",
        4_294_967_295,
        2**31 - 1,
    )


@settings(max_examples=500, deadline=None)
@given(trade=trades, seed=st.integers(0, 2**32))
def test_mutated_messages_between_good_ones_change_nothing_for_those(
    trade: Trade, seed: int
) -> None:
    """500 examples of 25 mutations: 12,500 cases."""
    dice = random.Random(seed)
    good, key = encode(trade), trade.symbol.encode()
    values, keys = [good], [key]
    for _ in range(25):
        values += [mutated(dice, good), good]
        keys += [mutated(dice, key) if dice.random() < 0.1 else key, key]
    answers = batched(keys, values)
    assert answers == [as_columns(answer) for answer in one_by_one(keys, values)]
    assert all(answer == as_columns(trade) for answer in answers[::2])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_of_nothing_but_bad_messages_has_no_trades(count: int) -> None:
    answers = batched([b"A"] * count, [b"\n"] * count)
    assert [type(answer) for answer in answers] == [Rejected] * count


def test_a_table_that_is_full_refuses_new_names_and_keeps_the_old() -> None:
    made = Trade(
        ts_recv_ns=TIME_MIN_NS,
        ts_event_ns=TIME_MIN_NS,
        publisher_id=0,
        side="N",
        price_nanos=1,
        size=1,
        sequence=0,
        symbol="A",
    )
    table = SymbolTable(1)
    table.number("A")
    other = encode(made).replace(b'"A"}', b'"B"}')
    batch = decode_batch([b"A", b"B", b"A"], [encode(made), other, encode(made)], table)
    assert batch.positions.tolist() == [0, 2]
    assert [(at, why.reason) for at, why in batch.rejected] == [(1, "symbol_unknown")]
