"""The page as one process: Streamlit's own server, with our routes, guard and feed in it."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tape.errors import SettingsError
from tape.page.access import Guard, Rules, content_policy
from tape.page.board import Board
from tape.page.decide import Decisions, MemoryShelf
from tape.page.figures import PageFigures
from tape.page.frames import Feed
from tape.page.near import Around, around_on_topic
from tape.page.pulse import Pulse
from tape.page.routes import Desk
from tape.process.metrics_server import serve as serve_metrics
from tape.settings.page import PageSettings

log = logging.getLogger(__name__)

SCRIPT: Final = Path(__file__).with_name("script.py")
ASSETS: Final = Path(__file__).with_name("live")
OPTIONS: Final[dict[str, Any]] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.enableStaticServing": False,
    "theme.base": "dark",
    "logger.level": "error",
}
"""Of Streamlit: nothing leaves the machine, and no error shows a path or a value."""


class Source(Protocol):
    """What fills the board."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


@dataclass(slots=True)
class Page:
    """All parts of a page, made and not yet started."""

    settings: PageSettings
    board: Board = field(default_factory=Board)
    pulse: Pulse = field(default_factory=Pulse)
    source: Source | None = None
    around: Around | None = None
    decisions: Decisions | None = None
    title: str = ""
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        self.feed = Feed(self.board, self.pulse)

    @classmethod
    def on_broker(cls, settings: PageSettings) -> "Page":
        """Return a page that reads a broker's topics."""
        from tape.page.reader import TopicReader
        from tape.page.shelf import TopicShelf

        page = cls(settings, title=f"{settings.output} · {settings.episodes}")
        client = settings.client_config()
        reader = TopicReader(settings, page.board, page.pulse)
        page.source = reader
        page.around = around_on_topic(client, settings.input, page.board)
        shelf = TopicShelf(client, settings.reviews, page.board, reader)
        page.decisions = Decisions(page.board, shelf)
        return page

    def desk(self) -> Desk:
        """Return what the routes answer from."""
        assert self.around is not None  # noqa: S101 - whoever makes a page sets it
        decisions = self.decisions or Decisions(self.board, MemoryShelf(self.board))
        return Desk(
            self.board,
            self.feed,
            decisions,
            self.around,
            self.title,
            replayed=self.decisions is None,
            budget=self.settings.alerts_per_10k,
        )


def asgi_app(page: Page) -> Any:
    """Return the page as an ASGI application."""
    import streamlit as st
    from starlette.middleware import Middleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles
    from streamlit import config
    from streamlit.logger import set_log_level

    for name, value in OPTIONS.items():
        config.set_option(name, value)
    set_log_level("ERROR")  # where it is not in `site-packages` it takes itself to be developed
    settings = page.settings
    rules = Rules(
        settings.hosts, settings.user_header, settings.reviewers, is_local=settings.is_local
    )
    index = Path(st.__file__).parent / "static" / "index.html"

    @contextlib.asynccontextmanager
    async def alive(_: Any) -> AsyncIterator[None]:
        if page.source is not None:
            page.source.start()
        beats = asyncio.create_task(page.feed.run())
        try:
            yield
        finally:
            beats.cancel()
            if page.source is not None:
                await asyncio.to_thread(page.source.stop)

    return st.App(
        SCRIPT,
        lifespan=alive,
        routes=[*page.desk().routes(), Mount("/live/files", StaticFiles(directory=ASSETS))],
        middleware=[Middleware(Guard, rules=rules, policy=content_policy(index))],
    )


def log_started(url: str) -> None:
    """Say in the log where the page is."""
    log.info("page started", extra={"url": url})


def serve(page: Page, started: Callable[[str], None] = lambda _: None) -> int:
    """Serve a page until SIGTERM or Ctrl-C; `started` is given its address.

    Raises `SettingsError` where nothing can listen at PAGE_PORT or METRICS_PORT.
    """
    import uvicorn

    settings = page.settings
    app = asgi_app(page)
    if settings.metrics_port:
        figures = PageFigures(page.board, page.feed)
        serve_metrics(
            settings.metrics_host, settings.metrics_port, figures.registry(), figures.health
        )
    config = uvicorn.Config(
        app,
        host=settings.page_host,
        port=settings.page_port,
        log_level="error",
        access_log=False,
        server_header=False,
        ws_max_size=1_000_000,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)

    def tell() -> None:
        while not server.started and not server.should_exit:
            threading.Event().wait(0.05)
        if server.started:
            host, port = server.servers[0].sockets[0].getsockname()[:2]
            started(f"http://{host}:{port}/")

    threading.Thread(target=tell, daemon=True).start()
    try:
        server.run()
    except SystemExit:
        raise SettingsError(
            f"nothing can listen on {settings.page_host}:{settings.page_port}",
            "another program does; choose another PAGE_PORT",
        ) from None
    except KeyboardInterrupt:
        pass
    return 0
