"""The store and the topic in memory do what the real ones do, as far as a test sees them."""

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.kafka.headers import provenance
from tape.model.counts import Counts
from tape.model.partitions import Partition
from tape.testing import MemoryStore, MemoryTopic, SettableClock, a_day, a_trade, messages


def test_a_record_lies_on_the_partition_where_kafka_s_own_producer_puts_it() -> None:
    """Numbers from Kafka's `Utils.murmur2`, as its own test has them (UtilsTest.java)."""
    hashes = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    topic = MemoryTopic(partitions=10)
    for key, murmur2 in hashes.items():
        assert topic.send(key, b"x").partition == (murmur2 & 0x7FFFFFFF) % 10


def test_offsets_count_from_zero_on_each_partition_and_batches_begin_anywhere() -> None:
    topic = MemoryTopic(partitions=2)
    sent = [topic.send(None, b"%d" % n, partition=n % 2) for n in range(10)]
    assert [record.offset for record in sent] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    batches = [
        [record.value for record in batch] for batch in topic.batches(2, partition=1, start=1)
    ]
    assert batches == [[b"3", b"5"], [b"7", b"9"]]


def test_compaction_leaves_the_newest_of_each_key_and_no_tombstone() -> None:
    topic = MemoryTopic()
    for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (None, b"x")):
        topic.send(key, value)
    assert topic.newest() == {b"a": b"2"}


def test_a_pipeline_in_memory_survives_a_restart_at_any_batch() -> None:
    """The detector's contract without a broker: state and offset are kept together."""
    day = a_day(900, seed=3)
    for nth in (100, 450, 451, 800):
        day[nth] = a_trade(5_000 + nth, symbol=day[nth].symbol, size=50_000)
    stocks = MemoryTopic(partitions=2)
    for key, value in zip(*messages(day), strict=True):
        stocks.send(key, value)

    def judged(restart_every: int) -> list[tuple[bytes | None, bytes | None]]:
        anomalies = MemoryTopic()
        for number in range(stocks.partitions):
            store, at, judge = MemoryStore(), 0, None
            for count, batch in enumerate(stocks.batches(50, partition=number)):
                if judge is None or count % restart_every == 0:
                    kept = store.of("classic").kept()
                    of = Partition(number, stocks.partitions)
                    judge = Judge(Parameters(), 10, Counts(), kept=kept, of=of)
                keys, values = [r.key for r in batch], [r.value for r in batch]
                for one in judge.judge(keys, values, store.of("classic")).flagged:
                    headers = provenance(number, batch[one.position].offset, one.ts_event_ns)
                    anomalies.send(one.symbol.encode(), one.value, headers)
                store.commit(judge, "classic")
                at += len(batch)
        return [(record.key, record.value) for record in anomalies.records()]

    whole = judged(restart_every=1_000)
    assert len(whole) == 4
    assert judged(restart_every=1) == judged(restart_every=3) == whole


def test_an_ordinary_day_is_in_order_and_comes_again() -> None:
    day = a_day(2_000, seed=9)
    assert day == a_day(2_000, seed=9) != a_day(2_000, seed=10)
    times = [trade.ts_event_ns for trade in day]
    assert times == sorted(set(times))
    counts = Counts()
    judge = Judge(Parameters(), 10, counts)
    judge.judge(*messages(day))
    assert counts.trades == 2_000
    assert not counts.rejected
    assert set(counts.flagged) <= {"Isolation Forest"}, "the forest always finds the rarest"


def test_a_settable_clock_moves_by_sleeping_or_by_being_told() -> None:
    clock = SettableClock(at_s=5)
    clock.sleep(1.5)
    clock.advance(0.5)
    assert (clock.now_s(), clock.slept_s) == (7.0, [1.5])
