"""Trades in the vendor's encodings, made by the vendor's own encoder."""

import io
import json
from datetime import date
from types import SimpleNamespace

from databento_dbn import (
    Action,
    Compression,
    Encoding,
    Metadata,
    Schema,
    Side,
    SType,
    TradeMsg,
    Transcoder,
)

from tape.model.trade import Trade, decode


def head(
    version: int,
    instruments: dict[int, str],
    first: date,
    after: date,
    schema: Schema = Schema.TRADES,  # type: ignore[assignment]
) -> bytes:
    """Return a DBN header whose symbols are mapped from `first` to before `after`."""
    mappings = [
        SimpleNamespace(
            raw_symbol=name,
            intervals=[SimpleNamespace(start_date=first, end_date=after, symbol=str(number))],
        )
        for number, name in instruments.items()
    ]
    metadata = Metadata(
        dataset="XNAS.ITCH",
        schema=schema,
        start=0,
        stype_in=SType.RAW_SYMBOL,
        stype_out=SType.INSTRUMENT_ID,
        symbols=sorted(instruments.values()),
        partial=[],
        not_found=[],
        mappings=mappings,
        version=version,
    )
    return metadata.encode()


def as_dbn(messages: list[bytes], version: int = 3) -> bytes:
    """Return messages as a DBN stream of the vendor's own making."""
    trades = [one for one in map(decode, messages) if isinstance(one, Trade)]
    assert len(trades) == len(messages)
    records = b"".join(
        bytes(
            TradeMsg(
                publisher_id=t.publisher_id,
                instrument_id=t.instrument_id,
                ts_event=t.ts_event_ns,
                price=t.price_nanos,
                size=t.size,
                action=Action.TRADE,
                side=Side(t.side),
                depth=t.depth,
                ts_recv=t.ts_recv_ns,
                flags=t.flags,
                ts_in_delta=t.ts_in_delta_ns,
                sequence=t.sequence,
            )
        )
        for t in trades
    )
    days = sorted(date.fromisoformat(json.loads(value)["ts_event"][:10]) for value in messages)
    names = {t.instrument_id: t.symbol for t in trades}  # type: ignore[union-attr]
    return head(version, names, days[0], date.fromordinal(days[-1].toordinal() + 1)) + records


def transcoded(
    raw: bytes,
    encoding: Encoding,
    *,
    pretty_px: bool = True,
    pretty_ts: bool = True,
    map_symbols: bool = True,
) -> bytes:
    """Return a DBN stream in another encoding."""
    out = io.BytesIO()
    coder = Transcoder(
        out,
        encoding,
        Compression.NONE,
        pretty_px=pretty_px,
        pretty_ts=pretty_ts,
        map_symbols=map_symbols,
    )
    coder.write(raw)
    coder.flush()
    return out.getvalue()
