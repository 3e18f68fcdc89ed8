"""Symbols of any vendor: from a file to an anomaly, unchanged; and never two taken for one."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.archives import RowBatch, find_archives, read_archive
from tape.codec.batch import decode_batch
from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.model.anomaly import IDENTITY
from tape.model.counts import Counts
from tape.model.fields import TIME_MAX_NS, is_symbol
from tape.model.trade import decode
from tape.settings.symbol_lists import joined_symbols, split_symbols, symbols_word
from tests.unit.codec.test_trade import GOOD, symbols
from tests.vendor import as_dbn

HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)
INTEGRATED = ["ACME", "ACM.B", "ACM-C", "ACM+", "ACM=", "ACM^", "ACM#", "ACM$", "ACM*", "ACM-A#"]
"""Nasdaq's suffixes: units, rights, warrants, when issued and others (T06)."""
FUTURES = ["ES.c.0", "ES.v.0", "NQ.n.1", "ESH5-ESM5", "ESH5 C6000", "UD:1V: GN 2391", "@ES#"]
LONG = ["A" * 16, "A" * 17, "A" * 71, "A" * 16 + "B", "NIFTY 50 24JUL2025 25000.00 CE"]


def csv_row(symbol: str, n: int) -> str:
    at = f"2025-05-05T14:30:{n // 1_000 % 60:02}.{n % 1_000:03}053891Z"
    instrument = crc32(symbol.encode())
    return f"{at},{at},0,2,{instrument},T,B,0,100.01,{n + 5},130,165,{n + 1},{symbol}"


def json_row(symbol: str, n: int) -> str:
    names, values = HEADER.split(","), csv_row("", n).split(",")
    row = dict(zip(names, values, strict=True)) | {"symbol": symbol}
    return json.dumps(row, ensure_ascii=False)


def read(path: Path, **more: object) -> list[RowBatch]:
    (archive,) = find_archives(path).archives
    return list(read_archive(archive, latest_ns=TIME_MAX_NS, **more))  # type: ignore[arg-type]


def flagged(batches: list[RowBatch]) -> list[dict[str, object]]:
    """What a judge says of a file whose every trade is above the threshold."""
    judge = Judge(Parameters(volume_threshold=1), 50_000, Counts())
    found = []
    for batch in batches:
        judged = judge.judge(batch.keys, batch.values)
        assert judged.unread == []
        found += [json.loads(one.value) for one in judged.flagged]
        assert [one.symbol for one in judged.flagged] == [
            json.loads(one.value)["symbol"] for one in judged.flagged
        ]
    return found


def check(path: Path, names: list[str]) -> None:
    batches = read(path)
    assert [r.rejected for b in batches for r in b.rejected] == []
    assert [key.decode() for b in batches for key in b.keys] == names
    found = flagged(batches)
    assert [one["symbol"] for one in found] == names
    ids = [IDENTITY.fullmatch(str(one["anomaly_id"])) for one in found]
    assert [match and match["symbol"] for match in ids] == names
    one = names[-1]
    assert {key.decode() for b in read(path, symbols=frozenset([one])) for key in b.keys} == {one}


@settings(deadline=None, max_examples=40)  # some 240 symbols, each in two forms
@given(st.lists(symbols.filter(lambda name: "," not in name), min_size=1, max_size=12))
def test_any_symbol_goes_from_a_file_to_an_anomaly_unchanged(drawn: list[str]) -> None:
    names = drawn * 2  # at first they are new, and then known
    with TemporaryDirectory() as folder:
        for suffix, row in (("csv", csv_row), ("json", json_row)):
            head = [HEADER] if suffix == "csv" else []
            path = Path(folder) / f"a.trades.{suffix}"
            lines = [*head, *(row(name, n) for n, name in enumerate(names))]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            check(path, names)


