"""`tape case`: one episode as a document for whoever has to judge it later."""

import io
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.cli.output import Force, notes_console
from tape.errors import SettingsError, TapeError
from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
from tape.kafka.reader import read_topic
from tape.kafka.topics import partition_counts
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.page.board import Board, Source
from tape.page.case import case_of
from tape.page.near import around_on_topic
from tape.process.terminal_text import cell
from tape.process.whole_file import OutputFile
from tape.settings.load import load
from tape.settings.page import PageSettings

KINDS = (".html", ".json", ".zip")
EACH = 100
"""Trades before and after, as on the page."""
AT_ZIP = (1980, 1, 1, 0, 0, 0)
"""The time of files in the archive, so that the same case is the same bytes."""


def case(
    episode: Annotated[str, typer.Argument(help="The episode_id, or the anomaly_id of a trade.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File for it: .html, .json, or .zip with both.")
    ],
    force: Force = False,
) -> int:
    """Write all that is known of an episode: trades around it, reasons, decisions, settings.

    It is read from the topics; the trades around it are there for as long as `stocks` keeps them.

    Example: tape case NVDA-2-1751961600171836530-7 --output case.html
    """
    if output.suffix not in KINDS:
        raise SettingsError(f"--output {output} is no case", f"name it {', '.join(KINDS)}")
    file = OutputFile(output, inputs=[], force=force)
    file.check()
    settings = load(PageSettings)
    client = settings.client_config()
    ready_broker(client, [], wait_s=COMMAND_WAIT_S)
    board = _board(settings, episode)
    name = episode if board.detail(episode) is not None else board.episode_of(episode)
    detail = None if name is None else board.detail(name)
    if name is None or detail is None:
        raise SettingsError(
            f"there is no episode {episode[:100]!r} on {settings.episodes}",
            "take the episode_id of a message, or the anomaly_id of a flagged trade",
        )
    around: dict[str, Any]
    try:
        around = around_on_topic(client, settings.input, board)(name, EACH)
    except TapeError as error:
        around = {"error": error.cause}
        notes_console().print(f"without the trades around it: {cell(error.cause)}")
    with file:
        file.write(_made(detail, around, output.suffix))
    notes_console().print(f"written: {cell(str(output))}")
    return 0


def _board(settings: PageSettings, asked: str) -> Board:
    """Return a board of what the topics hold of the episode that is asked for, and of no other."""
    client, board = settings.client_config(), Board()
    topics = (settings.output, settings.episodes, settings.reviews)
    there = dict(zip(topics, partition_counts(client, topics), strict=True))
    lanes = {topic: read_topic(client, topic) if there[topic] else [] for topic in topics}
    flagged = [message for lane in lanes[settings.output] for message in lane]
    name = asked
    for message in flagged:
        one = (
            decode_anomaly(message.value()) if asked.encode() in (message.value() or b"") else None
        )
        if isinstance(one, Anomaly) and asked in (one.anomaly_id, one.episode_id):
            name = one.episode_id
            break
    wanted = f'"{name}"'.encode()
    for message in flagged:
        if wanted in (message.value() or b""):
            board.add_anomaly(message.value() or b"", _source(message))
    for topic in topics[1:]:
        for message in (one for lane in lanes[topic] for one in lane):
            if message.key() != name.encode() or not message.value():
                continue
            if topic == settings.episodes:
                board.add_episode(message.value() or b"", message.timestamp()[1] / 1_000)
            else:
                board.add_review(message.value() or b"")
    return board


def _source(message: Any) -> Source:
    from tape.kafka.live_topics import taken_of

    one = taken_of(message)
    return Source(one.topic, one.partition, one.offset, one.at_ms, one.trade)


def _made(detail: dict[str, Any], around: dict[str, Any], suffix: str) -> bytes:
    if suffix != ".zip":
        return case_of(detail, around, suffix[1:])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind in ("html", "json"):
            archive.writestr(zipfile.ZipInfo(f"case.{kind}", AT_ZIP), case_of(detail, around, kind))
    return out.getvalue()
