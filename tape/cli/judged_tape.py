"""A tape through a judge that tells all of every trade: what `tape score` and `tape bars` share."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tape.archives import find_archives
from tape.archives.given import Given
from tape.cli.given import with_given
from tape.cli.notes import say_idle_model, say_missing, say_order, say_skipped, say_unused
from tape.cli.nothing import NothingJudgedError
from tape.cli.output import notes_console, print_json, say_outcome, wants_json
from tape.desk.clean_tape.scored import Scoring
from tape.judging.judge import Judge
from tape.judging.replay import Part, Replay
from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.process.terminal_text import cell
from tape.settings.detector import DetectorSettings


@dataclass(frozen=True, slots=True)
class JudgedTape:
    """A run before it begins."""

    run: Replay
    counts: Counts
    settings: DetectorSettings

    @classmethod
    def of(cls, paths: list[Path], given: Given, part: Part, settings: DetectorSettings) -> Self:
        """Find the files, and prepare the judge that PROFILE asks for."""
        discovered = find_archives(paths, others=settings.files)
        counts = Counts()
        judge = Judge(settings.parameters(), settings.max_symbols, counts, tells_each=True)
        run = Replay(with_given(discovered.archives, given), judge, part)
        run.outcome.skipped += discovered.skipped
        return cls(run, counts, settings)

    def through(
        self,
        scoring: Scoring,
        work: Callable[[], None],
        more: Callable[[], dict[str, Any]],
        output: Path,
        *,
        as_json: bool,
    ) -> int:
        """Do the work, say what came of it, and return the exit code.

        `more` returns what stands in the summary of this command alone.
        """
        start_s, nothing = time.perf_counter(), None
        try:
            work()
        except NothingJudgedError as error:
            nothing = error
        elapsed_s = time.perf_counter() - start_s
        own = more()
        if wants_json(as_json):
            print_json(self._summary(scoring, own, elapsed_s))
        self._say(scoring, own, elapsed_s)
        say_order(self.counts)
        say_skipped(self.run)
        say_outcome(self.run.outcome, remedy=nothing is None)
        if nothing is not None:
            raise nothing
        say_missing(self.run)
        if not self.run.part.symbols and self.run.part.limit is None:
            judge = self.run.judge
            say_unused(judge.parameters.overrides, judge.symbols.names)
        say_idle_model(self.settings.model, self.run)
        self._say_empty_columns()
        _say_unjudged(scoring)
        notes_console().print(f"written: {cell(str(output))}")
        return self.run.outcome.exit_code

    def _summary(self, scoring: Scoring, own: dict[str, Any], elapsed_s: float) -> dict[str, Any]:
        run, counts = self.run, self.counts
        return {
            "rows": run.rows,
            "rows_skipped": run.skipped,
            "trades": run.trades,
            "records": counts.records + run.unread,
            "judged": counts.trades,
            "elapsed_s": round(elapsed_s, 3),
            "trades_per_s": round(counts.trades / max(elapsed_s, 1e-9)),
            "flagged": scoring.flagged,
            "by_rule": scoring.by_rule,
            "scored": scoring.made,
            **({} if scoring.unjudged is None else {"unjudged": scoring.unjudged}),
            **own,
            "duplicates": counts.duplicate,
            "late": counts.late,
            "late_max_s": counts.late_max_ns / NANOS,
            **run.outcome.as_json(),
        }

    def _say(self, scoring: Scoring, own: dict[str, Any], elapsed_s: float) -> None:
        counts = self.counts
        figures = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in own.items())
        notes_console().print(
            f"{self.run.trades:,} trades in {elapsed_s:.2f} s "
            f"({counts.trades / max(elapsed_s, 1e-9):,.0f} trades/s); "
            f"flagged {scoring.flagged:,}, {figures}; duplicates {counts.duplicate:,}; "
            f"rows rejected {self.run.outcome.rejected.total():,}"
        )

    def _say_empty_columns(self) -> None:
        """Say so if no detector of PROFILE knows how rare each trade is."""
        kinds = self.run.judge.lineup.kinds
        if not any(kind.is_severity for kind in kinds):
            notes_console().print(
                f"PROFILE={self.settings.profile} gives no severity, and no band of normal prices: "
                "these columns are empty; PROFILE=calibrated fills them",
                soft_wrap=True,
                highlight=False,
            )


def _say_unjudged(scoring: Scoring) -> None:
    """Say how many trades count as usable because nothing is known of what is normal."""
    if scoring.unjudged:
        trades = "1 trade" if scoring.made == 1 else f"{scoring.made:,} trades"
        notes_console().print(
            f"not judged: {scoring.unjudged:,} of {trades}, the first ones of a symbol and auction "
            "prints: they count as usable",
            soft_wrap=True,
            highlight=False,
        )
