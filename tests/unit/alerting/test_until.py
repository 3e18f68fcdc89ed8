"""Ends of mutes, from Monday 2025-05-05, 10:00 in New York (14:00 UTC) on."""

from datetime import UTC, datetime

import pytest

from tape.alerting.until import until_ns
from tape.errors import SettingsError
from tape.model.fields import NANOS
from tests.alert_states import TEN


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("16:00", "2025-05-05T20:00"),
        ("10:00", "2025-05-06T14:00"),
        ("9:30", "2025-05-06T13:30"),
        ("90m", "2025-05-05T15:30"),
        ("2h", "2025-05-05T16:00"),
        ("3d", "2025-05-08T14:00"),
        ("2025-05-05", "2025-05-06T04:00"),
        ("2025-11-03", "2025-11-04T05:00"),
        ("2025-05-06T16:00", "2025-05-06T20:00"),
        ("2025-05-06T16:00Z", "2025-05-06T16:00"),
        ("2025-05-06T16:00+02:00", "2025-05-06T14:00"),
    ],
)
def test_an_end_is_new_yorks_unless_it_says_otherwise(text: str, end: str) -> None:
    assert datetime.fromtimestamp(until_ns(text, TEN) // NANOS, UTC) == datetime.fromisoformat(
        end + "+00:00"
    )


@pytest.mark.parametrize(
    "text", ["", "soon", "24:00", "9:5", "0m", "2025-05-04", "2025-02-30", "9999d", "400d", "-2h"]
)
def test_what_is_no_end_is_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="--until"):
        until_ns(text, TEN)
