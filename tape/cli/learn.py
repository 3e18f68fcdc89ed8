"""`tape learn`: a ranking of alerts from what people said of earlier ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from tape.archives.outcome import Outcome
from tape.cli.forms import AsForm, AsJson, form_of, show
from tape.cli.lists import TakesLists
from tape.cli.output import (
    Force,
    beside,
    notes_console,
    say_outcome,
)
from tape.desk.learn.alerts import Alerts, alerts_in_files, alerts_in_messages
from tape.desk.learn.answers import Answers, answers_of, short
from tape.desk.learn.learn import learn
from tape.desk.learn.reviews import Review, read_reviews
from tape.detection.ranking import ONE_IN
from tape.detection.ranking_file import RankingFile, encode_ranking
from tape.errors import ArchiveError, SettingsError
from tape.process.terminal_text import cell, printable
from tape.process.whole_file import OutputFile
from tape.settings.detector import DetectorSettings
from tape.settings.load import load

SETTLE_S = 10.0
MOST_WEIGHTS = 6
NOT_ALL = 2
"""Exit code where reviews do not count because nothing is known of their alerts."""


class _Learn(TakesLists):
    lists = ("--anomalies",)


app = typer.Typer(add_completion=False)


@app.command("learn", cls=_Learn)
def learn_ranking(
    reviews: Annotated[
        list[Path], typer.Argument(help="Reviews: files of JSON lines.", readable=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .json file to write.")],
    anomalies: Annotated[
        list[Path] | None,
        typer.Option(
            readable=False,
            help="The reviewed anomalies: .jsonl files of tape replay.",
            show_default="the topic of anomalies",
        ),
    ] = None,
    suppress: Annotated[
        bool, typer.Option(help="Let alerts be suppressed that are like those dismissed.")
    ] = True,
    force: Force = False,
    form: AsForm = None,
    as_json: AsJson = False,
) -> int:
    """Learn from reviewed alerts how to rank the next ones, and write it as a RANKING_FILE.

    Needs twenty answered alerts, of two days and both answers. Nothing is written if it does not
    beat the priority on the latest reviewed day.

    Exit code 2 if some reviews cannot be used; it says which, and the rest counts.

    Example: tape learn reviews.jsonl --anomalies anomalies.jsonl --output ranking.json
    """
    shape = form_of(form, as_json)
    if output.suffix != ".json":
        raise SettingsError(f"--output {output} does not end in .json", "name a .json file")
    file = OutputFile(output, inputs=[*reviews, *(anomalies or ())], force=force)
    file.check()
    outcome = Outcome()
    given = read_reviews(reviews, outcome)
    if not given:
        raise _nothing("review", reviews, outcome)
    found = answers_of(given, _alerts(anomalies, given, outcome))
    if len(found.unknown) == len({one.id for one in given}):
        say_outcome(outcome, remedy=False)
        raise _all_unknown(found, anomalies)
    _say(found)
    try:
        content = learn(found.answered, may_suppress=suppress)
    except ArchiveError:
        say_outcome(outcome, remedy=False)
        raise
    with file:
        file.write(encode_ranking(content))
    figures = _figures(content, found, len(given))
    show(shape, beside(figures, outcome), lambda: [_table(content)])
    _say_learnt(content)
    say_outcome(outcome, remedy=False)
    notes_console().print(f"written: {cell(str(output))}")
    return outcome.exit_code or (NOT_ALL if found.unknown or found.contradictory else 0)


def _alerts(paths: list[Path] | None, reviews: Sequence[Review], outcome: Outcome) -> Alerts:
    """Return what the reviews are about, from files or else from the topic."""
    if paths:
        return alerts_in_files(paths, reviews, outcome)
    from tape.kafka.connect import COMMAND_WAIT_S, ready_broker  # not for files
    from tape.kafka.reader import read_topic

    settings = load(DetectorSettings)
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    lanes = read_topic(client, settings.output, settle_s=SETTLE_S)
    values = (message.value() for lane in lanes for message in lane)
    return alerts_in_messages(values, reviews, outcome, settings.output)


def _nothing(what: str, paths: Sequence[Path], outcome: Outcome) -> ArchiveError:
    names = ", ".join(path.name for path in paths)
    begin = f"nothing is written: there is no {what} in {names}"
    if outcome.rejected:
        reason, one = next(iter(outcome.examples.items()))
        many = outcome.rejected.total()
        lines = "1 line" if many == 1 else f"{many:,} lines"
        begin += f", {lines} rejected; the first: {one.source}: {reason}: {one.detail}"
    return ArchiveError(
        printable(begin), "write one JSON object per line, as docs/learning.md has them"
    )


def _all_unknown(found: Answers, paths: Sequence[Path] | None) -> ArchiveError:
    where = ", ".join(path.name for path in paths) if paths else "the topic of anomalies"
    many = len(found.unknown)
    ids = "the reviewed id is not" if many == 1 else f"none of the {many:,} reviewed ids is"
    return ArchiveError(
        printable(f"nothing is written: {ids} in {where}; the first: {short(found.unknown[0])}"),
        "name the files that the reviewed alerts were taken from with --anomalies",
    )


def _say(found: Answers) -> None:
    for sentence in found.sentences():
        notes_console().print(printable(sentence), markup=False, highlight=False, soft_wrap=True)


def _say_learnt(content: RankingFile) -> None:
    """Say how good it is, and what will be suppressed, in sentences that can be read aloud."""
    held, cut = content.held_out, content.suppressed
    days = held.days[0] if len(held.days) == 1 else f"{held.days[0]} to {held.days[-1]}"
    sentences = [
        f"Tested on {days}, with a ranking learnt from the days before. There you confirmed "
        f"{held.confirmed:,} of {held.alerts:,} alerts.",
        "The ranking puts them nearer to the top than the priority does: average precision "
        f"{held.average_precision:.3f}, the priority's {held.average_precision_of_priority:.3f}.",
    ]
    if cut.below is None:
        sentences.append("No alert will be suppressed.")
    else:
        were = "1 was" if cut.dismissed == 1 else f"{cut.dismissed:,} were"
        sentences += [
            f"From now on alerts below rank {cut.below:g} are suppressed. One episode in {ONE_IN} "
            "is shown anyway, so that you can check.",
            f"Of the alerts you reviewed, {were} that low. You dismissed every one.",
        ]
    for sentence in sentences:
        notes_console().print(sentence, markup=False, highlight=False, soft_wrap=True)


def _figures(content: RankingFile, found: Answers, reviews: int) -> dict[str, Any]:
    figures = msgspec.to_builtins(content)
    for name in ("ranking", "version", "sha256"):
        del figures[name]
    return {
        "reviews": reviews,
        **figures,
        "unknown": found.unknown,
        "contradictory": found.contradictory,
        "at_odds": found.at_odds,
        "open": found.open,
    }


def _table(content: RankingFile) -> Table:
    learnt = content.learnt_from
    table = Table(
        title=f"Learnt from {learnt.alerts:,} alerts, {learnt.confirmed:,} confirmed and "
        f"{learnt.dismissed:,} dismissed",
        title_justify="left",
    )
    table.add_column("more of it")
    table.add_column("rank", justify="right")
    table.add_column("why")
    for one in content.numbers[:MOST_WEIGHTS]:
        table.add_row(Text(one.name), "higher" if one.weight > 0.0 else "lower", Text(one.text))
    if content.explained:
        table.caption = Text("\n".join(map(printable, content.explained)))
        table.caption_justify = "left"
    return table
