"""A frame is judged as a file with the same rows is, and what is wrong with it is said."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tape
from tape.api.frames import given_of
from tape.errors import ArchiveError, SettingsError
from tests.made_files import NANOS
from tests.unit.api.tapes import CLASSIC, file_of, frame_of, odd_walk

ROWS = odd_walk()


def as_decimals(frame: pd.DataFrame) -> pd.DataFrame:
    decimals: list[Any] = [Decimal(row.price_nanos).scaleb(-9) for row in ROWS]
    return frame.assign(price=decimals)


def as_fixed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(price=[row.price_nanos for row in ROWS])


def as_numbered_times(frame: pd.DataFrame) -> pd.DataFrame:
    flat = frame.reset_index()
    for name in ("ts_event", "ts_recv"):
        flat[name] = flat[name].astype("int64")
    return flat


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "categories": lambda frame: frame.astype({"symbol": "category", "side": "category"}),
    "decimals": as_decimals,
    "1e-9 dollars": as_fixed,
    "numbers for times": as_numbered_times,
    "New York": lambda frame: frame.tz_convert("America/New_York"),
    "polars": lambda frame: pl.from_pandas(frame.reset_index()),
    "lazy polars": lambda frame: pl.from_pandas(frame.reset_index()).lazy(),
    "arrow": lambda frame: pa.Table.from_pandas(frame.reset_index()),
    "a dict": lambda frame: frame.reset_index().to_dict("list"),
    "a batch": lambda frame: pa.RecordBatch.from_pandas(frame.reset_index()),
}


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory) -> tape.Found:
    found = tape.detect(file_of(ROWS, tmp_path_factory.mktemp("day")), **CLASSIC)
    assert found.counts.flagged >= 2
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_frame_gives_the_messages_of_its_file(form: str, of_file: tape.Found) -> None:
    found = tape.detect(FORMS[form](frame_of(ROWS)), **CLASSIC)
    assert found.messages == of_file.messages
    assert found.episode_messages == of_file.episode_messages


def own_names(frame: pd.DataFrame) -> pd.DataFrame:
    flat = frame.reset_index()[["ts_event", "price", "size", "symbol"]]
    return flat.rename(
        columns={"ts_event": "Time", "price": "Px", "size": "Qty", "symbol": "Ticker"}
    )


NAMES = {"ts_event": "Time", "price": "Px", "size": "Qty", "symbol": "Ticker"}


def test_columns_of_other_names_are_found_by_a_mapping() -> None:
    found = tape.detect(own_names(frame_of(ROWS)), columns=NAMES, **CLASSIC)
    assert [one.trade.size for one in found][-1] == 60_000
    assert found.counts.judged == len(ROWS)


def test_without_a_mapping_the_error_has_one_to_be_copied() -> None:
    with pytest.raises(ArchiveError) as raised:
        tape.read(own_names(frame_of(ROWS)))
    assert "no column ts_event" in raised.value.cause
    copied = raised.value.remedy.removeprefix("it may be columns=")
    columns = eval(copied)  # noqa: S307 - that it can be copied is what is tested
    assert columns["ts_event"] == "Time"
    assert columns["symbol"] == "Ticker"


def test_a_mapping_the_wrong_way_round_is_noticed() -> None:
    with pytest.raises(SettingsError, match=r"other way round: \{'price': 'Px'\}"):
        given_of({"Px": "price"}, None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"prise": "Px"}, "nearest one is price"),
        ({"price": {"unit": "pence"}}, "price.unit is 'pence'"),
        ({"price": "Px", "time": {"zone": "UTC"}}, "some values are tables"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_said(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        given_of(columns, None)


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(ArchiveError, match="nearest one is 'Time'"):
        tape.read(own_names(frame_of(ROWS)), columns=NAMES | {"ts_event": "Times"})


def test_times_without_a_zone_are_refused_until_it_is_named(of_file: tape.Found) -> None:
    local = frame_of(ROWS).tz_localize(None).reset_index()
    local["ts_event"] = local["ts_event"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    local = local.drop(columns="ts_recv")
    with pytest.raises(ArchiveError, match="no time zone; name it: time_zone="):
        tape.read(local)
    found = tape.detect(local, time_zone="America/New_York", **CLASSIC)
    ids = [one.anomaly_id for one in found]
    assert ids == [one.anomaly_id for one in of_file]


def test_texts_without_a_zone_are_refused_too() -> None:
    texts = frame_of(ROWS).reset_index(drop=True)
    texts["ts_event"] = texts["ts_event"].dt.strftime("%Y-%m-%d %H:%M:%S.%f")
    with pytest.raises(ArchiveError, match="time_zone="):
        tape.detect(texts)


def test_whole_prices_need_a_unit_where_it_is_not_clear() -> None:
    cents = frame_of(ROWS).assign(price=[row.price_nanos * 100 // NANOS for row in ROWS])
    plain = cents[["ts_event", "price", "size", "symbol"]].reset_index(drop=True)
    with pytest.raises(ArchiveError, match="unit"):
        tape.detect(plain)
    found = tape.detect(plain, columns={"price": {"unit": "cents"}}, **CLASSIC)
    assert {one.trade.price_nanos // NANOS for one in found} <= {141, 142, 149, 148}


def test_whole_dollars_in_a_column_of_floats_are_dollars() -> None:
    frame = pd.DataFrame(
        {"ts_event": pd.date_range("2025-05-05", periods=9, freq="s", tz="UTC"), "symbol": "A"}
    ).assign(price=[100.0] * 8 + [110.0], size=5)
    found = tape.detect(frame, change_threshold=0.05)
    assert [one.trade.price_nanos for one in found] == [110 * NANOS]


def test_a_symbol_for_all_rows_can_be_said() -> None:
    frame = frame_of(ROWS).drop(columns="symbol")
    assert tape.read(frame, columns={"symbol": {"value": "NVDA"}}).symbols == ["NVDA"]


def test_what_is_rejected_is_counted_named_and_warned_of() -> None:
    frame = frame_of(ROWS)
    prices, sizes = frame["price"].to_list(), frame["size"].to_list()
    prices[7], sizes[11] = None, -5
    frame = frame.assign(price=prices, size=sizes)
    day = tape.read(frame)
    with pytest.warns(tape.TapeWarning, match="first: row 7: `price` is empty") as warned:
        found = tape.detect(day, **CLASSIC)
    assert warned[0].filename == __file__
    counts = found.counts
    assert len(day) == counts.judged + counts.duplicates + counts.rejected
    assert counts.rejected == 2
    assert [row.source for row in found.rejected] == ["row 7", "row 11"]


def test_equal_trades_of_one_frame_are_all_judged_and_fed_again_are_duplicates() -> None:
    frame = frame_of(ROWS)
    twice = pd.concat([frame[:5], frame[4:5], frame[5:]])
    counts = tape.detect(twice).counts
    assert (counts.judged, counts.duplicates) == (len(ROWS) + 1, 0)
    detector = tape.Detector()
    detector.feed(frame)
    counts = detector.feed(frame).counts
    assert (counts.judged, counts.duplicates) == (0, len(ROWS))


@pytest.mark.parametrize(
    "odd",
    [
        pd.DataFrame([[1, 2]], columns=["price", "price"]),
        pd.DataFrame({"price": [1, "one"]}),
        pd.DataFrame({"price": [1]}, index=pd.Index(["a"], name="price")),
    ],
    ids=["names twice", "kinds mixed", "index and column alike"],
)
def test_a_frame_that_is_no_table_is_refused_in_a_sentence(odd: pd.DataFrame) -> None:
    with pytest.raises(ArchiveError, match="the frame cannot be read"):
        tape.read(odd)


def test_what_is_neither_path_nor_frame_is_refused() -> None:
    with pytest.raises(SettingsError, match="int is neither a path nor a frame"):
        tape.read(7)


def test_nothing_of_a_frame_is_left_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    day = tape.read(frame_of(ROWS))
    assert len(list(tmp_path.iterdir())) == 1
    del day
    assert not list(tmp_path.iterdir())
