"""`tape alert preview`: how many alerts past days would have brought, and which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import typer
from rich.table import Table

from tape.alerting.calendar_files import read_calendars
from tape.alerting.expected import Expected
from tape.alerting.preview import (
    COUNTED,
    Line,
    Preview,
    State,
    busiest,
    by_day,
    least_priority,
)
from tape.alerting.rules import Rules
from tape.alerting.rules_file import read_rules
from tape.archives import count_rows_hint, find_archives
from tape.cli.alert_said import channel_names, say_unusable
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.given import Columns, TimeZone, given_by, with_given
from tape.cli.notes import advance, say_missing, say_order, say_skipped
from tape.cli.nothing import nothing_judged
from tape.cli.output import counted, notes_console, row_bars, say_outcome
from tape.cli.part import From, Symbols, To, part_of
from tape.errors import SettingsError
from tape.judging.judge import Judge
from tape.judging.replay import Replay, Shown
from tape.market.new_york import calendar_days
from tape.model.counts import Counts
from tape.model.episode import decode_episode
from tape.model.fields import TIME_MAX_NS
from tape.model.rejected import Rejected
from tape.process.terminal_text import cell, printable
from tape.settings.alerter import AlerterSettings
from tape.settings.detector import DetectorSettings
from tape.settings.load import load

SHOWN: Final = 20
"""Alerts that a table lists, the highest priority first."""
MOST_STATES: Final = 300_000
"""States that are kept to try other rules: about 500 MB."""
EPOCH: Final = date(1970, 1, 1)
"""Days are counted from here, as times are."""


@dataclass(slots=True)
class _Run:
    """What a preview has seen.

    Attributes:
        days: New York's, with trades.
        states: all of them; empty if no other rules are to be tried.
    """

    preview: Preview
    keeps: bool
    days: set[str] = field(default_factory=set)
    states: list[State] = field(default_factory=list)

    def take(self, shown: Shown) -> None:
        """Take what became of episodes in a stretch of the tape."""
        times = shown.judged.batch.trades.ts_event_ns
        if len(times) == len(shown.wanted):
            times = times[shown.wanted]
        if len(times):
            for day in np.unique(calendar_days(times)).tolist():
                self.days.add((EPOCH + timedelta(days=day)).isoformat())
        for step in shown.episodes:
            episode = decode_episode(step.value)
            assert not isinstance(episode, Rejected)  # noqa: S101 - this program wrote it
            self.preview.take(episode, step.ts_event_ns)
            if self.keeps:
                self.states.append((step.ts_event_ns, episode))
        if len(self.states) > MOST_STATES:
            raise SettingsError(
                f"--per-day: these days have more than {MOST_STATES:,} states of episodes",
                "name fewer days or symbols",
            )


def preview(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders of past days.", readable=False)
    ],
    rules: Annotated[
        Path | None,
        typer.Option(readable=False, help="These rules in place of ALERT_RULES."),
    ] = None,
    per_day: Annotated[
        float | None,
        typer.Option(min=0.01, max=100_000, help="Say which min_priority gives N alerts per day."),
    ] = None,
    withheld: Annotated[
        bool, typer.Option("--withheld", help="List the episodes that bring no alert instead.")
    ] = False,
    symbols: Symbols = "",
    from_: From = "",
    to: To = "",
    columns: Columns = None,
    time_zone: TimeZone = None,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Judge past days, and say how many alerts the rules would have given, and which.

    Detector, episodes and decisions are those of the running apps, by the trades' own time. Mutes
    are of today and do not count. Exit code 2 if anything was rejected or skipped.

    Example: tape alert preview nasdaq --per-day 10
    """
    shape = form_of(form, as_json)
    part = part_of(symbols, from_, to)
    settings, detector = load(AlerterSettings), load(DetectorSettings)
    chosen = read_rules(rules or settings.alert_rules)
    channels = channel_names(settings, chosen)
    calendars = read_calendars(settings.alert_calendars, TIME_MAX_NS)
    say_unusable(calendars)
    expected = Expected(calendars.events)
    counts = Counts()
    judge = Judge(detector.parameters(), detector.max_symbols, counts)
    own = [*filter(None, [columns, rules or settings.alert_rules]), *settings.alert_calendars]
    discovered = find_archives(paths, others=[*own, *detector.files])
    archives = with_given(discovered.archives, given_by(columns, time_zone))
    run = Replay(archives, judge, part, as_numbers=True)
    run.outcome.skipped += discovered.skipped
    seen = _Run(Preview(chosen, channels, expected), keeps=per_day is not None)
    with row_bars() as bars:
        task = bars.add_task("judging", rate=0.0, total=sum(map(count_rows_hint, archives)))
        for shown in run.batches():
            seen.take(shown)
            advance(bars, task, run.rows)
    seen.preview.end()
    if not run.trades:
        say_outcome(run.outcome, remedy=False)
        raise nothing_judged(run)
    lines = seen.preview.withheld() if withheld else seen.preview.lines
    whole = {**_summary(seen), "withheld" if withheld else "lines": lines}
    rows = lines if shape != "csv" else map(_csv_row, lines)
    tables = [_days_table(seen), _lines_table(lines)]
    show(shape, whole, lambda: tables, rows, Line.__struct_fields__)
    say_order(counts)
    say_skipped(run)
    say_outcome(run.outcome)
    say_missing(run)
    _say(seen, chosen, channels, expected, per_day)
    return run.outcome.exit_code


