"""What the page's own addresses answer; the guard has seen every request before."""

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tape.errors import TapeError
from tape.model.review import REASONS
from tape.page.access import user_of
from tape.page.board import Board
from tape.page.case import case_of
from tape.page.decide import Decisions
from tape.page.figures import PageFigures
from tape.page.filters import Wanted
from tape.page.frames import Feed, Viewer, bar_row, encode
from tape.process.sheet_text import sheet_cell

ROWS_MAX: Final = 2_000
"""Rows that a browser gets at once; the rest is counted, and found by a filter."""
CSV_MAX: Final = 20_000
COLUMNS: Final = (
    *("id", "symbol", "first", "last", "severity", "priority", "rule", "reason", "flags"),
    *("shares", "notional", "before", "extreme", "after", "mark", "review", "by"),
)
"""Of the table for spreadsheets."""
BODY_MAX: Final = 64 * 1024
SLOW: Final = 4_408
"""Closes the WebSocket of a viewer that does not read; it comes back by itself."""
Around = Callable[[str, int], dict[str, Any]]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision as the browser sends it."""

    episode_id: str
    state: str
    steps: int
    reason: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes answer from.

    Attributes:
        around: returns the trades around an episode's worst trade, `each` to each side.
        title: what is shown: a broker's topics, or a day that is replayed.
        replayed: whether it is such a day.
        budget: of flagged trades per 10,000; 0 where there is none.
    """

    board: Board
    feed: Feed
    decisions: Decisions
    around: Around
    title: str = ""
    replayed: bool = False
    budget: float = 0.0

    def routes(self) -> Sequence[BaseRoute]:
        """Return the addresses."""
        return [
            Route("/healthz", self.health),
            Route("/metrics", self.metrics),
            Route("/live/start", self.start),
            Route("/live/episodes", self.episodes),
            Route("/live/episodes.csv", self.as_csv),
            Route("/live/episode", self.episode),
            Route("/live/around", self.trades_around),
            Route("/live/bars", self.bars),
            Route("/live/overview", self.overview),
            Route("/live/case", self.case),
            Route("/live/review", self.review, methods=["POST"]),
            WebSocketRoute("/live/ws", self.listen),
        ]

    async def health(self, _: Request) -> Response:
        """Say whether the page is fed."""
        facts = self.feed.facts()
        away = facts["state"] == "disconnected"
        return PlainTextResponse(f"page: {facts['state']}\n", 503 if away else 200)

    async def metrics(self, _: Request) -> Response:
        """Tell figures to Prometheus."""
        text = generate_latest(PageFigures(self.board, self.feed).registry())
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def start(self, request: Request) -> Response:
        """Tell a browser what it needs to begin."""
        user = user_of(request.scope)
        facts = {
            "title": self.title,
            "user": user.name,
            "may_review": user.may_review,
            "replayed": self.replayed,
            "reasons": REASONS,
            "symbols": self.board.symbols(),
            "facts": self.feed.facts(),
        }
        return JSONResponse(facts)

    async def episodes(self, request: Request) -> Response:
        """Return the rows of a filter, over all that is kept."""
        wanted = Wanted.of(request.query_params)
        seq = self.board.seq
        rows, count = self.board.wanted(wanted, ROWS_MAX)
        body = encode({"seq": seq, "rows": rows, "count": count})
        return Response(body, media_type="application/json")

    async def as_csv(self, request: Request) -> Response:
        """Return the rows of a filter as a table for a spreadsheet."""
        rows, _ = self.board.wanted(Wanted.of(request.query_params), CSV_MAX)
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\r\n")
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow([sheet_cell("" if row[n] is None else str(row[n])) for n in COLUMNS])
        headers = {"content-disposition": 'attachment; filename="episodes.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    async def episode(self, request: Request) -> Response:
        """Return all of an episode, named by its own id or by that of one of its trades."""
        name = self._name(request)
        found = None if name is None else self.board.detail(name)
        if found is None:
            return JSONResponse({"error": "not kept (any more)"}, 404)
        return Response(encode(found), media_type="application/json")

    async def trades_around(self, request: Request) -> Response:
        """Return the trades around the worst one of an episode."""
        name = self._name(request)
        if name is None or self.board.detail(name) is None:
            return JSONResponse({"error": "not kept (any more)"}, 404)
        try:
            found = await asyncio.to_thread(self.around, name, 100)
        except TapeError as error:
            return JSONResponse({"error": str(error.cause)}, 503)
        return Response(encode(found), media_type="application/json")

    async def bars(self, request: Request) -> Response:
        """Return the last bars of a symbol, those around the second `at`, or a day's minutes."""
        query = request.query_params
        symbol, at = query.get("symbol", ""), query.get("at")
        of_minutes = query.get("length") == "60"
        bars = self.board.minutes(symbol) if of_minutes else self.board.bars(symbol, at)
        body = encode({"bars": [bar_row(bar) for bar in bars]})
        return Response(body, media_type="application/json")

    async def overview(self, _: Request) -> Response:
        """Return how many episodes began by symbol and minute, and what was flagged lately."""
        recent = await asyncio.to_thread(self.board.recent)
        return JSONResponse(
            {"minutes": self.board.overview(), "recent": recent, "budget": self.budget}
        )

    async def case(self, request: Request) -> Response:
        """Return all of an episode as one document."""
        name = self._name(request)
        kind = request.query_params.get("kind", "html")
        if name is None or self.board.detail(name) is None or kind not in ("html", "json"):
            return JSONResponse({"error": "not kept (any more)"}, 404)
        try:
            around = await asyncio.to_thread(self.around, name, 100)
        except TapeError as error:
            around = {"error": str(error.cause)}
        made = case_of(self.board.detail(name) or {}, around, kind)
        headers = {"content-disposition": f'attachment; filename="case.{kind}"'}
        media = "text/html; charset=utf-8" if kind == "html" else "application/json"
        return Response(made, media_type=media, headers=headers)

    async def review(self, request: Request) -> Response:
        """Take a decision."""
        user = user_of(request.scope)
        if not user.may_review:
            return JSONResponse({"error": "you may look, but not decide (PAGE_REVIEWERS)"}, 403)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return JSONResponse({"error": "a decision is JSON"}, 415)
        body = await request.body()
        try:
            if len(body) > BODY_MAX:
                raise msgspec.ValidationError("too long")
            asked = msgspec.json.decode(body, type=_Asked)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return JSONResponse({"error": "this is no decision"}, 400)
        try:
            answer = await asyncio.to_thread(
                self.decisions.decide,
                asked.episode_id,
                asked.state,
                asked.reason,
                asked.note,
                asked.tags,
                by=user.name,
                steps_seen=asked.steps,
            )
        except TapeError as error:
            return JSONResponse({"error": str(error)}, 400 if error.exit_code == 4 else 503)
        body = encode({"taken": answer.taken, "review": answer.review})
        return Response(body, 200 if answer.taken else 409, media_type="application/json")

    async def listen(self, socket: WebSocket) -> None:
        """Send frames until the browser goes away."""
        await socket.accept()
        viewer = Viewer(symbol=socket.query_params.get("symbol", ""))
        self.feed.viewers.add(viewer)
        told = asyncio.create_task(self._told(socket, viewer))
        try:
            while not viewer.cut and not told.done():
                await viewer.news.wait()
                viewer.news.clear()
                while viewer.frames:
                    await socket.send_bytes(viewer.frames.popleft())
            if viewer.cut:
                await socket.close(SLOW)
        except (WebSocketDisconnect, RuntimeError, OSError):
            viewer.cut = True
        finally:
            told.cancel()
            self.feed.viewers.discard(viewer)

    async def _told(self, socket: WebSocket, viewer: Viewer) -> None:
        """Take what a browser says: which symbol it shows."""
        try:
            while True:
                viewer.symbol = (await socket.receive_text())[:100]
        except (WebSocketDisconnect, RuntimeError, KeyError):
            viewer.news.set()

    def _name(self, request: Request) -> str | None:
        """Return the episode that a request is about."""
        query = request.query_params
        if "id" in query:
            return self.board.episode_of(query["id"])
        return query.get("episode")
