"""`tape page`: what the pipeline finds, live in a browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tape.cli.output import counted, notes_console
from tape.errors import SettingsError
from tape.process.terminal_text import cell
from tape.settings.load import load
from tape.settings.page import PageSettings

if TYPE_CHECKING:
    from tape.judging.replay import Replay
    from tape.model.counts import Counts
    from tape.page.replayed import ReplayedDay
    from tape.page.server import Page
    from tape.settings.detector import DetectorSettings

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
    export: Annotated[
        Path | None,
        typer.Option(help="With --replay: write the day as a page of files, a new folder."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of PAGE_PORT.")
    ] = None,
) -> int:
    """Show episodes, chart and reasons in a browser, and take decisions about them.

    With --export it writes a day as files instead, which need no program: the worst 500 episodes.
    It listens on this machine only, unless PAGE_HOST says otherwise (docs/page.md).

    Example: PROFILE=calibrated tape page --replay nasdaq --speed 100
    """
    if export is not None:
        if replay is None:
            raise SettingsError("--export is of --replay", "name the files to play")
        return _exported(replay, export)
    from tape.page.needed import need_streamlit

    need_streamlit()
    from tape.kafka.connect import COMMAND_WAIT_S, ready_broker
    from tape.page.server import Page, serve
    from tape.page.topics import topics_of

    settings = load(PageSettings)
    if port is not None:
        settings = settings.model_copy(update={"page_port": port})
    if replay is None:
        if speed is not None:
            raise SettingsError("--speed is of --replay", "name the files to play")
        ready_broker(settings.client_config(), topics_of(settings), wait_s=COMMAND_WAIT_S)
        made = Page.on_broker(settings)
    else:
        from tape.settings.detector import DetectorSettings

        at_speed = SPEED if speed is None else speed
        made, *_ = _replayed(settings, load(DetectorSettings), replay, at_speed)
    console = notes_console()
    return serve(made, lambda url: console.print(f"the page: {url}", highlight=False))


def _exported(paths: list[Path], folder: Path) -> int:
    """Judge a day and write it as a page of files."""
    from tape.cli.judged_run import say_rest
    from tape.cli.nothing import nothing_judged
    from tape.page.export import export
    from tape.page.needed import need_streamlit
    from tape.process.whole_folder import check_new_folder
    from tape.settings.detector import DetectorSettings

    need_streamlit()
    check_new_folder(folder)
    detector = load(DetectorSettings)
    made, day, run, counts = _replayed(load(PageSettings), detector, paths, 0.0)
    day.play()
    say_rest(run, counts, detector, None if run.trades else nothing_judged(run))
    title = ", ".join(path.name for path in paths)
    on_it, count = export(made.board, day.recent.around, title, folder)
    worst = "" if on_it == count else f", the worst of {count:,},"
    said = f"written: {counted(on_it, 'episode')}{worst} in {cell(str(folder))}"
    notes_console().print(said, highlight=False)
    return run.outcome.exit_code


def _replayed(
    settings: PageSettings, detector: "DetectorSettings", paths: list[Path], speed: float
) -> "tuple[Page, ReplayedDay, Replay, Counts]":
    from tape.archives.given import Given
    from tape.cli.judged_run import judged_run
    from tape.judging.replay import Part
    from tape.page.replayed import ReplayedDay
    from tape.page.server import Page

    run, counts = judged_run(paths, [], Given(), Part(), detector, bars=True)
    made = Page(settings, title=f"{', '.join(path.name for path in paths)} at speed {speed:g}")
    day = ReplayedDay(run, made.board, made.pulse, speed)
    made.source, made.around = day, day.recent.around
    return made, day, run, counts
