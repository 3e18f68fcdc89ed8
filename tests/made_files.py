"""Small tapes for tests, and the forms in which people have them."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

NANOS = 1_000_000_000
COLUMNS = (
    *("ts_recv", "ts_event", "rtype", "publisher_id", "instrument_id", "action", "side"),
    *("depth", "price", "size", "flags", "ts_in_delta", "sequence", "symbol"),
)


@dataclass(frozen=True)
class Row:
    """A trade as its owner would write it down."""

    ts_event_ns: int
    price_nanos: int
    size: int = 100
    side: str = "B"
    sequence: int = 1
    symbol: str = "ACME"
    publisher: int = 2
    action: str = "T"

    def id(self) -> str:
        """The anomaly_id that it would have."""
        return f"{self.symbol}-{self.publisher}-{self.ts_event_ns}-{self.sequence}"


def at(text: str) -> int:
    """Nanoseconds of an ISO time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NANOS


def walk(
    count: int,
    start: str = "2025-03-05T14:30:00",
    *,
    symbol: str = "ACME",
    publisher: int = 2,
    cents: int = 14_200,
    first_sequence: int = 1_001,
    every_s: float = 2.0,
    seed: int = 1,
) -> list[Row]:
    """Trades of a quiet walk, a cent up or down at most, in order of time."""
    draw = random.Random(f"{seed} {symbol} {start}")
    rows, ns, price, sequence = [], at(start), cents, first_sequence
    for _ in range(count):
        ns += draw.randrange(1_000, int(2 * every_s * NANOS))
        price = max(cents - 20, min(cents + 20, price + draw.choice((-1, 0, 0, 1))))
        sequence += draw.randrange(1, 5)
        size, side = draw.choice((1, 25, 100, 200)), draw.choice("ABN")
        rows.append(Row(ns, price * 10_000_000, size, side, sequence, symbol, publisher))
    return rows


def changed(rows: Sequence[Row], n: int, *, times: float = 1.0, size: int = 0) -> list[Row]:
    """The rows with the price of one multiplied, or with its size."""
    one = rows[n]
    price = round(one.price_nanos * times / 10_000_000) * 10_000_000
    return [*rows[:n], replace(one, price_nanos=price, size=size or one.size), *rows[n + 1 :]]


def iso(ns: int) -> str:
    """As the vendor writes a time."""
    whole = datetime.fromtimestamp(ns // NANOS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ns % NANOS:09d}Z"


def in_zone(ns: int, zone: str) -> str:
    """As pandas writes a time of another zone."""
    moment = datetime.fromtimestamp(ns // NANOS, UTC).astimezone(ZoneInfo(zone))
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ns % NANOS:09d}{offset[:3]}:{offset[3:]}"


def decimal(nanos: int) -> str:
    """As the vendor writes a price."""
    return f"{'-' if nanos < 0 else ''}{abs(nanos) // NANOS}.{abs(nanos) % NANOS:09d}"


def csv(
    rows: Iterable[Row],
    *,
    price: Callable[[int], str] = decimal,
    time: Callable[[int], str] = iso,
    size: Callable[[int], str] = str,
    delimiter: str = ",",
) -> str:
    """The rows as CSV with the vendor's columns."""
    lines = [delimiter.join(COLUMNS)]
    for r in rows:
        received, sent = time(r.ts_event_ns + 165_000), time(r.ts_event_ns)
        cells = [received, sent, "0", str(r.publisher), "1000", r.action, r.side, "0"]
        cells += [price(r.price_nanos), size(r.size), "128", "165000", str(r.sequence), r.symbol]
        lines.append(delimiter.join(cells))
    return "\n".join([*lines, ""])


def written(path: Path, text: str | bytes) -> Path:
    """A file with this content; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
