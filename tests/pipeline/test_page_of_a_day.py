"""A day on the page, from files, in a real browser: what a stranger finds, and by what means."""

import csv
import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tape.kafka.local.ports import free_port
from tape.synthetic import make_day, write_day
from tests.apps import ROOT
from tests.browsers import CHROMIUM, Viewer, a_browser
from tests.commands import tape

pytest.importorskip("streamlit", reason="the extra `page` is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: nothing is seen in a browser"),
]
DETECTOR = {"PROFILE": "calibrated"}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "day"
    folder.mkdir()
    write_day(make_day(trades=60_000), folder)
    return folder


@pytest.fixture(scope="module")
def episodes(day: Path) -> list[dict[str, Any]]:
    """The last states of the day's episodes as the command writes them, the worst first."""
    file = day.parent / "episodes.jsonl"
    tape("replay", day, "--episodes", file, **DETECTOR)
    states = {}
    for line in file.read_text().splitlines():
        states[json.loads(line)["episode_id"]] = json.loads(line)
    return sorted(states.values(), key=lambda e: (-e["priority"], e["first_ts_event"]))


@pytest.fixture(scope="module")
def url(day: Path) -> Iterator[str]:
    """A page of the day, all of it played."""
    port = free_port()
    made = subprocess.Popen(
        [sys.executable, "-m", "tape", "page", "--replay", str(day), "--speed", "0"],
        env={**os.environ, **DETECTOR, "PAGE_PORT": str(port)},
        cwd=ROOT,
    )
    address = f"http://127.0.0.1:{port}/"
    deadline_s = time.monotonic() + 120
    while "The day is over" not in told(address):
        assert made.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    yield address
    made.terminate()
    made.wait(10)


def told(address: str) -> str:
    try:
        with urlopen(f"{address}live/start", timeout=5) as answer:  # noqa: S310 - our own
            return str(json.load(answer)["facts"]["problem"])
    except OSError:
        return ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as opened:
        yield opened


def expect(found: Any) -> Any:
    return sync_api.expect(found)


def test_the_worst_event_its_reason_and_its_neighbours_are_there_without_a_click(
    url: str, episodes: list[dict[str, Any]], browser: Any
) -> None:
    begun_s = time.monotonic()
    anna = Viewer(browser, url)
    worst = episodes[0]
    anna.shows(worst["episode_id"])
    expect(anna.page.locator("[data-testid=reason]")).to_have_text(worst["reason"])
    flagged = anna.page.locator(".around tr[data-flagged=true]")
    expect(flagged.first).to_be_in_viewport()
    print(f"worst event, reason and neighbours after {time.monotonic() - begun_s:.1f} s")
    assert flagged.count() == worst["flags"]
    around = anna.page.locator(".around tr")
    assert 1 + 100 < around.count() <= 1 + 201, "a head, the trade, and up to 100 on each side"
    times = [row.split("\t")[0].lstrip("▸ ") for row in around.all_inner_texts()[1:]]
    assert times == sorted(times)
    span = re.match(r"([\d:]+)–([\d:]+)", anna.page.locator("#charttold").inner_text())
    assert span is not None
    assert span[1] <= worst["first_ts_event"][11:19] <= span[2], "the chart shows that time"
    assert anna.said == []


