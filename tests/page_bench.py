"""The page as a process on a broker, with topics of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tape.kafka.local.ports import free_port
from tape.kafka.topics import create_topics, pipeline_topics
from tests.apps import ROOT
from tests.flagged_days import Told
from tests.kafka_client import produce, read_all


class PageBench:
    """Topics, and a page on them."""

    def __init__(
        self, address: str, names: Callable[[str], str], folder: Path, **settings: str
    ) -> None:
        self.address, self.folder, self.port = address, folder, free_port()
        self.settings, self.log_file = settings, folder / f"page-{self.port}.log"
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
            **self.settings,
        }

    def start(self) -> None:
        with self.log_file.open("ab") as log:
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
        return self.log_file.read_text()[-4_000:]

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

    def beside(self, **settings: str) -> "PageBench":
        """Return another page on the same topics, not yet started."""
        other = PageBench(self.address, self.topics.__getitem__, self.folder, **settings)
        return other
