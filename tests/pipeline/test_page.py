"""The page in a real browser, on a real broker: what a person sees, chooses and decides."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tape.kafka.local.broker import LocalKafka
from tests.browsers import CHROMIUM, PATIENCE_MS, Viewer, a_browser
from tests.commands import tape
from tests.flagged_days import changed, told
from tests.kafka_client import produce
from tests.page_bench import PageBench

pytest.importorskip("streamlit", reason="the extra `page` is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: nothing is seen in a browser"),
]

HOSTILE = "<img src=x onerror='window.PWNED=1'><script>window.PWNED=1</script>"


@pytest.fixture
def bench(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[PageBench]:
    made = PageBench(kafka.address, topic_names, tmp_path)
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
def test_what_a_person_sees_chooses_and_decides(bench: PageBench, browser: Any) -> None:
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
    state = anna.page.locator("[data-testid=state]")
    sync_api.expect(state).to_have_text("disconnected")
    sync_api.expect(anna.page.locator("#note")).to_contain_text("server does not answer")
    bench.start()
    sync_api.expect(state).not_to_have_text("disconnected")
    sync_api.expect(anna.page.locator("#count")).to_have_text("1 episode")
    anna.page.keyboard.press("c")
    sync_api.expect(anna.page.locator("#count")).to_have_text("261 episodes")


@pytest.mark.full
def test_of_two_analysts_the_later_sees_the_earlier_and_commands_tell_what_counts(
    bench: PageBench, browser: Any, tmp_path: Path
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
    shown = json.loads(tape("show", name, **bench.env()).stdout)
    assert shown["episode"] == found["episode"]


@pytest.mark.full
def test_the_page_outlives_its_broker_and_loses_nothing(
    own_kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path, browser: Any
) -> None:
    own_kafka.start()
    bench = PageBench(own_kafka.address, topic_names, tmp_path)
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
