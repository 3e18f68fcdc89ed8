"""A tape through a judge that tells all of every trade: what `tape score` and `tape bars` share."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tape.archives.given import Given
from tape.cli.forms import Form, show
from tape.cli.judged_run import figures, judged_run, say_figures, say_rest
from tape.cli.nothing import NothingJudgedError
from tape.cli.output import notes_console
from tape.desk.clean_tape.scored import Scoring
from tape.judging.replay import Part, Replay
from tape.model.counts import Counts
from tape.process.terminal_text import cell
from tape.settings.detector import DetectorSettings


@dataclass(frozen=True, slots=True)
class JudgedTape:
    """A run before it begins."""

    run: Replay
    counts: Counts
    settings: DetectorSettings

    @classmethod
    def of(
        cls,
        paths: list[Path],
        others: Sequence[Path],
        given: Given,
        part: Part,
        settings: DetectorSettings,
    ) -> Self:
        """Find the files, and prepare the judge that PROFILE asks for; see `judged_run`."""
        return cls(*judged_run(paths, others, given, part, settings, tells_each=True), settings)

    def through(
        self,
        scoring: Scoring,
        work: Callable[[], None],
        more: Callable[[], dict[str, Any]],
        output: Path,
        *,
        form: Form,
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
        found = {
            "flagged": scoring.flagged,
            "by_rule": scoring.by_rule,
            "scored": scoring.made,
            **({} if scoring.unjudged is None else {"unjudged": scoring.unjudged}),
            **own,
        }
        # a person reads it on standard error
        show(form, figures(self.run, self.counts, elapsed_s, found), list)
        said = (f"{name.replace('_', ' ')} {value:,}" for name, value in own.items())
        text = f"flagged {scoring.flagged:,}, {', '.join(said)}"
        say_figures(self.run, self.counts, elapsed_s, text)
        say_rest(self.run, self.counts, self.settings, nothing)
        self._say_empty_columns()
        _say_unjudged(scoring)
        notes_console().print(f"written: {cell(str(output))}")
        return self.run.outcome.exit_code

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
