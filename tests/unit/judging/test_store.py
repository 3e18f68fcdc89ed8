"""Stores of symbols' states: a dict, a file, and the live detector's keys give the same answers."""

from pathlib import Path

import pytest

from tape.codec.places import Place
from tape.detection.parameters import Parameters
from tape.errors import SettingsError, StateError
from tape.judging.judge import Judge
from tape.judging.state_keys import Kept
from tape.judging.store import DictStore, FileStore, Store
from tape.model.counts import Counts
from tape.testing import MemoryStore, a_message


def stores(folder: Path) -> list[Store]:
    return [DictStore(), FileStore(folder / "states"), MemoryStore().of("classic")]


def test_what_is_put_is_got_and_the_newest_wins(tmp_path: Path) -> None:
    for store in stores(tmp_path):
        assert store.get("NVDA") is None
        store.put("NVDA", b"first")
        store.put("NVDA", b"")
        store.put("AMD", b"other")
        assert (store.get("NVDA"), store.get("AMD"), store.get("A")) == (b"", b"other", None)


def test_a_judge_goes_on_from_any_store_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    parameters = Parameters(change_threshold=0.001)
    values = [a_message(n, price_usd=100 + n % 7 / 5) for n in range(1, 400)]
    keys = [b"NVDA"] * len(values)
    whole = Judge(parameters, 5, Counts())
    expected = [*whole.judge(keys, values).flagged][-50:]
    assert expected[0].position > 200, "there is something to find behind the stop"
    for store in stores(tmp_path):
        first = Judge(parameters, 5, Counts())
        first.judge(keys[:200], values[:200])
        for symbol, blob in first.changed():
            store.put(symbol, blob)
        if isinstance(store, FileStore):
            store.save()
            store = FileStore(tmp_path / "states")
        kept = Kept(first.symbols.clock, [Place("NVDA", *first.symbols.place(0), 1)])
        second = Judge(parameters, 5, Counts(), kept=kept)
        found = second.judge(keys[200:], values[200:], store).flagged[-50:]
        assert [one.value for one in found] == [one.value for one in expected]


def test_a_file_that_holds_something_else_is_refused_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "states"
    for raw in (b"", b"{}", b"\x83", b"ts_event,price\n", b"\x81\xa5magic\xa1x"):
        path.write_bytes(raw)
        with pytest.raises(StateError, match="no file of states"):
            FileStore(path)
    with pytest.raises(StateError, match="cannot read"):
        FileStore(tmp_path)
    path.unlink()
    store = FileStore(path)
    path.write_bytes(b"somebody else has written here meanwhile")
    with pytest.raises(SettingsError, match="was not made by tape"):
        store.save()


def test_a_saved_file_is_replaced_by_the_next_one(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "states")
    store.put("NVDA", b"one")
    store.save()
    store.put("NVDA", b"two")
    store.save()
    assert FileStore(tmp_path / "states") == {"NVDA": b"two"}
