"""On which partition a key belongs, and what is made of trades that lie on another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.kafka.clients import sending
from tape.model.counts import Counts
from tape.model.partitions import Partition, murmur2, partition_of

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From the tests of Kafka's own client (UtilsTest.testMurmur2), as signed numbers."""


@pytest.mark.parametrize("key", JAVA)
def test_a_key_has_the_hash_of_kafkas_java_client(key: bytes) -> None:
    assert murmur2(key) - 2**32 * (murmur2(key) >= 2**31) == JAVA[key]


@given(st.binary(max_size=300), st.integers(1, 1_000))
def test_every_key_has_one_partition_of_any_number(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
    assert partition_of(key, 1) == 0


def trade(symbol: str, sequence: int, *, spaces: bool = False) -> bytes:
    text = (
        f'{{"ts_recv":"2025-05-05T08:00:00.675221836Z","ts_event":"2025-05-05T08:00:00.675053891Z",'
        f'"rtype":0,"publisher_id":2,"instrument_id":1,"action":"T","side":"N","depth":0,'
        f'"price":113.86,"size":50000,"flags":0,"ts_in_delta":1,"sequence":{sequence},'
        f'"symbol":"{symbol}"}}'
    )
    return text.replace(":", ": ", 1).encode() if spaces else text.encode()


SYMBOLS = [f"SYM{number}" for number in range(40)]


@pytest.mark.parametrize("spaces", [False, True])
def test_a_symbol_is_judged_on_its_own_partition_only(spaces: bool) -> None:
    """Twice, as the trades of the second call are of symbols that are known by then."""
    flagged: list[str] = []
    for partition in range(4):
        counts = Counts()
        judge = Judge(Parameters(), 1_000, counts, of=Partition(partition, 4))
        for call in range(2):
            keys = [symbol.encode() for symbol in SYMBOLS]
            values = [trade(symbol, call + 1, spaces=spaces) for symbol in SYMBOLS]
            judged = judge.judge(keys, values)
            flagged += [one.symbol for one in judged.flagged]
            assert {one.rejected.reason for one in judged.unread} == {"partition_wrong"}
            assert len(judged.flagged) + len(judged.unread) == len(SYMBOLS)
        assert counts.rejected.total() + counts.trades == counts.records == 2 * len(SYMBOLS)
    assert sorted(flagged) == sorted(2 * SYMBOLS)


def test_the_reason_says_where_the_key_belongs_and_what_to_do() -> None:
    right = partition_of(b"NVDA", 4)
    wrong = (right + 1) % 4
    fault = Partition(wrong, 4).fault("NVDA")
    assert fault is not None
    assert fault.reason == "partition_wrong"
    assert f"belongs on partition {right} of 4, not on {wrong}" in fault.detail
    assert "murmur2" in fault.detail
    assert Partition(right, 4).fault("NVDA") is None


def test_a_symbol_of_another_partition_takes_no_room_from_those_that_belong_here() -> None:
    here = [symbol for symbol in SYMBOLS if partition_of(symbol.encode(), 4) == 2]
    others = [symbol for symbol in SYMBOLS if symbol not in here]
    table = SymbolTable(len(here), of=Partition(2, 4))
    sent = [*others, *here]
    decode_batch([s.encode() for s in sent], [trade(s, 1) for s in sent], table)
    assert table.names == here


def test_where_no_partition_is_known_every_symbol_is_taken() -> None:
    judged = Judge(Parameters(), 1_000, Counts()).judge(
        [symbol.encode() for symbol in SYMBOLS], [trade(symbol, 1) for symbol in SYMBOLS]
    )
    assert len(judged.flagged) == len(SYMBOLS)


def test_a_client_with_another_partitioner_is_refused() -> None:
    assert sending({"bootstrap.servers": "x"}, {"linger.ms": 5})["partitioner"] == "murmur2"
    for given_config, own in (
        ({"partitioner": "consistent_random"}, {}),
        ({}, {"partitioner": "murmur2_random"}),
    ):
        with pytest.raises(SettingsError, match=r"partitioner=.* set it to murmur2"):
            sending(given_config, own)
