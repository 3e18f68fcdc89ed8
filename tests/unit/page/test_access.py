"""The page's own addresses: who may ask, what a browser may load, and what is answered to whom."""

import asyncio
import base64
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="the extra `page` is not installed")

import streamlit
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.websockets import WebSocketDisconnect

from tape.page.access import Guard, Rules, content_policy
from tape.page.board import Board
from tape.page.decide import Decisions, MemoryShelf
from tape.page.figures import PageFigures
from tape.page.frames import QUEUE_MAX, Feed, Viewer
from tape.page.pulse import Pulse
from tape.page.routes import Desk
from tape.testing.clock import SettableClock
from tests.flagged_days import changed, told
from tests.unit.page.test_board import filled

with warnings.catch_warnings():  # it would rather have another client than the one it is given
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
DAY = told(12)


class Bench:
    """The routes behind the guard, without Streamlit."""

    def __init__(self, board: Board | None = None, **rules: Any) -> None:
        self.board = board if board is not None else filled()
        self.pulse = Pulse(connected=True)
        self.feed = Feed(self.board, self.pulse)
        desk = Desk(
            self.board,
            self.feed,
            Decisions(self.board, MemoryShelf(self.board)),
            lambda name, each: {"trades": [], "at": 0},
        )
        guard = Middleware(Guard, rules=Rules(NAMES, **rules), policy=content_policy(INDEX))
        app = Starlette(routes=list(desk.routes()), middleware=[guard])
        self.client = TestClient(app, base_url="http://localhost:8501")

    def decide(self, name: str, state: str, steps: int = 0, **headers: str) -> Any:
        body = {"episode_id": name, "state": state, "reason": "news", "steps": steps}
        return self.client.post("/live/review", json=body, headers=headers)


def test_another_name_or_another_page_is_refused_and_each_answer_has_its_headers() -> None:
    bench = Bench()
    for host, code in (("evil.example", 403), ("localhost:8501", 200), ("[::1]:9", 200)):
        answer = bench.client.get("/live/start", headers={"host": host})
        assert answer.status_code == code, host
        assert "unsafe-eval" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    foreign = {"origin": "http://evil.example", "host": "localhost:8501"}
    assert bench.decide(DAY.ids[0], "dismissed", **foreign).status_code == 403
    assert bench.board.review(DAY.ids[0]) is None
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        bench.client.websocket_connect("/live/ws", headers=foreign),
    ):
        pass
    assert closed.value.code in (1006, 4403)