@pytest.mark.parametrize("names", [INTEGRATED, FUTURES, LONG], ids=["T06", "T07", "long"])
def test_the_vendors_own_symbols_are_judged_in_every_encoding(
    tmp_path: Path, names: list[str]
) -> None:
    every = names * 60
    path = tmp_path / "a.trades.csv"
    lines = [HEADER, *(csv_row(name, n) for n, name in enumerate(every))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    check(path, every)
    values = [value for batch in read(path) for value in batch.values]
    other = tmp_path / "b.trades.dbn"
    fitting = [value for value, name in zip(values, every, strict=True) if len(name) <= 70]
    other.write_bytes(as_dbn(fitting))  # the vendor's encoder takes no more
    assert [v for b in read(other) for v in b.values] == fitting


@pytest.mark.parametrize(
    "name", ["Ä", "\u0410CME", "A\u202eCME", "A\u00a0B", "\U0001f600", "\uff21"]
)
def test_look_alikes_of_other_scripts_are_no_symbols(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.trades.csv"
    path.write_text("\n".join([HEADER, csv_row("ACME", 0), csv_row(name, 1)]) + "\n")
    rejected = [row.rejected.reason for batch in read(path) for row in batch.rejected]
    assert (is_symbol(name), rejected) == (False, ["symbol_syntax"])


def test_names_that_begin_alike_are_told_apart() -> None:
    table = SymbolTable()
    names = [f"{'A' * (n % 40)}{n}" for n in range(5_000)] + ["\x41" * 15, "A" * 16, "A" * 17]
    assert all(map(is_symbol, names))
    keys = [name.encode() for name in names]
    raws = [GOOD.replace(b"NVDA", key) for key in keys]
    expected = list(range(len(set(names))))
    assert decode_batch(keys, raws, table).trades.symbol.tolist() == expected
    assert table.names == names
    back = decode_batch(keys[::-1], raws[::-1], table).trades.symbol.tolist()
    assert back == expected[::-1]


def test_names_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger may choose names whose hashes are equal; here two entries are made so."""
    table = SymbolTable()
    one, other = "A" * 20, "B" * 20
    assert (table.number(one), table.number(other)) == (0, 1)
    slots = table.found.long
    (at,) = np.flatnonzero(slots.number == 0)
    (elsewhere,) = np.flatnonzero(slots.number == 1)
    low, high = slots.low[at], slots.high[at]
    slots.number[elsewhere] = -1
    following = (at + 1) % len(slots.number)
    slots.low[following], slots.high[following], slots.number[following] = low, high, 0
    slots.number[at] = 1  # the slot of A now has A's hash, and B's text
    keys = [one.encode()]
    raws = [GOOD.replace(b"NVDA", one.encode())]
    assert decode_batch(keys, raws, table).trades.symbol.tolist() == [0]


@pytest.mark.parametrize("end", ["\0", "\0\0\0", " ", "\t", "\x7f"])
def test_a_known_name_with_more_behind_it_is_not_that_name(end: str) -> None:
    table = SymbolTable()
    table.number("NVDA")
    raw = GOOD.replace(b"NVDA", b"NVDA" + end.encode())
    key = b"NVDA" + end.encode()
    batch = decode_batch([key], [raw], table)
    assert [(at, why) for at, why in batch.rejected] == [(0, decode(raw, key, check_key=True))]


@given(st.lists(symbols, max_size=5))
def test_a_list_of_symbols_is_taken_apart_as_it_was_written(names: list[str]) -> None:
    assert split_symbols(joined_symbols(names), "--symbols") == names


@pytest.mark.parametrize("text", ["O'NEIL", 'A"B', "A\\B", "A\x1b[31mB", "A" * 72, "A\u202eB"])
def test_what_is_no_symbol_is_told(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--symbols: .* is not a symbol") as caught:
        split_symbols(f"NVDA,{text}", "--symbols")
    assert str(caught.value).isprintable()


def test_commands_to_copy_are_safe_in_a_shell() -> None:
    assert symbols_word(["ACM$", "A;rm", "A,B"]) == "'ACM$,A;rm,A\\,B'"
