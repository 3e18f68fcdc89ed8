"""The sentence for a replay that judged nothing: what is there instead of what was asked for."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from tape.archives import read_columns
from tape.errors import ArchiveError
from tape.judging.replay import END_NS, Part, Replay
from tape.model.fields import TIME_MAX_NS, iso_time
from tape.settings.symbol_lists import symbols_word

LISTED: Final = 12
"""Symbols or days that a sentence names."""
ROWS_MOST: Final = 5_000_000
"""Rows that are read once more for the names of symbols."""
EPOCH: Final = date(1970, 1, 1)
"""Day 0 of days counted since 1970."""


class NothingJudgedError(ArchiveError):
    """Not one trade was judged, so no file is written."""


def nothing_judged(run: Replay) -> NothingJudgedError:
    """Return why nothing was judged; a filter is answered with what the files hold."""
    part = run.part
    if run.days:
        days = listed(str(EPOCH + timedelta(days=day)) for day in sorted(run.days))
        of = f" of {', '.join(sorted(part.symbols))}" if part.symbols else ""
        return NothingJudgedError(
            f"nothing is shown, and nothing is written: no trade{of} {_between(part)}",
            f"choose from the days that these files hold: {days} (UTC)",
        )
    if part.symbols:
        names, whole = _symbols(run)
        if names:
            among = "" if whole else ", among others"
            return NothingJudgedError(
                "nothing was judged, and nothing is written: none of --symbols "
                f"{symbols_word(sorted(part.symbols))} is in these files",
                f"choose from those that are: {listed(names)}{among}",
            )
    files = listed(str(archive.path) for archive in run.archives)
    error = run.outcome.nothing_read(files)
    return NothingJudgedError(error.cause, error.remedy)


def listed(names: Iterable[str]) -> str:
    """Return the first of the names, and how many there are more.

    >>> listed(["NVDA", "AAPL"])
    'NVDA, AAPL'
    """
    every = list(names)
    more = f" and {len(every) - LISTED:,} more" if len(every) > LISTED else ""
    return ", ".join(every[:LISTED]) + more


def _between(part: Part) -> str:
    """Return the times of --from and --to in words."""
    words = [f"from {iso_time(part.from_ns)[:19]} on"] if part.from_ns else []
    words += [f"before {iso_time(part.to_ns)[:19]}"] if part.to_ns < END_NS else []
    return " ".join(words)


def _symbols(run: Replay) -> tuple[list[str], bool]:
    """Return the symbols that the files hold, and whether all rows were looked at."""
    names: dict[str, None] = {}
    rows = 0
    for archive in run.archives:
        before = rows
        for batch in read_columns(archive, latest_ns=TIME_MAX_NS):
            rows = before + batch.rows
            names.update(dict.fromkeys(name.decode() for name in batch.names))
            if rows >= ROWS_MOST:
                return list(names), False
    return list(names), True