def test_the_only_inline_script_that_may_run_is_streamlits_own() -> None:
    policy = content_policy(INDEX)
    script = INDEX.read_bytes().split(b"<script>")[1].split(b"</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert f"script-src 'self' blob: 'sha256-{digest}';" in policy
    assert "http" not in policy


def test_who_is_not_named_gets_nothing_and_who_may_only_look_decides_nothing() -> None:
    bench = Bench(user_header="X-User", reviewers=frozenset({"anna"}), is_local=False)
    assert bench.client.get("/live/start").status_code == 401
    assert bench.client.get("/healthz").status_code == 200
    bo = bench.client.get("/live/start", headers={"x-user": "bo"}).json()
    assert (bo["user"], bo["may_review"]) == ("bo", False)
    assert bench.decide(DAY.ids[0], "dismissed", **{"x-user": "bo"}).status_code == 403
    assert bench.decide(DAY.ids[0], "dismissed", **{"x-user": "anna"}).status_code == 200
    review = bench.board.review(DAY.ids[0])
    assert review is not None
    assert (review.state, review.by) == ("dismissed", "anna")


def test_without_names_nobody_decides_from_another_machine() -> None:
    assert Bench(is_local=False).decide(DAY.ids[0], "dismissed").status_code == 403
    assert Bench().decide(DAY.ids[0], "dismissed").status_code == 200


def test_of_two_who_decide_at_once_the_later_is_shown_the_earlier() -> None:
    bench = Bench()
    name = DAY.ids[1]
    assert bench.decide(name, "dismissed").json()["taken"] is True
    late = bench.decide(name, "escalated")
    assert late.status_code == 409
    assert late.json()["review"]["state"] == "dismissed"
    assert bench.decide(name, "escalated", steps=1).status_code == 200
    review = bench.board.review(name)
    assert review is not None
    assert [step.state for step in review.history] == ["dismissed", "escalated"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"episode_id":1}', b'{"episode_id":"x","state":"open","steps":0,"more":1}'],
)
def test_what_is_no_decision_is_refused(body: bytes) -> None:
    bench = Bench()
    answer = bench.client.post(
        "/live/review", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert bench.client.post("/live/review", content=body).status_code == 415


def test_what_cannot_be_decided_is_told() -> None:
    bench = Bench()
    assert bench.decide("nobody", "dismissed").status_code == 400
    assert "choose from" in bench.decide(DAY.ids[0], "forgotten").json()["error"]


def test_filters_come_from_the_address_and_count_all_that_is_kept() -> None:
    client = Bench().client
    assert client.get("/live/episodes").json()["count"] == 12
    assert client.get("/live/episodes?text=nvda&severity=99").json()["count"] == 0
    table = client.get("/live/episodes.csv?order=newest").text.splitlines()
    assert len(table) == 13
    assert table[0].startswith("id,symbol,first,last,severity")


def test_no_cell_of_the_table_is_a_formula() -> None:
    board, (_, value) = Board(), DAY.episodes[0]
    board.add_episode(changed(value, symbol="=cmd", reason="=1+1"), 1.0)
    table = Bench(board).client.get("/live/episodes.csv").text
    assert ",'=cmd," in table
    assert ",'=1+1," in table


def test_an_episode_is_found_by_its_trade_and_one_that_is_not_kept_is_404() -> None:
    client = Bench().client
    trade = json.loads(DAY.anomalies[2])["anomaly_id"]
    assert client.get("/live/episode", params={"id": trade}).json()["id"] == DAY.ids[2]
    assert client.get("/live/episode", params={"id": "NVDA-1-2-3"}).status_code == 404
    assert client.get("/live/episode").status_code == 404
    assert client.get("/live/around", params={"id": trade}).json() == {"trades": [], "at": 0}
    assert client.get("/live/case", params={"id": trade, "kind": "exe"}).status_code == 404
    page = client.get("/live/case", params={"id": trade, "kind": "html"})
    assert page.text.startswith("<!doctype html>")


def test_health_says_whether_the_page_is_fed() -> None:
    bench = Bench()
    assert bench.client.get("/healthz").status_code == 200
    bench.pulse.connected = False
    answer = bench.client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "page: disconnected\n")
    assert "tapewatch_broker_up 0.0" in bench.client.get("/metrics").text


def test_a_page_that_sends_no_frames_is_not_well_and_one_without_a_broker_is() -> None:
    clock = SettableClock(1_000.0)
    feed = Feed(filled(), Pulse(connected=False), clock)
    figures = PageFigures(filled(), feed)
    feed.beat()
    assert figures.health() == (True, "page: disconnected")
    clock.sleep(59.0)
    assert figures.health()[0]
    clock.sleep(2.0)
    assert figures.health() == (False, "page: silent for more than 60 s")
    feed.beat()
    assert figures.health()[0]


def test_a_viewer_gets_changes_and_the_bars_of_its_symbol() -> None:
    bench = Bench(Board())
    with bench.client.websocket_connect(
        "/live/ws?symbol=NVDA", headers={"host": "localhost:8501"}
    ) as socket:
        for _, value in DAY.episodes[:1]:
            bench.board.add_episode(value, 1.0)
        for _, value in DAY.bars[:2]:
            bench.board.add_bar(value)
        bench.feed.beat()
        frame = json.loads(socket.receive_bytes())
    assert [row["id"] for row in frame["rows"]] == DAY.ids[:1]
    assert [bar[6] for bar in frame["bars"]] == [1, 1]
    assert (frame["since"], frame["seq"]) == (0, 1)


def test_a_viewer_that_does_not_read_is_cut() -> None:
    feed, viewer = Feed(Board(), Pulse()), Viewer()
    feed.viewers.add(viewer)
    for _ in range(QUEUE_MAX + 1):
        feed.beat()
    assert viewer.cut
    assert feed.viewers == set()
    assert len(viewer.frames) == QUEUE_MAX


def test_a_frame_is_written_once_for_all_who_look_at_one_symbol() -> None:
    feed = Feed(Board(), Pulse())
    viewers = [Viewer("NVDA"), Viewer("NVDA"), Viewer("AMD")]
    feed.viewers |= set(viewers)
    feed.beat()
    frames = [viewer.frames[0] for viewer in viewers]
    assert frames[0] is frames[1]
    assert frames[2] is not frames[0]
    assert asyncio.iscoroutinefunction(feed.run)