def test_filters_are_of_all_that_is_kept_and_the_table_for_spreadsheets_has_the_same(
    url: str, episodes: list[dict[str, Any]], browser: Any, tmp_path: Path
) -> None:
    anna = Viewer(browser, url)
    count = anna.page.locator("#count")
    noon = [e for e in episodes if "16:00" <= e["first_ts_event"][11:16] <= "17:59"]
    assert 0 < len(noon) < len(episodes)
    anna.page.locator("#time").fill("16:00-17:59")
    anna.page.keyboard.press("Enter")
    expect(count).to_have_text(f"{len(noon)} episode{'s' * (len(noon) != 1)}")
    with anna.page.expect_download() as download:
        anna.page.locator("#csv").click()
    download.value.save_as(tmp_path / "e.csv")
    with (tmp_path / "e.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [e["episode_id"] for e in noon]

    anna.page.locator("#time").fill("half past nine")
    anna.page.keyboard.press("Enter")
    expect(anna.page.locator("#time")).to_have_attribute("aria-invalid", "true")
    expect(count).to_have_text(f"{len(noon)} episode{'s' * (len(noon) != 1)}")
    anna.page.locator("#search").fill("no such thing")
    expect(anna.page.locator("#empty")).to_contain_text("No episode matches the filter.")
    anna.page.locator("#empty button").click()
    expect(count).to_have_text(f"{len(episodes)} episodes")

    anna.page.locator("#bardays").click()
    lately = anna.page.locator("[data-testid=recent]")
    expect(lately).to_contain_text("the budget is 1.5 per 10,000 trades")
    expect(lately.locator("tr").nth(1)).to_contain_text(re.compile(r"[A-Z]+"))
    cell = anna.page.locator("#overview td button").first
    said = re.fullmatch(r"(\w+) (\d\d:\d\d): (\d+) episodes", cell.get_attribute("aria-label"))
    assert said is not None
    of_it = [e for e in episodes if (e["symbol"], e["first_ts_event"][11:16]) == (said[1], said[2])]
    assert len(of_it) == int(said[3])
    cell.click()
    expect(anna.rows).to_have_count(len(of_it))
    bo = Viewer(browser, f"{url}?symbols={said[1]}&order=newest")
    own = [e for e in episodes if e["symbol"] == said[1]]
    expect(bo.page.locator("#count")).to_have_text(f"{len(own)} episodes")
    expect(bo.page.locator("#newestfirst")).to_have_attribute("aria-pressed", "true")


def test_an_episode_that_is_not_kept_is_said_to_be_gone(url: str, browser: Any) -> None:
    anna = Viewer(browser, f"{url}?id=NVDA-2-1741000000000000000-7")
    expect(anna.detail).to_contain_text("not kept any more, or was never here")
    expect(anna.rows.first).to_be_visible()


def test_a_request_that_failed_is_said_and_asked_again(url: str, browser: Any) -> None:
    anna = Viewer(browser, url)
    expect(anna.rows.first).to_be_visible()
    anna.page.route("**/live/episodes?*", lambda route: route.abort())
    anna.page.locator("#search").fill("NVDA")
    note = anna.page.locator("#note")
    expect(note).to_contain_text("Not loaded: the list of episodes")
    anna.page.unroute("**/live/episodes?*")
    expect(note).not_to_contain_text("Not loaded")
    expect(anna.page.locator("[data-symbol=AAPL][data-testid=episode-row]")).to_have_count(0)


def test_all_works_by_keys_and_has_names_for_who_does_not_see(
    url: str, episodes: list[dict[str, Any]], browser: Any
) -> None:
    anna = Viewer(browser, url)
    anna.shows(episodes[0]["episode_id"])
    anna.page.keyboard.press("j")
    anna.shows(episodes[1]["episode_id"])
    assert f"episode={episodes[1]['episode_id']}" in anna.page.url
    anna.page.keyboard.press("k")
    anna.shows(episodes[0]["episode_id"])
    anna.page.keyboard.press("d")
    anna.decision("dismissed by local")
    row = anna.page.locator(f"[data-episode-id='{episodes[0]['episode_id']}'].cell")
    expect(row).to_contain_text("✕ dismissed")
    anna.page.keyboard.press("Space")
    expect(anna.page.locator("#pause")).to_have_text("Resume (0)")
    anna.page.keyboard.press("?")
    expect(anna.page.locator("#help")).to_be_visible()
    anna.page.keyboard.press("Escape")
    expect(anna.page.locator("#help")).to_be_hidden()
    grid = anna.page.get_by_role("grid", name="Episodes")
    assert grid.get_attribute("aria-rowcount") == str(len(episodes))
    seen = set()
    for _ in range(30):
        anna.page.keyboard.press("Tab")
        seen.add(
            anna.page.evaluate(
                "(() => { let a = document.activeElement; while (a?.shadowRoot?.activeElement) "
                "a = a.shadowRoot.activeElement; return a?.id })()"
            )
        )
    assert {"search", "worst", "table", "review", "time", "watchlist"} <= seen
    unnamed = "e => [...e.querySelectorAll('button, input, select, textarea, a')].filter(x => "
    unnamed += "!(x.textContent.trim() || x.getAttribute('aria-label') || x.title)).length"
    assert anna.page.locator("#page").evaluate(unnamed) == 0


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1440, 900), (1024, 768)])
def test_it_fits_the_window_and_what_is_written_can_be_read(
    url: str, browser: Any, scheme: str, size: tuple[int, int]
) -> None:
    window = {"width": size[0], "height": size[1]}
    anna = Viewer(browser, url, viewport=window, color_scheme=scheme)
    expect(anna.rows.first).to_be_visible()
    assert anna.page.locator("#page").get_attribute("data-theme") == scheme
    fits = "document.documentElement.scrollWidth <= innerWidth && scrollY === 0"
    assert anna.page.evaluate(fits)
    for name in ("#note", ".filters", "[data-testid=reason]", ".decide >> nth=1", "#count"):
        box = anna.page.locator(name).bounding_box()
        assert box is not None
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= size[0], name
        assert box["y"] + box["height"] <= size[1], name
    contrast = anna.page.locator("#page").evaluate(CONTRAST)
    assert contrast >= 4.5, "of the least readable words, by WCAG"


