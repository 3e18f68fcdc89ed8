"""Who may look and who may decide, on the page as it runs: behind a login, and on two pages."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tape.kafka.local.broker import LocalKafka
from tests.browsers import CHROMIUM, Viewer, a_browser
from tests.flagged_days import told
from tests.naming_proxy import HEADER, naming_proxy
from tests.page_bench import PageBench

pytest.importorskip("streamlit", reason="the extra `page` is not installed")

pytestmark = [pytest.mark.broker, pytest.mark.full]
EVERYWHERE = (
    "",
    "_stcore/host-config",
    "static/",
    "live/start",
    "live/episodes",
    "live/files/live.js",
)
"""Addresses of ours and of Streamlit's."""
SECRET = "s3cr3t"  # noqa: S105 - of nobody
ROUNDS = 12


@pytest.fixture
def pages(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Callable[..., PageBench]]:
    made: list[PageBench] = []

    def page(**settings: str) -> PageBench:
        one = (
            made[0].beside(**settings)
            if made
            else PageBench(kafka.address, topic_names, tmp_path, **settings)
        )
        made.append(one)
        one.start()
        return one

    yield page
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)


def asked(url: str, body: object = None, **headers: str) -> tuple[int, str]:
    """Return status and text of an answer."""
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = Request(url, data, {name.replace("_", "-"): v for name, v in headers.items()})  # noqa: S310
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode("utf-8", "replace")
    except HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def test_every_address_is_behind_the_guard_and_none_tells_a_secret(
    pages: Callable[..., PageBench],
) -> None:
    page = pages(PAGE_USER_HEADER=HEADER, KAFKA_SASL_USERNAME="ursula", KAFKA_SASL_PASSWORD=SECRET)
    page.tell(told(3))
    for path in EVERYWHERE:
        url = page.url + path
        assert asked(url)[0] == 401, path
        assert asked(url, **{HEADER: "anna"}, Host="evil.example")[0] == 403, path
        status, text = asked(url, **{HEADER: "anna"})
        assert status in (200, 404), path
        assert SECRET not in text
        assert "ursula" not in text
        assert page.address not in text
    assert SECRET not in page.log()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: nothing is seen in a browser")
def test_behind_a_login_a_reviewer_decides_in_their_name_and_a_viewer_only_looks(
    pages: Callable[..., PageBench],
) -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    from playwright.sync_api import expect

    page = pages(PAGE_USER_HEADER=HEADER, PAGE_REVIEWERS="anna")
    day = told(3)
    page.tell(day)
    with (
        naming_proxy(page.port, "anna") as for_anna,
        naming_proxy(page.port, "bo") as for_bo,
        a_browser() as browser,
    ):
        bo = Viewer(browser, f"http://127.0.0.1:{for_bo}/?episode={day.ids[1]}")
        bo.shows(day.ids[1])
        expect(bo.page.locator("#user")).to_have_text("bo (may look)")
        expect(bo.page.locator("[data-testid=review-dismiss]")).to_be_disabled()
        bo.page.keyboard.press("d")
        anna = Viewer(browser, f"http://127.0.0.1:{for_anna}/?episode={day.ids[1]}")
        anna.shows(day.ids[1])
        anna.page.locator("[data-testid=review-dismiss]").click()
        anna.decision("dismissed by anna")
        bo.decision("dismissed by anna")
        assert anna.said == bo.said == []
    assert [(one["state"], one["by"]) for one in page.reviews()] == [("dismissed", "anna")]


def test_of_two_who_decide_at_the_same_moment_on_two_pages_one_is_first_for_both(
    pages: Callable[..., PageBench],
) -> None:
    """Each page is a process of its own: only the topic's order decides between them."""
    one, other = pages(), pages()
    day = told(ROUNDS)
    one.tell(day)
    for name in day.ids:
        wait_for(one, name, 0)
        wait_for(other, name, 0)
        answers = at_once(
            lambda page, state, name=name: asked(
                f"{page.url}live/review",
                {"episode_id": name, "state": state, "reason": "news", "steps": 0},
            ),
            (one, "dismissed"),
            (other, "escalated"),
        )
        assert sorted(status for status, _ in answers) == [200, 409]
        first = json.loads(next(text for status, text in answers if status == 200))["review"]
        shown = json.loads(next(text for status, text in answers if status == 409))["review"]
        assert shown == first, "the later one is shown the earlier decision"
        states = {wait_for(page, name, 1)["review"] for page in (one, other)}
        assert states == {first["state"]}
    last = {review["episode_id"]: review for review in one.reviews()}
    assert {len(review["history"]) for review in last.values()} == {1}
    assert len(last) == ROUNDS


def at_once(
    ask: Callable[..., tuple[int, str]], *arguments: tuple[PageBench, str]
) -> list[tuple[int, str]]:
    """Return what several calls return that begin at the same moment."""
    gate, answers = threading.Barrier(len(arguments)), []

    def work(own: tuple[PageBench, str]) -> None:
        gate.wait()
        answers.append(ask(*own))

    threads = [threading.Thread(target=work, args=(own,)) for own in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def wait_for(page: PageBench, name: str, steps: int) -> dict[str, Any]:
    """Return an episode as a page has it, once it has seen this many decisions about it."""
    for _ in range(600):
        status, text = asked(f"{page.url}live/episode?episode={name}")
        if status == 200 and json.loads(text)["steps"] >= steps:
            return dict(json.loads(text))
        threading.Event().wait(0.1)
    raise AssertionError(f"{name} has no {steps} decisions at {page.url}")
