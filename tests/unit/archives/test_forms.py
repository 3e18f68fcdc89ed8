"""A file says the same in every form it can be written in, and never something else."""

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tape.archives import RowBatch, find_archives, read_archive
from tape.archives.formats import format_of
from tape.archives.given import Given
from tape.archives.reference_rows import RowReader
from tape.archives.sidecars import Symbology
from tape.model.fields import NANOS, TIME_MAX_NS
from tape.model.rejected import Rejected
from tape.model.trade import Trade, encode
from tests.ordinals import numbered

NAMES = (
    *("ts_recv", "ts_event", "rtype", "publisher_id", "instrument_id", "action", "side", "depth"),
    *("price", "size", "flags", "ts_in_delta", "sequence", "symbol"),
)
NEEDED = ("ts_event", "price", "size", "symbol")
NEW_YORK = ZoneInfo("America/New_York")
START_S = int(datetime(2025, 3, 5, 14, 30, tzinfo=UTC).timestamp())
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def trade(number: int, cents: int, size: int) -> Trade:
    """A trade at a whole second, so that any form of time can say when."""
    at_ns = (START_S + number) * NANOS
    return Trade(
        ts_recv_ns=at_ns + NANOS,
        ts_event_ns=at_ns,
        rtype=0,
        publisher_id=2,
        instrument_id=1000,
        side="ABN"[number % 3],
        price_nanos=cents * NANOS // 100,
        size=size,
        flags=128,
        ts_in_delta_ns=165_000,
        sequence=1_000 + number,
        symbol=("ACME", "BRK.B")[number % 2],
    )


