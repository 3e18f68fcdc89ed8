"""Times by hand: New York is at UTC-4 from March to November, else at UTC-5."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tape.alerting.calendar_events import Calendars
from tape.alerting.calendar_files import read_calendars
from tape.alerting.expected import Event, Expected
from tape.errors import SettingsError
from tape.model.fields import NANOS

pytest.importorskip("icalendar")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NANOS


UNTIL = ns("2026-01-01")


def read(folder: Path, name: str, text: str) -> Calendars:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return read_calendars([path], UNTIL)


def ics(folder: Path, *events: str, zone: str = "") -> Calendars:
    parts = []
    for number, one in enumerate(events):
        own = "" if one.startswith("UID:") else f"UID:u{number}\n"
        parts.append(f"BEGIN:VEVENT\n{own}{one}\nEND:VEVENT")
    zone = f"X-WR-TIMEZONE:{zone}\n" if zone else ""
    body = "\n".join(parts)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{zone}{body}\nEND:VCALENDAR\n"
    return read(folder, "c.ics", text.replace("\n", "\r\n"))


def spans(found: Calendars) -> list[tuple[str, str]]:
    return [
        tuple(  # type: ignore[misc]
            datetime.fromtimestamp(at // NANOS, UTC).strftime("%Y-%m-%dT%H:%M")
            for at in (one.start_ns, one.end_ns)
        )
        for one in sorted(found.events)
    ]


def test_a_csv_has_days_and_times_of_new_york(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "c.csv",
        "start,end,symbols,name\n"
        "2025-05-28,,NVDA,NVDA earnings\n"
        "2025-01-06,2025-01-07,AAPL MSFT,two days\n"
        "2025-05-28T16:00,2025-05-28T17:30,*,call\n"
        "2025-05-28T16:00Z,2025-05-28T17:00+00:00,*,in UTC\n"
        "2025-05-28T15:00,,*,until midnight\n",
    )
    assert {(one.name, one.symbols) for one in found.events} == {
        ("NVDA earnings", ("NVDA",)),
        ("two days", ("AAPL", "MSFT")),
        ("call", ()),
        ("in UTC", ()),
        ("until midnight", ()),
    }
    assert spans(found) == [
        ("2025-01-06T05:00", "2025-01-08T05:00"),
        ("2025-05-28T04:00", "2025-05-29T04:00"),
        ("2025-05-28T16:00", "2025-05-28T17:00"),
        ("2025-05-28T19:00", "2025-05-29T04:00"),
        ("2025-05-28T20:00", "2025-05-28T21:30"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("start,end,name\n", "line 1 has no column symbols"),
        ("", "line 1 has no column start"),
        ("start,end,symbols,name\n2025-13-01,,A,x\n", "line 2 has '2025-13-01'"),
        ("start,end,symbols,name\n2025-05-28,,,x\n", "line 2 names no symbol (all is *)"),
        ("start,end,symbols,name\n2025-05-28,2025-05-27,A,x\n", "line 2 ends when it begins"),
        ("start,end,symbols,name\n2025-05-28,2025-07-28,A,x\n", "line 2 lasts longer than 32"),
        ("start,end,symbols,name\n1925-05-28,,A,x\n", "line 2 is not of this century"),
        ("start,end,symbols,name\n2025-05-28,,A,x,y\n", "line 2 has more cells"),
        ('start,end,symbols,name\n"2025', "is no CSV"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_line(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(SettingsError) as found:
        read(tmp_path, "c.csv", text)
    assert words in str(found.value)
    assert str(tmp_path / "c.csv") in str(found.value)


def test_an_all_day_event_is_a_day_of_new_york(tmp_path: Path) -> None:
    found = ics(
        tmp_path,
        "DTSTART;VALUE=DATE:20250528\nSUMMARY:NVDA: earnings",
        "DTSTART;VALUE=DATE:20250106\nDTEND;VALUE=DATE:20250108\nSUMMARY:Apple (AAPL)",
        zone="Asia/Tokyo",
    )
    assert spans(found) == [
        ("2025-01-06T05:00", "2025-01-08T05:00"),
        ("2025-05-28T04:00", "2025-05-29T04:00"),
    ]
    assert {one.symbols for one in found.events} == {("NVDA",), ("AAPL",)}


def test_times_have_their_own_zone_the_calendars_or_new_yorks(tmp_path: Path) -> None:
    one = "DTSTART:20250528T160000\nDTEND:20250528T170000\nSUMMARY:*: x"
    berlin = one.replace("DTSTART", "DTSTART;TZID=Europe/Berlin").replace(
        "DTEND", "DTEND;TZID=Europe/Berlin"
    )
    utc = "DTSTART:20250528T160000Z\nDURATION:PT90M\nSUMMARY:*: x"
    assert spans(ics(tmp_path, one)) == [("2025-05-28T20:00", "2025-05-28T21:00")]
    assert spans(ics(tmp_path, one, zone="Asia/Tokyo")) == [
        ("2025-05-28T07:00", "2025-05-28T08:00")
    ]
    assert spans(ics(tmp_path, berlin)) == [("2025-05-28T14:00", "2025-05-28T15:00")]
    assert spans(ics(tmp_path, utc)) == [("2025-05-28T16:00", "2025-05-28T17:30")]


def test_a_weekly_event_keeps_its_clock_through_the_change_of_time(tmp_path: Path) -> None:
    found = ics(
        tmp_path,
        "DTSTART;TZID=America/New_York:20250304T160000\nDURATION:PT1H\n"
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=America/New_York:20250318T160000\nSUMMARY:*: x",
    )
    assert [start for start, _ in spans(found)] == [
        "2025-03-04T21:00",
        "2025-03-11T20:00",
        "2025-03-25T20:00",
    ]


def test_the_third_friday_is_found_until_a_time_of_another_form(tmp_path: Path) -> None:
    found = ics(
        tmp_path,
        "DTSTART;VALUE=DATE:20250117\nRRULE:FREQ=MONTHLY;BYDAY=3FR;UNTIL=20250501T000000Z\n"
        "SUMMARY:*: options expiry",
    )
    days = ["2025-01-17T05", "2025-02-21T05", "2025-03-21T04", "2025-04-18T04"]
    assert [start[:13] for start, _ in spans(found)] == days


def test_an_event_without_end_is_followed_as_far_as_asked(tmp_path: Path) -> None:
    found = ics(tmp_path, "DTSTART;VALUE=DATE:20251201\nRRULE:FREQ=DAILY\nSUMMARY:*: x")
    assert len(found.events) == 31


def test_one_repetition_that_was_moved_happens_once(tmp_path: Path) -> None:
    found = ics(
        tmp_path,
        "UID:a\nDTSTART:20250505T140000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\nSUMMARY:*: x",
        "UID:a\nRECURRENCE-ID:20250506T140000Z\nDTSTART:20250506T180000Z\nDURATION:PT1H\n"
        "SUMMARY:*: x",
    )
    starts = ["2025-05-05T14:00", "2025-05-06T18:00", "2025-05-07T14:00"]
    assert [start for start, _ in spans(found)] == starts


def test_events_that_cannot_be_used_are_named_and_the_rest_counts(tmp_path: Path) -> None:
    found = ics(
        tmp_path,
        "DTSTART;VALUE=DATE:20250528\nSUMMARY:NVDA: earnings",
        "DTSTART;VALUE=DATE:20250528\nSUMMARY:FOMC meeting",
        "SUMMARY:*: nothing",
        "DTSTART:20250528T140000Z\nSUMMARY:*: no end",
        "DTSTART:20250528T140000Z\nDTEND:20250528T130000Z\nSUMMARY:*: backwards",
        "DTSTART;VALUE=DATE:20250528\nDTEND;VALUE=DATE:20260528\nSUMMARY:*: long",
        "DTSTART:20250528T140000Z\nDURATION:PT1M\nRRULE:FREQ=SECONDLY\nSUMMARY:*: often",
        "DTSTART:20250528T140000Z\nDURATION:PT1M\nSTATUS:CANCELLED\nSUMMARY:*: off",
        "DTSTART;VALUE=DATE:20250528\nX-SYMBOLS:AAPL,MSFT\nSUMMARY:index change",
        "DTSTART:2025\nSUMMARY:*: damaged",
        "RECURRENCE-ID:2025\nDTSTART;VALUE=DATE:20250528\nSUMMARY:*: moved",
    )
    assert [one.symbols for one in found.events] == [("NVDA",), ("AAPL", "MSFT")]
    told = "\n".join(found.unusable)
    for words in (
        "'FOMC meeting' names no symbol",
        "'*: nothing' has no start",
        "'*: no end' has no end",
        "'*: backwards' ends when it begins, or before",
        "'*: long' lasts longer than 32 days",
        "'*: often' recurs more than once a day",
    ):
        assert words in told
    assert len(found.unusable) == 8


@pytest.mark.parametrize("text", ["", "hello", "BEGIN:VCALENDAR", "BEGIN:VEVENT\nEND:VTODO"])
def test_what_is_no_calendar_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="is no iCalendar"):
        read(tmp_path, "c.ics", text)


def test_another_kind_of_file_and_none_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"neither \.ics nor \.csv"):
        read(tmp_path, "c.xlsx", "")
    with pytest.raises(SettingsError, match="cannot read"):
        read_calendars([tmp_path / "none.ics"], UNTIL)


def test_an_event_is_expected_of_its_symbols_from_its_start_to_its_end() -> None:
    own, whole = Event(10, 20, "own", ("A",)), Event(15, 30, "whole")
    expected = Expected([whole, own])
    found = [expected.at("A", at) for at in (9, 10, 19, 20, 29, 30)]
    assert found == [None, own, own, whole, whole, None]
    assert expected.at("B", 10) is None
