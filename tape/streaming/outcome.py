"""What came of a run of the producer: counts that balance, and what was not sent, and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tape.archives import Discovery
from tape.archives.outcome import FORM_REASONS, ROW_REASONS
from tape.process.terminal_text import printable
from tape.streaming.positions import Position

OTHER_FORM: Final = (
    "files of another form are read by a tapewatch.toml beside them, which `tape inspect FILE "
    "--suggest-columns` writes; then `tape producer forget` them"
)


@dataclass(slots=True)
class Outcome:
    """The run's own counts, and what of the folder is not on the input topic.

    Attributes:
        trades, skipped: rows that this run sent, or skipped as no trade that was wanted.
        rejected: rows and files that this run rejected, by reason.
        rows: rows that this run read; the sum of these three, but for files rejected as a whole.
        missing: by reason, what this run and earlier ones rejected of the folder's files.
        first: file, line and reason of the first of `missing`.
        damaged: names of files that ended before their end.
        unsent: names of files that were not sent, or not all that is wanted of them, and why.
        paths_skipped: paths beside them that were not read and may hold trades, and why.
    """

    rows: int = 0
    trades: int = 0
    skipped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    first: str = ""
    damaged: list[str] = field(default_factory=list)
    unsent: dict[str, str] = field(default_factory=dict)
    paths_skipped: list[tuple[str, str]] = field(default_factory=list)
    _before: dict[str, Position] = field(default_factory=dict)

    def begin(self, files: Mapping[str, Position]) -> None:
        """Note what was sent before this run."""
        self._before = dict(files)

    def count(self, files: Mapping[str, Position]) -> None:
        """Count what this run has committed: the difference between positions now and before."""
        none = Position()
        pairs = [(now, self._before.get(name, none)) for name, now in files.items()]
        self.rows = sum(now.rows - old.rows for now, old in pairs)
        self.trades = sum(now.trades - old.trades for now, old in pairs)
        self.skipped = sum(now.skipped - old.skipped for now, old in pairs)
        self.rejected = Counter()
        for now, old in pairs:
            self.rejected += _all(now) - _all(old)

    def not_sent(self, name: str, why: str) -> None:
        """Note a file that was not sent."""
        self.unsent[name] = why

    def add_files(self, found: Discovery, files: Mapping[str, Position]) -> None:
        """Note what of a folder's files is not on the topic, by this run or by earlier ones."""
        self.count(files)
        self.paths_skipped = [
            (str(one.path), one.reason + (f"; {one.remedy}" if one.remedy else ""))
            for one in found.skipped
            if one.may_hold_trades
        ]
        for archive in found.archives:
            position = files.get(archive.sha256)
            if position is None:
                continue
            self.missing += _all(position)
            self.first = self.first or position.first_rejected
            if position.state == "damaged":
                self.damaged.append(archive.path.name)

    def sentence(self) -> str | None:
        """Return what was not sent, with count, reason and first example, or None if all was."""
        found = []
        if self.missing:
            reasons = ", ".join(f"{name} {n:,}" for name, n in self.missing.most_common())
            first = f", the first {self.first}" if self.first else ""
            found.append(f"{_many(self.missing.total(), 'record')} rejected ({reasons}{first})")
        if self.damaged:
            files = _many(len(self.damaged), "file")
            found.append(f"{files} not read to the end ({_some(self.damaged)})")
        for name, why in list(self.unsent.items())[:3]:
            found.append(f"{name} was not sent ({why})")
        if len(self.unsent) > 3:
            found.append(f"{len(self.unsent) - 3:,} more files were not sent")
        if self.paths_skipped:
            path, why = self.paths_skipped[0]
            many = _many(len(self.paths_skipped), "path")
            found.append(f"{many} skipped that may hold trades (the first {path}: {why})")
        if not found:
            return None
        form = f"; {OTHER_FORM}" if self.missing.keys() & (FORM_REASONS | ROW_REASONS) else ""
        return printable(
            f"not everything was sent: {'; '.join(found)}; see `tape rejected list` and "
            f"`tape producer status`{form}"
        )

    def facts(self) -> dict[str, object]:
        """Return it as fields of a log line."""
        return {
            "rows": self.rows,
            "trades": self.trades,
            "skipped": self.skipped,
            "rejected": dict(self.rejected),
            "missing": dict(self.missing),
            "first_rejected": printable(self.first),
            "damaged": [printable(name) for name in self.damaged],
            "not_sent": {printable(name): printable(why) for name, why in self.unsent.items()},
            "paths_skipped": [[printable(p), printable(why)] for p, why in self.paths_skipped],
        }


def _all(position: Position) -> Counter[str]:
    return Counter(position.rejected) + Counter(position.faults)


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
