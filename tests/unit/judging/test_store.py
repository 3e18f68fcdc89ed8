"""Stores of symbols' states: a dict and the live detector's keys give the same answers."""

from tape.codec.places import Place
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.state_keys import Kept
from tape.judging.store import DictStore, Store
from tape.model.counts import Counts
from tape.testing import MemoryStore, a_message


def stores() -> list[Store]:
    return [DictStore(), MemoryStore().of("classic")]


def test_what_is_put_is_got_and_the_newest_wins() -> None:
    for store in stores():
        assert store.get("NVDA") is None
        store.put("NVDA", b"first")
        store.put("NVDA", b"")
        store.put("AMD", b"other")
        assert (store.get("NVDA"), store.get("AMD"), store.get("A")) == (b"", b"other", None)


def test_a_judge_continues_from_any_store_as_if_it_had_never_stopped() -> None:
    parameters = Parameters(change_threshold=0.001)
    values = [a_message(n, price_usd=100 + n % 7 / 5) for n in range(1, 400)]
    keys = [b"NVDA"] * len(values)
    whole = Judge(parameters, 5, Counts())
    expected = [*whole.judge(keys, values).flagged][-50:]
    assert expected[0].position > 200, "there is something to find behind the stop"
    for store in stores():
        first = Judge(parameters, 5, Counts())
        first.judge(keys[:200], values[:200])
        for symbol, blob in first.changed():
            store.put(symbol, blob)
        kept = Kept(first.symbols.clock, [Place("NVDA", *first.symbols.place(0), 1)])
        second = Judge(parameters, 5, Counts(), kept=kept)
        found = second.judge(keys[200:], values[200:], store).flagged[-50:]
        assert [one.value for one in found] == [one.value for one in expected]
