"""`tape demo --page`: one command, and a page in the browser that moves."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.browsers import CHROMIUM, Viewer, a_browser

pytest.importorskip("streamlit", reason="the extra `page` is not installed")
pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: nothing is seen in a browser"),
]
TRADES = 20_000


@pytest.fixture
def browser() -> Iterator[Any]:
    with a_browser() as opened:
        yield opened


def line_with(words: str, demo: subprocess.Popen[str], until_s: float) -> str:
    """The first line of the demo that has these words."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if words in line:
            return line
        assert time.monotonic() < until_s, line
    raise AssertionError(f"the demo ended without saying: {words}")


def test_a_page_that_moves_comes_from_one_command_and_goes_with_it(
    tmp_path: Path, browser: Any
) -> None:
    data = tmp_path / "data"
    write_day(make_day(trades=TRADES), data)
    out = tmp_path / "out"
    words = ["demo", "--page", "--data", str(data), "--output", str(out)]
    demo = subprocess.Popen(
        [sys.executable, "-m", "tape", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "REPLAY_SPEED": "1000"},
    )
    try:
        said = line_with("the page: http", demo, time.monotonic() + 180)
        url = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert url is not None
        anna = Viewer(browser, url[0])
        newest = anna.page.locator("#newest")
        shown: set[str] = set()
        deadline_s = time.monotonic() + 120
        while len(shown) < 5:
            shown.add(newest.inner_text())
            assert time.monotonic() < deadline_s, shown
            anna.page.wait_for_timeout(500)
        line_with("The page stays open", demo, time.monotonic() + 180)
        with (out / "anomalies.jsonl").open() as file:
            assert next(file)
        anna.rows.first.click()
        anna.page.locator("[data-testid=review-acknowledge]").click()
        anna.decision("acknowledged by local")
        apps = children(demo.pid)
        assert apps
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
        assert not [pid for pid in apps if Path(f"/proc/{pid}").exists()]
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait(10)
        assert demo.stdout is not None
        demo.stdout.close()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found]
