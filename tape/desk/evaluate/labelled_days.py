"""Days with something labelled in them: synthetic, given, or with anomalies put into copies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from tape.archives import find_archives
from tape.archives.discovery import Archive
from tape.archives.outcome import Outcome
from tape.desk.evaluate.labels import Label, labels_beside, read_labels
from tape.errors import ArchiveError
from tape.market.auctions import AUCTION_SHARES
from tape.market.trading_days import next_trading_day
from tape.synthetic import inject, load_day, make_day, write_day

MADE_UP_DAYS: Final = 3
MADE_UP_TRADES: Final = 60_000
"""Synthetic days that are judged where no file is given, and trades of each."""
FIRST_DAY: Final = date(2025, 3, 3)
"""A Monday, from which on the synthetic days count; any trading day would do."""

Outcomes = dict[str, Outcome]
"""What could not be read of files, by their hashes: a file may be in several tasks."""


def made_up_days(folder: Path, seed: int) -> list[Archive]:
    """Write synthetic days without anomalies into `folder` and return them."""
    day, archives = FIRST_DAY, []
    for nth in range(MADE_UP_DAYS):
        made = make_day(seed, trades=MADE_UP_TRADES, day=day, anomalies=0)
        archives += find_archives(write_day(made, folder / f"synthetic-{nth}")).archives
        day = next_trading_day(day)
    return archives


def injected(
    archives: Sequence[Archive], folder: Path, *, seed: int, anomalies: int
) -> tuple[list[Archive], list[Path], Outcomes]:
    """Write copies of days with anomalies into `folder`; return them and their label files.

    The third is what could not be read of the originals. Raises `ArchiveError` if none can.
    """
    outcomes: Outcomes = {}
    copies, labels = [], []
    for nth, archive in enumerate(archives):
        made, outcome = load_day(archive)
        outcomes[archive.sha256] = outcome
        if not len(made.symbol):
            continue
        done = inject(made, seed=seed + nth, anomalies=anomalies)
        if not done.labels:
            raise ArchiveError(
                f"no anomaly fits into {archive.path} ({len(made.symbol):,} trades; prints of "
                f"{AUCTION_SHARES:,} shares and more are left alone)",
                "name another day, or give --labels",
            )
        name = archive.path.name.split(".")[0]
        path = write_day(done, folder / f"injected-{nth}", name)
        copies += find_archives(path).archives
        labels.append(path.with_name(f"{name}.labels.csv"))
    if not copies:
        raise next(iter(outcomes.values())).nothing_read(str(archives[0].path))
    return copies, labels, outcomes


@dataclass(slots=True)
class LabelledDays:
    """The days to be judged, and what is labelled in them.

    Attributes:
        outcomes: what could not be read of days that copies were made of.
        anomalies: how many were to be put into each, None where labels were given.
        notes: what a reader should know of where the labels come from.
    """

    archives: list[Archive]
    labels: list[Label] = field(default_factory=list)
    outcomes: Outcomes = field(default_factory=dict)
    anomalies: int | None = None
    notes: list[str] = field(default_factory=list)

    def take_beside(self) -> bool:
        """Take the labels that lie beside days; return whether there were any.

        Days without labels then are not judged, and calibrate the others only.
        """
        files = {archive.sha256: labels_beside(archive.path) for archive in self.archives}
        own = [archive for archive in self.archives if files[archive.sha256] is not None]
        for archive in own:
            path = files[archive.sha256]
            assert path is not None  # noqa: S101 - for mypy
            self.labels += read_labels(path)
            self.notes.append(
                f"{archive.path.name} is judged with the labels beside it, {path.name}; "
                "--anomalies puts others into a copy"
            )
        if own and len(own) < len(self.archives):
            rest = [archive.path.name for archive in self.archives if archive not in own]
            self.notes.append(f"without labels beside them, not judged: {', '.join(rest)}")
            self.archives = own
        return bool(own)

    def inject(self, folder: Path, seed: int, anomalies: int) -> None:
        """Put anomalies into copies of the days."""
        self.anomalies = anomalies
        self.archives, files, self.outcomes = injected(
            self.archives, folder, seed=seed, anomalies=anomalies
        )
        self.labels = [line for path in files for line in read_labels(path)]