CONTRAST = """page => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255;
    return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const below = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e);
    const p = parts(c.backgroundColor), mixed = c.backgroundColor.startsWith("color");
    if ((p[3] ?? 1) > .99 && !mixed) return p; } return [0, 0, 0]; };
  let least = 99;
  for (const e of page.querySelectorAll(".bar *, .head *, .cell *, .right *, .filters *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (e.closest(":disabled, [hidden], option")) continue;
    const a = light(parts(getComputedStyle(e).color)), b = light(below(e));
    least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return least;
}"""
"""The least contrast of a word to what is behind it."""


def test_an_exported_day_is_a_page_without_a_program(
    day: Path, episodes: list[dict[str, Any]], browser: Any, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    assert tape("page", "--replay", day, "--export", site, **DETECTOR).returncode == 0
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        anna = Viewer(browser, address)
        expect(anna.rows.first).to_have_attribute("data-episode-id", episodes[0]["episode_id"])
        anna.shows(episodes[0]["episode_id"])
        expect(anna.page.locator(".around tr[data-flagged=true]").first).to_be_in_viewport()
        assert episodes[0]["first_ts_event"][11:16] in shown_span(anna)
        assert anna.page.locator("[data-testid=review-dismiss]").is_disabled()
        anna.choose(episodes[3]["episode_id"])
        anna.page.locator("#bar1m").click()
        expect(anna.page.locator("#charttold")).to_contain_text("trades")
        anna.page.locator("#search").fill(episodes[2]["symbol"])
        own = [e for e in episodes if e["symbol"] == episodes[2]["symbol"]]
        expect(anna.page.locator("#count")).to_have_text(f"{len(own)} episodes")
        assert anna.said == []
        assert [one for one in anna.asked if not one.startswith((address, "data:"))] == []
        server.shutdown()
    bo = Viewer(browser, f"file://{site}/index.html")
    expect(bo.page.locator("#served")).to_contain_text("python -m http.server")


def shown_span(viewer: Viewer) -> set[str]:
    """The minutes that the chart says it has."""
    text = viewer.page.locator("#charttold").inner_text()
    begin, end = (int(one[:2]) * 60 + int(one[3:5]) for one in re.findall(r"\d\d:\d\d", text)[:2])
    return {f"{n // 60:02d}:{n % 60:02d}" for n in range(begin, end + 1)}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
