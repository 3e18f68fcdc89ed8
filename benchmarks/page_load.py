"""The page under load: 2,000 trades a second, and every ten seconds a burst of 500 flagged ones.

Measures how long a new episode takes from its acknowledgement by the broker to the screen, gaps
between the browser's frames, and memory on both sides.
Run: python -m benchmarks.page_load --minutes 5
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.kafka import clients
from tape.kafka.local.broker import LocalKafka
from tape.kafka.local.ports import free_port
from tape.kafka.topics import create_topics, pipeline_topics
from tape.model.bar import Bar, encode_bar
from tape.model.counts import Counts
from tape.model.fields import iso_time
from tape.settings.page import PageSettings
from tape.testing.trades import a_trade, messages

SYMBOLS = tuple(f"S{n:02d}" for n in range(20))
TRADES_PER_S = 2_000
FLAGGED_PER_S = 30
"""Between the bursts: 1.5 % of the trades, as `classic` flags of busy symbols."""
BURST, BURST_EVERY_S = 500, 10
SETTLED = 0.25
"""Part of the run after which memory is looked at."""
LISTENERS = 4
"""Browser windows; one is looked at."""
FULL = 45_000
"""Flagged trades before it begins: more than the page keeps, so that its memory is full."""
STREAMS = 50
"""Further sockets that take every frame."""
WATCH = """() => {
  window.ages = []; window.gaps = []; window.seen = "";
  const host = [...document.querySelectorAll('*')].find(e => e.shadowRoot?.querySelector('#table'));
  const root = host.shadowRoot;
  let last = performance.now();
  const look = () => {
    const now = performance.now(); if (now - last > 100) window.gaps.push(now - last); last = now;
    let top = null, y = 1e9;
    for (const cell of root.querySelectorAll('.cell')) {
      const at = cell.getBoundingClientRect().top;
      if (at < y) { y = at; top = cell.dataset.episodeId; } }
    if (top && top !== window.seen) { window.seen = top; const sent = Number(top.split('@')[1]);
      if (sent) window.ages.push(Date.now() - sent); }
    requestAnimationFrame(look);
  }; look();
}"""
"""Notes when another episode is at the top, and how old it is then."""


class Source:
    """Writes what a detector would, at the given rates, until it is told to end."""

    def __init__(self, address: str, settings: PageSettings) -> None:
        self._settings = settings
        self._producer = clients.producer({"bootstrap.servers": address}, {"linger.ms": 5})
        judge = Judge(Parameters(), 100, Counts())
        found = judge.judge(*messages([a_trade(1, size=50_000), a_trade(2)]))
        self._anomaly = json.loads(found.flagged[0].value)
        self._episode = json.loads(found.episodes[-1].value)
        self.over = threading.Event()
        self.flagged = 0
        self.late_s = 0.0

    def run(self) -> None:
        """Write second by second; the flagged trades of a burst come at once."""
        for _ in range(FULL // BURST):
            self._flag(BURST)
            self._producer.flush(30)
        begun_s = time.time()
        for second in range(10**9):
            due_s = begun_s + second
            self.late_s = max(self.late_s, time.time() - due_s)
            if self.over.wait(max(0.0, due_s - time.time())):
                return
            burst = BURST if second % BURST_EVERY_S == 5 else 0
            for part in range(4):
                self._flag(FLAGGED_PER_S // 4 + (burst if part == 1 else 0))
                self._bars(int(due_s))
                self._producer.flush(5)
                self.over.wait(max(0.0, due_s + (part + 1) / 4 - time.time()))

    def _flag(self, count: int) -> None:
        settings = self._settings
        for _ in range(count):
            self.flagged += 1
            symbol, now_ns = SYMBOLS[self.flagged % len(SYMBOLS)], time.time_ns()
            name = f"{symbol}-{self.flagged}@{now_ns // 1_000_000}"
            at = iso_time(now_ns)
            own = {"symbol": symbol, "episode_id": name, "ts_event": at, "ts_recv": at}
            one = self._anomaly | own | {"anomaly_id": f"a{name}", "sequence": self.flagged}
            state = self._episode | own | {"first_ts_event": at, "last_ts_event": at}
            self._send(settings.output, symbol, one)
            self._send(settings.episodes, name, state)

    def _bars(self, second: int) -> None:
        start = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        each = TRADES_PER_S // len(SYMBOLS)
        for symbol in SYMBOLS:
            bar = Bar(symbol, start, 100.0, 101.0, 99.0, 100.5, 100 * each, each, 2, 98.0, 102.0)
            self._producer.produce(self._settings.bars_topic, encode_bar(bar), symbol.encode())

    def _send(self, topic: str, key: str, value: dict[str, Any]) -> None:
        self._producer.produce(topic, json.dumps(value).encode(), key.encode())


@contextmanager
def a_page(address: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the app `dashboard`; yield its process and address."""
    port = free_port()
    env = {**os.environ, "Quix__Broker__Address": address, "PAGE_PORT": str(port)}
    with (folder / "page.log").open("wb") as log:
        words = [sys.executable, "dashboard/main.py"]
        made = subprocess.Popen(words, env=env, stdout=log, stderr=log)
    try:
        while b"page started" not in (folder / "page.log").read_bytes():
            if made.poll() is not None:
                raise RuntimeError((folder / "page.log").read_text())
            time.sleep(0.2)
        yield made, f"http://127.0.0.1:{port}/"
    finally:
        made.terminate()
        made.wait(30)


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = dict(line.split(":", 1) for line in lines)
    return int(sizes["VmRSS"].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def watch(browser: Any, url: str, pid: int, minutes: float) -> dict[str, Any]:
    """Look at the page for some minutes; return what was seen, in ms and MB."""
    pages = [browser.new_page(viewport={"width": 1440, "height": 900}) for _ in range(LISTENERS)]
    for page in pages:
        page.set_default_timeout(120_000)
        page.goto(f"{url}?order=newest")
        page.locator("[data-testid=episode-row]").first.wait_for()
    first = pages[0]
    first.bring_to_front()
    session = first.context.new_cdp_session(first)
    session.send("Performance.enable")
    session.send("HeapProfiler.enable")
    first.evaluate(WATCH)
    begun_s, cpu_before_s = time.monotonic(), cpu_s(pid)
    memory: list[tuple[float, float, float]] = []
    while (passed_s := time.monotonic() - begun_s) < minutes * 60:
        session.send("HeapProfiler.collectGarbage")
        told = session.send("Performance.getMetrics")["metrics"]
        heap = next(one["value"] for one in told if one["name"] == "JSHeapUsedSize") / 2**20
        memory.append((passed_s, rss_mb(pid), heap))
        first.wait_for_timeout(10_000)
    took_s = time.monotonic() - begun_s
    ages, gaps = np.array(first.evaluate("window.ages")), first.evaluate("window.gaps")
    settled = [one for one in memory if one[0] > took_s * SETTLED]
    return {
        "age_ms": {p: round(float(np.percentile(ages, p))) for p in (50, 95, 99, 100)},
        "seen": len(ages),
        "gaps_over_100_ms": len(gaps),
        "gap_max_ms": round(max(gaps, default=0)),
        "server_cpu_of_a_core": round((cpu_s(pid) - cpu_before_s) / took_s, 3),
        "server_mb": [
            round(settled[0][1]),
            round(settled[-1][1]),
            round(max(m[1] for m in memory)),
        ],
        "heap_mb": [round(one[2], 1) for one in (settled[0], settled[-1])],
        "load_of_the_machine": os.getloadavg()[0],
    }


async def _listen(url: str) -> None:
    """Take frames from as many sockets as `STREAMS` until this is cancelled."""
    from websockets.asyncio.client import connect

    async def one() -> None:
        async with connect(
            f"{url.replace('http', 'ws')}live/ws?symbol=S00", max_size=None
        ) as socket:
            async for _ in socket:
                pass

    await asyncio.gather(*(one() for _ in range(STREAMS)))


@contextmanager
def a_source(address: str, url: str) -> Iterator[list[float]]:
    """Run the source as a process of its own; when it has ended, yield what it wrote and how late.

    The list is filled at the end: flagged trades, and seconds behind its plan at most.
    """
    words = [sys.executable, "-m", "benchmarks.page_load", "--write-to", address, "--url", url]
    made = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    figures: list[float] = []
    try:
        yield figures
    finally:
        said, _ = made.communicate(timeout=30)
        figures += json.loads(said)


def write(address: str, url: str) -> None:
    """Write, and listen, until the standard input ends."""
    threading.Thread(target=lambda: asyncio.run(_listen(url)), daemon=True).start()
    source = Source(address, PageSettings())
    writing = threading.Thread(target=source.run)
    writing.start()
    sys.stdin.read()
    source.over.set()
    writing.join()
    print(json.dumps([source.flagged, round(source.late_s, 2)]))


def main(
    minutes: Annotated[float, typer.Option(help="How long.")] = 5.0,
    url: Annotated[str, typer.Option(help="With --write-to: the page to listen to.")] = "",
    write_to: Annotated[str, typer.Option(help="Only write, to this broker.")] = "",
) -> None:
    """Run, and print the figures as JSON."""
    if write_to:
        write(write_to, url)
        return
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as name:
        folder, settings = Path(name), PageSettings()
        with LocalKafka(folder / "broker", free_port()) as kafka:
            client = {"bootstrap.servers": kafka.address}
            bars, reviews = settings.bars_topic, settings.reviews
            create_topics(client, pipeline_topics(*settings.topics(), bars=bars, reviews=reviews))
            with a_page(kafka.address, folder) as (made, page), sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox"]
                )
                with a_source(kafka.address, page) as figures:
                    found = watch(browser, page, made.pid, minutes)
                browser.close()
    found |= {"minutes": minutes, "flagged": figures[0], "source_late_s": figures[1]}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    typer.run(main)
