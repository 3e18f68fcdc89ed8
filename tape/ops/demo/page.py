"""The page beside a demo: started once its topics are there, and open until somebody ends it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from tape.errors import TapeError
from tape.kafka.local.ports import HOST, free_port, is_free
from tape.kafka.topics import create_topics
from tape.ops.app_files import app_main
from tape.ops.demo.app_process import Supervised
from tape.page.needed import need_streamlit
from tape.page.topics import topics_of
from tape.process.clock import CLOCK
from tape.settings.page import PageSettings

APP: Final = "dashboard"
START_S: Final = 120.0
"""How long the page may take to answer; some seconds are usual."""


@contextmanager
def page_beside(
    settings: PageSettings, client: dict[str, str], env: Mapping[str, str], out: Path
) -> Iterator[Supervised]:
    """Run the page; yield it once it answers. Raises `TapeError` with its log named if not."""
    create_topics(client, topics_of(settings))
    log_file = out / f"{APP}.log"
    log_file.unlink(missing_ok=True)
    own = {"METRICS_PORT": "0", "PAGE_HOST": HOST, "PAGE_PORT": str(settings.page_port)}
    app = Supervised(app_main(APP), {**env, **own}, log_file, ends_with_us=True)
    try:
        _wait_for(app, settings, log_file)
        yield app
    finally:
        app.stop()


def with_free_port(settings: PageSettings) -> PageSettings:
    """Return the settings with a port on which the page can listen: PAGE_PORT if that is free.

    Raises `SettingsError` if Streamlit is not installed.
    """
    need_streamlit()
    port = settings.page_port if is_free(settings.page_port) else free_port()
    return settings.model_copy(update={"page_port": port})


def url_of(settings: PageSettings) -> str:
    """Return where the page is."""
    return f"http://{HOST}:{settings.page_port}/"


def stay_open(app: Supervised, log_file: Path, say: Callable[[str], None]) -> None:
    """Return when somebody ends the demo by Ctrl-C; raise `TapeError` if the page ends."""
    say("The day is over. The page stays open: Ctrl-C ends it.")
    try:
        while app.exit_code() is None:
            CLOCK.sleep(0.5)
    except KeyboardInterrupt:
        return
    raise _ended(log_file)


def _wait_for(app: Supervised, settings: PageSettings, log_file: Path) -> None:
    deadline_s = CLOCK.now_s() + START_S
    while not _answers(url_of(settings)):
        if app.exit_code() is not None or CLOCK.now_s() > deadline_s:
            raise _ended(log_file)
        CLOCK.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}healthz", timeout=2) as answer:  # noqa: S310 - on this machine
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _ended(log_file: Path) -> TapeError:
    lines = log_file.read_text(errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it wrote nothing"
    return TapeError(f"the page does not answer: {said}", f"read {log_file}")
