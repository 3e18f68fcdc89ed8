"""`tape page`: what the pipeline finds, live in a browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tape.cli.output import notes_console
from tape.errors import SettingsError
from tape.settings.load import load
from tape.settings.page import PageSettings

if TYPE_CHECKING:
    from tape.page.server import Page

SPEED = 60.0
"""Times the speed of the tape: an hour in a minute."""


def page(
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="Play these files or folders instead, without a broker."),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0, help=f"With --replay: times the tape's own; 0: at once. [{SPEED:g}]"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of PAGE_PORT.")
    ] = None,
) -> int:
    """Show episodes, chart and reasons in a browser, and take decisions about them.

    It listens on this machine only, unless PAGE_HOST says otherwise (docs/page.md).

    Example: PROFILE=calibrated tape page --replay nasdaq --speed 100
    """
    from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
    from tape.page.server import Page, need_streamlit, serve, topics_of

    need_streamlit()
    settings = load(PageSettings)
    if port is not None:
        settings = settings.model_copy(update={"page_port": port})
    if replay is None:
        if speed is not None:
            raise SettingsError("--speed is of --replay", "name the files to play")
        ready_broker(settings.client_config(), topics_of(settings), wait_s=COMMAND_WAIT_S)
        made = Page.on_broker(settings)
    else:
        made = _replayed(settings, replay, SPEED if speed is None else speed)
    console = notes_console()
    return serve(made, lambda url: console.print(f"the page: {url}", highlight=False))


def _replayed(settings: PageSettings, paths: list[Path], speed: float) -> "Page":
    from tape.archives.given import Given
    from tape.cli.judged_run import judged_run
    from tape.judging.replay import Part
    from tape.page.replayed import ReplayedDay
    from tape.page.server import Page
    from tape.settings.detector import DetectorSettings

    detector = load(DetectorSettings)
    run, _ = judged_run(paths, [], Given(), Part(), detector, bars=True)
    made = Page(settings, title=f"{', '.join(path.name for path in paths)} at speed {speed:g}")
    day = ReplayedDay(run, made.board, made.pulse, speed)
    made.source, made.around = day, day.recent.around
    return made
