"""The page in a real browser, on a real broker: what a person sees, chooses and decides."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tape.kafka.local.broker import LocalKafka
from tape.kafka.local.ports import free_port
from tape.kafka.topics import create_topics, pipeline_topics
from tests.apps import ROOT
from tests.browsers import CHROMIUM, PATIENCE_MS, Viewer, a_browser
from tests.commands import tape
from tests.flagged_days import Told, changed, told
from tests.kafka_client import produce, read_all

pytest.importorskip("streamlit", reason="the extra `page` is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: nothing is seen in a browser"),
]

HOSTILE = "<img src=x onerror='window.PWNED=1'><script>window.PWNED=1</script>"


class Bench:
    """Topics, a page on them, and viewers."""

    def __init__(self, address: str, names: Callable[[str], str], folder: Path) -> None:
        self.address, self.folder, self.port = address, folder, free_port()
        self.topics = {
            name: names(name)
            for name in ("input", "output", "rejected", "episodes", "bars", "reviews")
        }
        main = [self.topics[name] for name in ("input", "output", "rejected", "episodes")]
        specs = pipeline_topics(*main, bars=self.topics["bars"], reviews=self.topics["reviews"])
        create_topics({"bootstrap.servers": address}, specs)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def env(self) -> dict[str, str]:
        return {
            "Quix__Broker__Address": self.address,
            **{name: self.topics[name] for name in ("input", "output", "rejected")},
            **{f"{name.upper()}_TOPIC": self.topics[name] for name in ("episodes", "bars")},
            "REVIEWS_TOPIC": self.topics["reviews"],
            "PAGE_PORT": str(self.port),
        }

    def start(self) -> None:
        with (self.folder / "page.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tape", "page"],
                env={**os.environ, **self.env()},
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )
        deadline_s = time.monotonic() + 120
        while not self.is_well():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(0.1)

    def is_well(self) -> bool:
        try:
            with urlopen(f"{self.url}healthz", timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        return (self.folder / "page.log").read_text()[-4_000:]

    def stop(self) -> float:
        """SIGTERM, as a container is stopped; return the seconds that it took."""
        assert self.process is not None
        begun_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - begun_s

    def tell(self, day: Told) -> None:
        produce(self.address, self.topics["output"], [(b"NVDA", one) for one in day.anomalies])
        states = [(name.encode(), value) for name, value in day.episodes]
        produce(self.address, self.topics["episodes"], states)
        produce(self.address, self.topics["bars"], [(s.encode(), v) for s, v in day.bars])

    def reviews(self) -> list[dict[str, Any]]:
        found = read_all(self.address, self.topics["reviews"])
        return [json.loads(message.value() or b"") for message in found]


@pytest.fixture
def bench(kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path) -> Iterator[Bench]:
    made = Bench(kafka.address, topic_names, tmp_path)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)


@pytest.fixture
def browser() -> Iterator[Any]:
    with a_browser() as opened:
        yield opened


@pytest.mark.full
def test_what_a_person_sees_chooses_and_decides(bench: Bench, browser: Any) -> None:
    day = told(60)
    hostile = changed(
        day.episodes[0][1], episode_id="hostile", symbol=HOSTILE, reason=HOSTILE, priority=14.0
    )
    bench.tell(day)
    produce(bench.address, bench.topics["episodes"], [(b"hostile", hostile)])
    anna = Viewer(browser, bench.url)
    sync_api.expect(anna.rows.first).to_have_attribute("data-episode-id", "hostile")
    anna.rows.first.click()
    sync_api.expect(anna.page.locator("[data-testid=reason]")).to_have_text(HOSTILE)
    sync_api.expect(anna.page.locator("[data-testid=state]")).to_have_text("live")

    anna.page.locator("#table").evaluate("t => t.scrollTop = 14 * 30")
    anna.page.wait_for_timeout(300)
    chosen = anna.top()
    anna.choose(chosen)
    begun_s = time.monotonic()
    bench.tell(told(200, first=100))
    sync_api.expect(anna.page.locator("#count")).to_have_text("261 episodes")
    seen_s = time.monotonic() - begun_s
    print(f"200 episodes on the screen {seen_s:.2f} s after they were sent")
    anna.shows(chosen)
    assert anna.top() == chosen, "what one looks at stays where it is"

    trade = json.loads(day.anomalies[3])["anomaly_id"]
    bo = Viewer(browser, f"{bench.url}?id={trade}")
    bo.shows(day.ids[3])
    anna.page.keyboard.press("/")
    anna.page.keyboard.type(day.ids[3])
    sync_api.expect(anna.page.locator("#count")).to_have_text("1 episode")
    anna.page.keyboard.press("Enter")
    anna.page.keyboard.press("j")
    anna.shows(day.ids[3])
    anna.page.keyboard.press("a")
    anna.decision("acknowledged by local")
    bo.decision("acknowledged by local")
    assert [review["state"] for review in bench.reviews()] == ["acknowledged"]

    wide = "document.documentElement.scrollWidth <= innerWidth"
    for viewer in (anna, bo):
        assert viewer.page.evaluate("window.PWNED") is None
        assert viewer.page.evaluate(wide)
        assert viewer.said == []
        own = (bench.url, bench.url.replace("http", "ws"), "data:", "blob:")
        assert [url for url in viewer.asked if not url.startswith(own)] == []
    assert bench.stop() < 5
    sync_api.expect(anna.page.locator("[data-testid=state]")).to_have_text("disconnected")


@pytest.mark.full
def test_of_two_analysts_the_later_sees_the_earlier_and_commands_tell_what_counts(
    bench: Bench, browser: Any, tmp_path: Path
) -> None:
    day = told(3)
    bench.tell(day)
    name = day.ids[2]
    anna, bo = (Viewer(browser, f"{bench.url}?episode={name}") for _ in range(2))
    for viewer in (anna, bo):
        viewer.shows(name)
    bo.page.route("**/live/episode?*", lambda route: route.abort())  # bo has not seen it yet
    anna.page.locator("[data-testid=review-dismiss]").click()
    anna.decision("dismissed by local")
    bo.page.unroute("**/live/episode?*")
    bo.page.locator("[data-testid=review-escalate]").click()
    sync_api.expect(bo.page.locator(".said")).to_contain_text("was earlier: dismissed")
    bo.decision("dismissed by local")
    bo.page.locator("[data-testid=review-escalate]").click()
    anna.decision("escalated by local")
    last = bench.reviews()[-1]
    assert [step["state"] for step in last["history"]] == ["dismissed", "escalated"]

    out = tmp_path / "reviews.jsonl"
    assert tape("reviews", "export", "-o", out, **bench.env()).returncode == 0
    assert [json.loads(line)["state"] for line in out.read_text().splitlines()] == ["escalated"]
    listed = tape("reviews", "list", "--json", **bench.env())
    assert [one["episode_id"] for one in json.loads(listed.stdout)["reviews"]] == [name]
    case = tmp_path / "case.json"
    assert tape("case", name, "-o", case, **bench.env()).returncode == 0
    found = json.loads(case.read_text())
    assert found["episode"]["history"] == last["history"]


@pytest.mark.full
def test_the_page_outlives_its_broker_and_loses_nothing(
    own_kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path, browser: Any
) -> None:
    own_kafka.start()
    bench = Bench(own_kafka.address, topic_names, tmp_path)
    bench.start()
    try:
        bench.tell(told(5))
        anna = Viewer(browser, bench.url)
        sync_api.expect(anna.rows).to_have_count(5)
        own_kafka.kill()
        state = anna.page.locator("[data-testid=state]")
        sync_api.expect(state).to_have_text("disconnected")
        assert not bench.is_well()
        sync_api.expect(anna.rows).to_have_count(5)
        own_kafka.start()
        sync_api.expect(state).not_to_have_text("disconnected", timeout=PATIENCE_MS)
        bench.tell(told(5, first=50))
        sync_api.expect(anna.rows).to_have_count(10)
        ids = anna.rows.evaluate_all("rows => rows.map(row => row.dataset.episodeId)")
        assert sorted(ids) == sorted([*told(5).ids, *told(5, first=50).ids])
    finally:
        bench.stop()
