"""DBN recorded from the live service: its symbols are records. The encoder is the vendor's."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from databento_dbn import (
    Action,
    ErrorMsg,
    MBP1Msg,
    Metadata,
    OHLCVMsg,
    RType,
    Schema,
    Side,
    SType,
    SymbolMappingMsg,
    SystemMsg,
    TradeMsg,
)

from tape.archives import RowBatch, find_archives, read_archive
from tape.archives.live_records import mapped
from tape.model.fields import TIME_MAX_NS

NOON = 1_741_185_000 * 10**9
NEVER = 2**64 - 1


def header(schema: Schema | None = None, version: int = 3) -> bytes:
    return bytes(
        Metadata(
            dataset="XNAS.ITCH",
            start=NOON,
            stype_in=None,
            stype_out=SType.INSTRUMENT_ID,
            schema=schema,
            symbols=[],
            partial=[],
            not_found=[],
            mappings=[],
            version=version,
        ).encode()
    )


def maps(instrument: int, symbol: str, asked: str = "") -> bytes:
    return bytes(
        SymbolMappingMsg(
            0,
            instrument,
            NOON,
            SType.RAW_SYMBOL,
            asked or symbol,
            SType.RAW_SYMBOL,
            symbol,
            NEVER,
            NEVER,
        )
    )


def trade(instrument: int, sequence: int) -> bytes:
    ns = NOON + sequence * 10**9
    return bytes(
        TradeMsg(
            2, instrument, ns, 80 * 10**9, 10, Action.TRADE, Side.BID, 0, ns, sequence=sequence
        )
    )


def quote(instrument: int, sequence: int, action: Any = Action.TRADE) -> bytes:
    ns = NOON + sequence * 10**9
    return bytes(
        MBP1Msg(2, instrument, ns, 80 * 10**9, 10, action, Side.BID, 0, ns, sequence=sequence)
    )


def read(folder: Path, *records: bytes, **kwargs: int) -> list[RowBatch]:
    path = folder / "live.dbn.zst"
    path.write_bytes(zstandard.compress(header() + b"".join(records)))
    (archive,) = find_archives(path).archives
    return list(read_archive(archive, latest_ns=TIME_MAX_NS, **kwargs))


def trades(found: list[RowBatch]) -> list[tuple[str, int]]:
    values = [json.loads(value) for batch in found for value in batch.values]
    return [(value["symbol"], value["sequence"]) for value in values]


def test_a_mapping_holds_from_its_place_in_the_stream_on(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *(maps(1, "ACME"), maps(2, "BOLT"), trade(1, 1), trade(2, 2)),
        *(maps(1, "ACME"), trade(1, 3), maps(1, "NEWCO"), trade(1, 4), trade(2, 5)),
    )
    assert trades(found) == [("ACME", 1), ("BOLT", 2), ("ACME", 3), ("NEWCO", 4), ("BOLT", 5)]


def test_a_trade_before_its_mapping_is_rejected_with_a_sentence(tmp_path: Path) -> None:
    found = read(tmp_path, maps(2, "BOLT"), trade(1, 1), trade(2, 2), maps(1, "ACME"), trade(1, 3))
    assert trades(found) == [("BOLT", 2), ("ACME", 3)]
    (row,) = [row for batch in found for row in batch.rejected]
    assert row.rejected.reason == "symbol_unknown"
    assert row.rejected.detail == "instrument 1 has no symbol up to here in the live recording"


def test_of_mixed_records_trades_are_taken_once_and_the_others_are_counted(tmp_path: Path) -> None:
    noise = [bytes(SystemMsg(NOON, "Heartbeat")), bytes(ErrorMsg(NOON, "slow client"))]
    found = read(
        tmp_path,
        *(maps(1, "ACME"), quote(1, 1), trade(1, 1), *noise, quote(1, 2), trade(1, 2)),
        bytes(OHLCVMsg(RType.OHLCV_1M, 2, 1, NOON, 1, 1, 1, 1, 1)),
    )
    assert trades(found) == [("ACME", 1), ("ACME", 2)]
    assert sum(batch.skipped for batch in found) == 5
    assert not any(batch.rejected for batch in found)


def test_where_only_quotes_were_recorded_their_trades_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, maps(1, "ACME"), quote(1, 1), quote(1, 2, Action.ADD), quote(1, 3))
    assert trades(found) == [("ACME", 1), ("ACME", 3)]


def test_reading_goes_on_behind_rows_with_the_symbols_of_before(tmp_path: Path) -> None:
    records = [maps(1, "ACME"), trade(1, 1), trade(1, 2), maps(1, "NEWCO"), trade(1, 3)]
    assert trades(read(tmp_path, *records, skip_rows=1)) == [("ACME", 2), ("NEWCO", 3)]
    assert trades(read(tmp_path, *records, skip_rows=2)) == [("NEWCO", 3)]


def test_a_recording_of_bars_is_said_to_have_no_trades(tmp_path: Path) -> None:
    bar = bytes(OHLCVMsg(RType.OHLCV_1M, 2, 1, NOON, 1, 1, 1, 1, 1))
    found = read(tmp_path, maps(1, "ACME"), bar, bar)
    assert [row.rejected.reason for batch in found for row in batch.rejected] == ["not_trades"]


def test_a_quiet_recording_is_no_fault(tmp_path: Path) -> None:
    found = read(tmp_path, maps(1, "ACME"), bytes(SystemMsg(NOON, "Heartbeat")))
    assert not any(batch.rejected for batch in found)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (Schema.OHLCV_1M, "minute bars (ohlcv-1m), not trades"),
        (Schema.DEFINITION, "definitions of instruments (definition), not trades"),
        (Schema.BBO_1S, "records (bbo-1s), not trades"),
    ],
)
def test_a_file_of_another_schema_says_what_it_is(
    tmp_path: Path, schema: Schema, words: str
) -> None:
    path = tmp_path / "a.dbn"
    path.write_bytes(header(schema) + bytes(OHLCVMsg(RType.OHLCV_1M, 2, 1, NOON, 1, 1, 1, 1, 1)))
    (archive,) = find_archives(path).archives
    (batch,) = read_archive(archive, latest_ns=TIME_MAX_NS)
    (row,) = batch.rejected
    assert row.rejected.reason == "not_trades"
    assert row.rejected.detail.startswith(words)


def test_the_symbol_is_the_one_that_the_mapping_leads_to() -> None:
    assert mapped(maps(7, "ESH5", "ES.c.0")) == (7, "ESH5")
    assert mapped(maps(7, "7", "ACME")) == (7, "ACME")