def _summary(seen: _Run) -> dict[str, Any]:
    preview, lines = seen.preview, seen.preview.lines
    reasons = Counter(line.because for line in preview.withheld())
    days = by_day(lines, seen.days)
    return {
        "days": len(days),
        "episodes": preview.episodes,
        "announced": preview.announced(),
        "alerts": preview.alerts(),
        "alerts_per_day": _per_day(preview.alerts(), seen),
        "by_day": {day: dict(sorted(counts.items())) for day, counts in days.items()},
        "by_rule": _by(line.rule for line in lines if line.kind in COUNTED),
        "by_symbol": _by(line.symbol for line in lines if line.kind in COUNTED),
        "withheld_by_reason": _by(reasons.elements()),
    }


def _by(names: Any) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _per_day(alerts: int, seen: _Run) -> float:
    return round(alerts / max(len(seen.days), 1), 2)


def _csv_row(line: Line) -> dict[str, Any]:
    return msgspec.structs.asdict(line) | {"channels": " ".join(line.channels)}


def _days_table(seen: _Run) -> Table:
    table = Table("day (New York)", "new", "worse", "ended", "digests")
    for day, counts in by_day(seen.preview.lines, seen.days).items():
        kinds = ("new", "worse", "ended", "digest")
        table.add_row(day, *(f"{counts[kind]:,}" for kind in kinds))
    return table


def _lines_table(lines: Sequence[Line]) -> Table:
    table = Table("UTC", "what", "symbol", "priority", "rule", "because", "text")
    ranked = sorted(lines, key=lambda one: (-(one.priority or 0.0), one.at))
    for line in ranked[:SHOWN]:
        priority = "" if line.priority is None else f"{line.priority:.1f}"
        at = line.at[5:19].replace("T", " ")
        texts = (line.symbol, priority, line.rule, line.because, line.text)
        table.add_row(at, line.kind, *map(cell, texts))
    if len(lines) > SHOWN:
        table.caption = f"the first {SHOWN} of {len(lines):,}; --format csv has all"
    return table


def _say(
    seen: _Run,
    rules: Rules,
    channels: Sequence[str],
    expected: Expected,
    per_day: float | None,
) -> None:
    """Say how many alerts a day brings, what was withheld, and what to change."""
    preview, days = seen.preview, max(len(seen.days), 1)
    reasons = _by(line.because for line in preview.withheld())
    held = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    a_day = _per_day(preview.alerts(), seen)
    notes = [
        f"{counted(preview.episodes, 'episode')} on {counted(days, 'day')}: "
        f"{preview.announced():,} announced, "
        f"{a_day:g} alerts per day; withheld: {held or 'none'}"
    ]
    rule = busiest(preview.lines, rules)
    if per_day is None:
        notes.append("`--per-day N` says which min_priority gives N alerts per day")
    else:
        least, alerts = least_priority(
            seen.states, rules, rule.name, channels, expected, per_day * days
        )
        notes.append(
            f"min_priority = {least:g} in the rule {rule.name!r} (now {rule.min_priority:g}) gives "
            f"{_per_day(alerts, seen):g} alerts per day"
        )
    for note in notes:
        notes_console().print(printable(note), markup=False, highlight=False, soft_wrap=True)
