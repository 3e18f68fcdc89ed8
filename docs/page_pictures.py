"""Takes the pictures of docs/page.md: a synthetic day on the page, in Debian's Chromium.

Run: python -m docs.page_pictures
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from PIL import Image

from tape.kafka.local.ports import free_port
from tape.synthetic import make_day
from tape.synthetic.files import write_day

PICTURES: Final = Path(__file__).parent / "pictures"
LARGEST_BYTES: Final = 200_000
"""Of a picture: a page of the docs has several."""
COLOURS: Final = 128
"""Of a picture: the page has few, and the blurred edges of its letters the rest."""
START_S: Final = 120.0
SIZES: Final = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 1024, "height": 768}}


def main() -> None:
    """Take them all, and say how large they are."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with a_page() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take(opened(browser, url, "wide", "dark"), "page.png")
        light = opened(browser, url, "narrow", "light")
        light.locator("#bardays").click()
        light.locator("#overview td button").first.wait_for()
        take(light, "page-overview.png")
        browser.close()


def opened(browser: Any, url: str, size: str, scheme: str) -> Any:
    """Return the page with the worst episode, its bars and its neighbours on it."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.locator(".around tr[data-flagged=true]").first.wait_for()
    page.wait_for_timeout(1_000)  # the chart draws what it was given
    return page


def take(page: Any, name: str) -> None:
    """Write a picture; raises `ValueError` if it is too large for the docs."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    small = io.BytesIO()
    image.save(small, "png", optimize=True)
    picture = small.getvalue()
    if len(picture) > LARGEST_BYTES:
        raise ValueError(f"{name}: {len(picture):,} bytes, at most {LARGEST_BYTES:,} are wanted")
    (PICTURES / name).write_bytes(picture)
    print(f"{name}: {len(picture):,} bytes")


@contextmanager
def a_page() -> Iterator[str]:
    """Yield where a page of a synthetic day is, all of it played."""
    with tempfile.TemporaryDirectory() as folder:
        write_day(make_day(), Path(folder))
        (trades,) = Path(folder).glob("*.trades.csv.zst")
        port = free_port()
        env = {**os.environ, "PROFILE": "calibrated", "PAGE_PORT": str(port)}
        words = ["page", "--replay", str(trades), "--speed", "0"]
        made = subprocess.Popen([sys.executable, "-m", "tape", *words], env=env)
        url = f"http://127.0.0.1:{port}/"
        try:
            deadline_s = time.monotonic() + START_S
            while b"The day is over" not in _told(url):
                if made.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError("the page did not play the day")
                time.sleep(0.2)
            yield url
        finally:
            made.terminate()
            made.wait(30)


def _told(url: str) -> bytes:
    try:
        with urlopen(f"{url}live/start", timeout=5) as answer:  # noqa: S310 - our own
            return bytes(answer.read())
    except OSError:
        return b""


if __name__ == "__main__":
    main()
