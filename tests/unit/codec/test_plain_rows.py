"""Rows bent at random: the compiled reading is the literal one's, row by row."""

import json
import random
from pathlib import Path

import pytest

from tape.archives import find_archives, read_archive
from tape.archives.formats import format_of
from tape.archives.reference_rows import RowReader
from tape.archives.sidecars import Symbology
from tape.model.fields import TIME_MAX_NS
from tape.model.rejected import Rejected
from tape.model.trade import Trade, encode
from tests.ordinals import unnumbered

HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)
ORDERS = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,"
    "flags,ts_in_delta,sequence,symbol"
)
PRETTY = (
    "2025-05-05T08:00:00.675221836Z,2025-05-05T08:00:00.675053891Z,0,2,11667,T,N,0,"
    "113.860000000,4,130,167945,293508,NVDA"
)
PLAIN = "1746432000675221836,1746432000675053891,0,2,11667,T,A,0,113860000000,4,130,-9,293508,BRK.B"
BELOW = "1746432000675221836,1746432000675053891,0,2,7,T,A,0,-37.630000000,4,130,9,293508,CLK0"
ZERO = "1746432000675221836,1746432000675053891,0,2,7,T,A,0,-0,4,130,9,293508,CLK0"
PANDAS = (
    "2025-05-05 08:00:00.675221836+00:00,2025-05-05 08:00:00.675053891+00:00,0,2,11667,T,B,0,"
    "113.86,4,130,167945,293508,NVDA"
)
ORDER = (
    "1746432000675221836,1746432000675053891,160,2,11667,A,A,113860000000,4,0,8437,130,9,293508,X"
)
HEAD = {"ts_event": "2025-05-05T08:00:00.675053891Z", "rtype": 1, "publisher_id": 2}
LINE = {
    "ts_recv": "1746432000675221836",
    "hd": {**HEAD, "instrument_id": 11667},
    **{"action": "T", "side": "B", "depth": 0, "price": "113.860000000", "size": 4},
    **{"flags": 130, "ts_in_delta": -5, "sequence": 293508},
    "levels": [{"bid_px": "113.850000000", "ask_px": None, "bid_sz": 5, "ask_sz": 0}],
    "symbol": "NVDA",
}
BYTES = b'0123456789.,-:TZANB"{}[]\\ eE+\r\t\x00\x7f\xff\xc3\xa9nulltruefalse'
ROWS = 3_000


def bent(chance: random.Random, line: bytes) -> bytes:
    """Return a line with some bytes put in, taken out, exchanged, repeated or turned round."""
    data = bytearray(line)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        at = chance.randrange(len(data))
        what = chance.randrange(5)
        if what == 0:
            data[at] = chance.choice(BYTES)
        elif what == 1:
            data.insert(at, chance.choice(BYTES))
        elif what == 2:
            del data[at]
        elif what == 3:
            data += data[at : at + chance.randrange(1, 12)]
        else:
            end = at + chance.randrange(1, 20)
            data[at:end] = data[at:end][::-1]
    return bytes(data).replace(b"\n", b"") or b" "


def literally(reader: RowReader, lines: list[bytes]) -> tuple[list[bytes], list[tuple[int, str]]]:
    """Return the messages of lines, and the numbers and reasons of those that are rejected."""
    values: list[bytes] = []
    rejected: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        found = reader.read(line)
        if isinstance(found, Trade):
            values.append(encode(found))
        elif isinstance(found, Rejected):
            rejected.append((number, found.reason))
    return values, rejected


def compiled(path: Path) -> tuple[list[bytes], list[tuple[int, str]]]:
    (archive,) = find_archives(path).archives
    batches = list(read_archive(archive, latest_ns=TIME_MAX_NS))
    values = [value for batch in batches for value in batch.values]
    return unnumbered(values), [(r.row, r.rejected.reason) for b in batches for r in b.rejected]


def check(path: Path, header: bytes, lines: list[bytes]) -> None:
    data = header + b"".join(line + b"\n" for line in lines)
    path.write_bytes(data)
    (archive,) = find_archives(path).archives
    form = format_of(archive)
    assert isinstance(form.begin(data), bytes)
    reader = RowReader(form.fields, Symbology(path.parent), TIME_MAX_NS, form.form)
    values, rejected = literally(reader, lines)
    assert 0.2 * len(lines) < len(values) < len(lines)
    assert len(rejected) > 0.1 * len(lines)
    assert compiled(path) == (values, rejected)


@pytest.mark.parametrize(
    ("header", "base", "seed"),
    [
        (HEADER, [PRETTY], 1),
        (HEADER, [PLAIN], 2),
        (HEADER, [PANDAS], 3),
        (HEADER, [PRETTY, PANDAS], 4),
        (ORDERS, [ORDER, ORDER.replace(",A,A,", ",T,A,"), ORDER.replace(",A,A,", ",T,B,")], 5),
        (HEADER, [BELOW, ZERO], 7),
        (HEADER.removesuffix(",symbol"), [PRETTY[:-5], PANDAS[:-5]], 6),
    ],
    ids=["pretty", "plain", "pandas", "mixed", "orders", "below zero", "by symbology"],
)
def test_bent_rows_of_csv(tmp_path: Path, header: str, base: list[str], seed: int) -> None:
    chance = random.Random(seed)
    spans = [{"d0": "2025-05-01", "d1": "2025-05-06", "s": "11667"}]
    (tmp_path / "symbology.json").write_text(json.dumps({"result": {"NVDA": spans}}))
    lines = [bent(chance, chance.choice(base).encode()) for _ in range(ROWS)]
    check(tmp_path / "a.csv", header.encode() + b"\n", lines)


@pytest.mark.parametrize("marks", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bent_lines_of_json(tmp_path: Path, seed: int, marks: tuple[str, str]) -> None:
    chance = random.Random(seed)
    base = json.dumps(LINE, separators=marks).encode()
    lines = [base] + [bent(chance, base) for _ in range(ROWS)]
    check(tmp_path / "a.json", b"", lines)


def test_the_bending_bends_everywhere(tmp_path: Path) -> None:
    chance = random.Random(9)
    changed = {
        at
        for _ in range(ROWS)
        for at, (a, b) in enumerate(
            zip(PRETTY.encode(), bent(chance, PRETTY.encode()), strict=False)
        )
        if a != b
    }
    assert changed == set(range(len(PRETTY)))
