"""Pictures of the anomalies that deserve most to be looked at, found in one pass over a tape."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tape.desk.plots.anomaly import AROUND, ShownTrade, save_close_up
from tape.market.test_issues import is_test_issue
from tape.model.anomaly import Anomaly
from tape.process.whole_file import OutputFile

NAME_MAX: Final = 100
"""Characters of a picture's name."""

Rank = tuple[bool, float, float, int]
"""No test issue, rank by reviews where there is one, priority, and of equals the earlier."""


@dataclass(slots=True)
class _Candidate:
    rank: Rank
    anomaly: Anomaly
    shown: list[ShownTrade]
    place: int
    wanted: int = field(init=False)

    def __post_init__(self) -> None:
        self.wanted = self.place + 1 + AROUND


class TopAnomalies:
    """Keeps the anomalies of the highest priority with the trades around them, one per episode.

    Where reviews rank them they come in that order, and suppressed ones only where they are asked
    for, as in the lists. Memory grows with the symbols and with how many are wanted, not with the
    tape.
    """

    def __init__(self, most: int, *, of_suppressed: bool = False) -> None:
        self._most, self._of_suppressed = most, of_suppressed
        self._before: dict[str, deque[ShownTrade]] = {}
        self._kept: dict[str, _Candidate] = {}
        self._open: dict[str, list[_Candidate]] = {}
        self._seen = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._kept)

    def add(self, trades: Iterable[ShownTrade]) -> None:
        """Take up trades in the tape's order."""
        for one in trades:
            symbol = one.trade.symbol
            waiting = self._open.get(symbol)
            if waiting:
                for candidate in waiting:
                    candidate.shown.append(one)
                waiting[:] = [c for c in waiting if len(c.shown) < c.wanted and self._keeps(c)]
            before = self._before.get(symbol)
            if before is None:
                before = self._before[symbol] = deque(maxlen=AROUND)
            if one.anomaly is not None and one.anomaly.suppressed == self._of_suppressed:
                self._offer(one, one.anomaly, before)
            before.append(one)

    def _keeps(self, candidate: _Candidate) -> bool:
        return self._kept.get(candidate.anomaly.episode_id) is candidate

    def _offer(self, one: ShownTrade, anomaly: Anomaly, before: deque[ShownTrade]) -> None:
        self._seen += 1
        is_real = not is_test_issue(one.trade.symbol)
        rank = (is_real, anomaly.rank or 0.0, anomaly.priority or 0.0, -self._seen)
        other = self._kept.get(anomaly.episode_id)
        if other is not None and other.rank >= rank:
            return
        if other is None and len(self._kept) >= self._most:
            least = min(self._kept, key=lambda name: self._kept[name].rank)
            if self._kept[least].rank >= rank:
                return
            del self._kept[least]
        candidate = _Candidate(rank, anomaly, [*before, one], len(before))
        self._kept[anomaly.episode_id] = candidate
        self._open.setdefault(one.trade.symbol, []).append(candidate)

    def pictures(self) -> list[tuple[str, Anomaly]]:
        """Return the names of the pictures, and what they show, the highest priority first."""
        digits = len(str(self._most))
        return [
            (f"{nth:0{digits}d}-{_as_name(one.anomaly.anomaly_id)}.png", one.anomaly)
            for nth, one in enumerate(self._ranked(), 1)
        ]

    def save(self, outputs: list[OutputFile]) -> None:
        """Draw each into its file, in the order of `pictures`."""
        for one, output in zip(self._ranked(), outputs, strict=True):
            save_close_up(one.shown, one.place, output)

    def _ranked(self) -> list[_Candidate]:
        return sorted(self._kept.values(), key=lambda one: one.rank, reverse=True)


def top_outputs(
    folder: Path, top: TopAnomalies, *, inputs: list[Path], force: bool
) -> list[OutputFile]:
    """Return the files of the pictures, each checked: it can be written and replaces nothing."""
    files = [OutputFile(folder / name, inputs=inputs, force=force) for name, _ in top.pictures()]
    for file in files:
        file.check()
    return files


def _as_name(identity: str) -> str:
    """Return an id as part of a file's name: letters, digits, hyphens and full stops.

    >>> _as_name("BRK/B-2-1751961600171836530-7")
    'BRK_B-2-1751961600171836530-7'
    """
    return re.sub(r"[^A-Za-z0-9.-]", "_", identity)[:NAME_MAX]
