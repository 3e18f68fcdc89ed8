"""The trades around one anomaly of a tape, found by its id or by how that begins."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tape.desk.plots.anomaly import AROUND, ShownTrade, close_up_figure, shown_trades
from tape.desk.plots.saving import save_figure
from tape.errors import SettingsError
from tape.model.anomaly import IDENTITY, NO_NUMBER
from tape.model.fields import iso_time
from tape.model.short_ids import BEGINNING, may_begin, several
from tape.process.whole_file import OutputFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMED: Final = 5
"""Ids that are listed where more than one begins as wanted."""
TIME_DIGITS: Final = 19
"""Digits of a time in nanoseconds, since 2001-09-09."""


@dataclass(slots=True)
class _Around:
    """Trades of a symbol around an anomaly, which is in its place among them."""

    shown: list[ShownTrade]
    place: int

    @property
    def is_complete(self) -> bool:
        return len(self.shown) > self.place + AROUND


class CloseUp:
    """Waits for one anomaly on a tape, and keeps the trades of its symbol around it.

    `wanted` is its id, or how no other one begins. Raises `SettingsError` if it can be neither.
    """

    def __init__(self, wanted: str) -> None:
        if not may_begin(wanted):
            raise SettingsError(
                f"--anomaly {wanted!r} is not the id of an anomaly, nor long enough to begin one",
                "take it from the list of `tape replay`, or an anomaly_id (such as "
                "NVDA-2-1751961600171836530-7) from a file of --output; symbol, publisher and the "
                "first digits of the time are the least",
            )
        self._wanted = wanted
        whole = IDENTITY.fullmatch(wanted)
        beginning = whole or BEGINNING.fullmatch(wanted.rstrip("-"))
        digits = "" if beginning is None else beginning["ns"]
        self._ns = int(digits) if whole else int(digits.ljust(TIME_DIGITS, "0"))
        self._key = whole and (iso_time(self._ns), whole["publisher"], whole["sequence"])
        self._before: dict[str, deque[ShownTrade]] = {}
        self._found: _Around | None = None
        self._ids: list[str] = []
        self._matches = 0
        self._is_whole = False
        self._seen = False
        self._flagged = 0
        self._nearest = (0, "")

    def add(self, values: Sequence[bytes], flagged: list[bytes]) -> None:
        """Take up trades and what is flagged of them, both as messages in the tape's order."""
        if self.is_complete:
            return
        for one in shown_trades(values, flagged):
            if self._wanted.startswith(f"{one.trade.symbol}-"):
                self._take(one)

    def _take(self, one: ShownTrade) -> None:
        trade, found = one.trade, self._found
        before = self._before.setdefault(trade.symbol, deque(maxlen=AROUND))
        is_its_own = found is not None and found.shown[found.place].trade.symbol == trade.symbol
        if found is not None and is_its_own and not found.is_complete:
            found.shown.append(one)
        if one.anomaly is not None:
            self._judge(one, one.anomaly.anomaly_id, before)
        sequence = NO_NUMBER if trade.sequence is None else str(trade.sequence)
        self._seen |= (trade.ts_event, str(trade.publisher_id), sequence) == self._key
        before.append(one)

    def _judge(self, one: ShownTrade, identity: str, before: deque[ShownTrade]) -> None:
        """Take up an anomaly that may be the wanted one."""
        self._flagged += 1
        apart_ns = abs(_ns(identity) - self._ns)
        if not self._nearest[1] or apart_ns < self._nearest[0]:
            self._nearest = (apart_ns, identity)
        if self._is_whole or not identity.startswith(self._wanted):
            return
        self._is_whole = identity == self._wanted
        self._matches += 1
        if len(self._ids) < NAMED:
            self._ids.append(identity)
        if self._is_whole or self._found is None:
            self._found = _Around([*before, one], len(before))

    def save(self, output: OutputFile) -> None:
        """Draw what was collected; the file appears whole or not at all.

        Raises `SettingsError` if there was no such anomaly, with what there was.
        """
        save_figure(self.figure(), output)

    @property
    def is_complete(self) -> bool:
        """Return whether nothing that follows on the tape would be shown."""
        return self._is_whole and self._found is not None and self._found.is_complete

    def figure(self) -> "Figure":
        """Return the picture of what was collected.

        Raises `SettingsError` if there was no such anomaly, or more than one, with what there was.
        """
        if self._found is None:
            raise self._why_not()
        if self._matches > 1 and not self._is_whole:
            told = several(self._wanted, self._ids, self._matches)
            raise SettingsError(f"--anomaly: {told}", "write more of the id")
        return close_up_figure(self._found.shown, self._found.place)

    def _why_not(self) -> SettingsError:
        here = "no id of an anomaly in these files begins so"
        if self._key:
            here = "there is no such trade in these files"
            if self._seen:
                here = "the trade is in these files but not flagged with these settings"
        here = f"--anomaly {self._wanted}: {here}"
        symbol = self._wanted.rsplit("-", 3 if self._key else 2)[0]
        if not self._flagged:
            return SettingsError(
                f"{here}, and of {symbol} none is flagged at all", "see `tape replay --output`"
            )
        are = "is" if self._flagged == 1 else "are"
        return SettingsError(
            f"{here}; {self._flagged:,} of {_symbol(self._nearest[1])} {are} flagged",
            f"the nearest in time is {self._nearest[1]}",
        )


def _ns(identity: str) -> int:
    return int(_parts(identity)["ns"])


def _symbol(identity: str) -> str:
    return _parts(identity)["symbol"]


def _parts(identity: str) -> re.Match[str]:
    match = IDENTITY.fullmatch(identity)
    assert match is not None  # noqa: S101 - the judge has made it
    return match