def iso(ns: int, offset: timezone | ZoneInfo, mark: str, places: int) -> str:
    at = datetime.fromtimestamp(ns // NANOS, offset)
    fraction = f".{ns % NANOS:09d}"[: places + 1] if places else ""
    return at.strftime(f"%Y-%m-%d{mark}%H:%M:%S") + fraction


EAST = timezone(timedelta(hours=5, minutes=30))
TIMES: dict[str, Callable[[int], str]] = {
    "vendor": lambda ns: iso(ns, UTC, "T", 9) + "Z",
    "pandas": lambda ns: iso(ns, UTC, " ", 0) + "+00:00",
    "no colon": lambda ns: iso(ns, UTC, "T", 3) + "+0000",
    "hours": lambda ns: iso(ns, UTC, " ", 6) + "+00",
    "new york": lambda ns: iso(ns, NEW_YORK, " ", 9) + "-05:00",
    "india": lambda ns: iso(ns, EAST, "T", 1) + "+05:30",
    "local": lambda ns: iso(ns, NEW_YORK, " ", 0),
    "s": lambda ns: str(ns // NANOS),
    "float s": lambda ns: f"{ns / NANOS:.1f}",
    "ms": lambda ns: str(ns // 1_000_000),
    "us": lambda ns: str(ns // 1_000),
    "ns": str,
}


def shortest(nanos: int) -> str:
    whole, fraction = divmod(nanos, NANOS)
    return f"{whole}.{fraction:09d}".rstrip("0").rstrip(".")


PRICES: dict[str, Callable[[int], str]] = {
    "vendor": lambda nanos: f"{nanos // NANOS}.{nanos % NANOS:09d}",
    "fixed": str,
    "spreadsheet": shortest,
    "pandas": lambda nanos: repr(nanos / NANOS),
    "noise": lambda nanos: repr(nanos * 1e-9),
    "two decimals": lambda nanos: f"{nanos / NANOS:.2f}",
}


@dataclass(frozen=True)
class Written:
    """One way to write a file of trades."""

    time: str = "vendor"
    price: str = "vendor"
    delimiter: str = ","
    comma: bool = False
    quotes: bool = False
    floats: bool = False
    line_end: str = "\n"
    mark: bool = False
    columns: tuple[str, ...] = NAMES

    def texts(self, one: Trade) -> dict[str, str]:
        count = "{}.0" if self.floats else "{}"
        row = {
            "ts_recv": TIMES[self.time](one.ts_recv_ns),
            "ts_event": TIMES[self.time](one.ts_event_ns),
            "rtype": count.format(one.rtype),
            "publisher_id": count.format(one.publisher_id),
            "instrument_id": count.format(one.instrument_id),
            "action": "T",
            "side": one.side,
            "depth": "0",
            "price": PRICES[self.price](one.price_nanos),
            "size": count.format(one.size),
            "flags": count.format(one.flags),
            "ts_in_delta": str(one.ts_in_delta_ns),
            "sequence": count.format(one.sequence),
            "symbol": one.symbol,
        }
        if self.comma:
            for name in ("price", "size", "sequence", "rtype", "publisher_id", "instrument_id"):
                row[name] = row[name].replace(".", ",")
            row["flags"] = row["flags"].replace(".", ",")
            if "-" not in row["ts_event"]:
                for name in ("ts_recv", "ts_event"):
                    row[name] = row[name].replace(".", ",")
        return {name: row[name] for name in self.columns}

    def csv(self, trades: list[Trade]) -> bytes:
        text = io.StringIO()
        quoting = csv.QUOTE_ALL if self.quotes else csv.QUOTE_MINIMAL
        writer = csv.writer(
            text, delimiter=self.delimiter, quoting=quoting, lineterminator=self.line_end
        )
        writer.writerow(self.columns)
        writer.writerows(list(self.texts(one).values()) for one in trades)
        return ("\ufeff" if self.mark else "").encode() + text.getvalue().encode()

    def json(self, trades: list[Trade], numbers: bool) -> bytes:
        lines = []
        for one in trades:
            row: dict[str, object] = dict(self.texts(one))
            line = json.dumps(row)
            if numbers:
                for name, value in row.items():
                    if name not in ("symbol", "side", "action") and is_number(str(value)):
                        line = line.replace(f'"{name}": "{value}"', f'"{name}": {value}')
            lines.append(line)
        return "\n".join(lines).encode()


def is_number(text: str) -> bool:
    try:
        json.loads(text, parse_float=str)
    except ValueError:
        return False
    return True


def read(path: Path, zone: str | None = None) -> list[RowBatch]:
    (archive,) = find_archives(path).archives
    archive = replace(archive, given=Given(None, zone))
    return list(read_archive(archive, latest_ns=TIME_MAX_NS))


def values(batches: list[RowBatch]) -> list[bytes]:
    return [value for batch in batches for value in batch.values]


def rejected(batches: list[RowBatch]) -> list[tuple[str, str]]:
    return [(r.source, r.rejected.reason) for batch in batches for r in batch.rejected]


def as_read(one: Trade, columns: tuple[str, ...]) -> bytes:
    """The message of a trade of which only these columns are written, the others by default."""
    defaults = {
        "ts_recv": ("ts_recv_ns", one.ts_event_ns),
        "rtype": ("rtype", 0),
        "publisher_id": ("publisher_id", 0),
        "instrument_id": ("instrument_id", 0),
        "side": ("side", "N"),
        "flags": ("flags", 0),
        "ts_in_delta": ("ts_in_delta_ns", 0),
        "sequence": ("sequence", 0),
    }
    fields = {name: getattr(one, name) for name in one.__struct_fields__}
    fields |= dict(pair for name, pair in defaults.items() if name not in columns)
    return encode(Trade(**fields))


trades_strategy = st.lists(
    st.tuples(st.integers(100, 99_999), st.integers(1, 90_000)), min_size=2, max_size=30
).map(lambda pairs: [trade(n, *pair) for n, pair in enumerate(pairs)])


@st.composite
def forms(draw: st.DrawFn) -> Written:
    optional = [name for name in NAMES if name not in NEEDED]
    kept = draw(st.one_of(st.just(optional), st.lists(st.sampled_from(optional), unique=True)))
    columns = draw(st.permutations([*NEEDED, *kept]))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    price = draw(st.sampled_from(sorted(PRICES)))
    comma = delimiter == ";" and price != "fixed" and draw(st.booleans())
    return Written(
        draw(st.sampled_from(sorted(TIMES))),
        price,
        delimiter,
        comma,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(["\n", "\r\n"])),
        draw(st.booleans()),
        tuple(columns),
    )


@MANY
@example([trade(0, 14_200, 100), trade(1, 14_201, 1)], Written(price="spreadsheet"))
@example([trade(n, 8_002, 5) for n in range(3)], Written(price="noise", time="new york"))
@given(trades_strategy, forms())
def test_a_file_gives_the_same_messages_in_every_form(
    tmp_path: Path, trades: list[Trade], form: Written
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(form.csv(trades))
    zone = "America/New_York" if form.time == "local" else None
    batches = read(path, zone)
    if form.comma and not any("," in form.texts(one)["price"] for one in trades):
        return  # whole numbers only: nothing says that the comma is the mark
    if form.time == "ns" and all(form.texts(one)["price"].isdigit() for one in trades):
        assert form.price == "fixed" or [why for _, why in rejected(batches)] == ["form_unclear"]
        return
    assert rejected(batches) == []
    assert values(batches) == numbered([as_read(one, form.columns) for one in trades])


@MANY
@given(trades_strategy, forms(), st.booleans())
def test_lines_of_json_give_the_same_messages_in_every_form(
    tmp_path: Path, trades: list[Trade], form: Written, numbers: bool
) -> None:
    form = replace(form, comma=False, delimiter=",")
    path = tmp_path / "a.json"
    path.write_bytes(form.json(trades, numbers))
    batches = read(path, "America/New_York" if form.time == "local" else None)
    assert rejected(batches) == []
    assert values(batches) == numbered([as_read(one, form.columns) for one in trades])


@MANY
@given(trades_strategy, st.lists(st.sampled_from(sorted(PRICES)), min_size=1, max_size=30))
def test_a_file_that_mixes_forms_never_changes_the_unit(
    tmp_path: Path, trades: list[Trade], kinds: list[str]
) -> None:
    rows = [Written(price=kinds[n % len(kinds)]) for n in range(len(trades))]
    lines = [Written().csv([]).decode()]
    written = zip(rows, trades, strict=True)
    lines += [form.csv([one]).decode().split("\n")[1] + "\n" for form, one in written]
    path = tmp_path / "a.csv"
    path.write_text("".join(lines))
    batches = read(path)
    found = values(batches)
    assert set(found) <= {encode(one) for one in trades}
    whole_file = any(batch.damaged for batch in batches)
    assert whole_file or len(found) + len(rejected(batches)) == len(trades)


FOREIGN = {
    "spreadsheet": Written("pandas", "spreadsheet", ";", comma=True, floats=True),
    "quoted": Written("ms", "noise", ",", quotes=True, line_end="\r\n"),
    "tabs": Written("india", "fixed", "\t"),
    "bare": Written("us", "two decimals", "|", columns=(*NEEDED, "side", "sequence")),
    "local": Written("local", "pandas", ","),
    "float s": Written("float s", "vendor", ","),
}
BYTES = b'0123456789.,-+:;|TZANBe" E\t\r\x00\x7f\xc3\xa9'


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_the_compiled_way_equals_the_literal_one_on_bent_rows(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    form = FOREIGN[name]
    header, *good = form.csv([trade(n, 8_000 + n % 50, 100 + n) for n in range(400)]).splitlines()
    lines = []
    for line in good * 4:
        bent = bytearray(line)
        for _ in range(chance.choice((0, 1, 1, 2))):
            at = chance.randrange(len(bent))
            if chance.random() < 0.5:
                bent[at] = chance.choice(BYTES)
            else:
                bent[at : at + 1] = (
                    b"" if chance.random() < 0.5 else bytes([chance.choice(BYTES)] * 2)
                )
        lines.append(bytes(bent))
    path = tmp_path / "a.csv"
    path.write_bytes(header + b"\n" + b"".join(line + b"\n" for line in lines))
    zone = "America/New_York" if form.time == "local" else None
    (archive,) = find_archives(path).archives
    archive = replace(archive, given=Given(None, zone))
    reading = format_of(archive)
    pieces = [piece for piece in reading.pieces(1 << 20) if isinstance(piece, bytes)]
    assert isinstance(reading.begin(pieces[0]), bytes)
    reader = RowReader(reading.fields, Symbology(tmp_path), TIME_MAX_NS, reading.form)
    expected, faults = [], []
    for line in b"".join(pieces).split(b"\n")[1:-1]:
        found = reader.read(line)
        if isinstance(found, Trade):
            expected.append(encode(found))
        elif isinstance(found, Rejected):
            faults.append(found.reason)
    batches = read(path, zone)
    assert [reason for _, reason in rejected(batches)] == faults
    assert [without_ordinal(value) for value in values(batches)] == expected
    assert len(expected) > 0.2 * len(lines)
    assert len(faults) > 0.1 * len(lines)


def without_ordinal(value: bytes) -> bytes:
    """Rows that stand in the file several times are told apart behind the reader."""
    return value.partition(b',"ordinal"')[0].removesuffix(b"}") + b"}"
