"""Reading ALERT_CALENDARS: what is expected of which symbols, from `.ics` and `.csv` files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tape.alerting.calendar_events import MOST_EVENTS, Calendars
from tape.errors import SettingsError
from tape.process.regular_file import read_file

MOST_BYTES: Final = 16 << 20


def read_calendars(paths: Iterable[Path], until_ns: int) -> Calendars:
    """Return the events of calendars.

    Days, and times without a zone, are New York's. A file that is none is refused, and so is a
    `.csv` with a row that cannot be read: a person wrote it. What cannot be used in an `.ics`,
    which comes from elsewhere, is in `unusable`.

    Args:
        paths: files named `.ics` or `.csv`.
        until_ns: ns since 1970; events that recur are followed up to there.

    Raises:
        SettingsError: names the file, and the line if there is one.
    """
    found = Calendars()
    for path in paths:
        try:
            content = read_file(path, MOST_BYTES)
        except OSError as error:
            raise SettingsError(
                f"ALERT_CALENDARS: cannot read {path} ({error.strerror})",
                "correct the path or remove it",
            ) from None
        if path.suffix.lower() == ".csv":
            from tape.alerting.csv_calendar import read_csv

            found.events += read_csv(path, content)
        elif path.suffix.lower() == ".ics":
            from tape.alerting.ics_calendar import read_ics

            read_ics(path, content, until_ns, found)
        else:
            raise SettingsError(
                f"ALERT_CALENDARS: {path} is neither .ics nor .csv", "rename or convert it"
            )
        if len(found.events) > MOST_EVENTS:
            raise SettingsError(
                f"ALERT_CALENDARS: with {path} there are more than {MOST_EVENTS:,} events",
                "leave out calendars, or events of past years",
            )
    return found
