"""The apps as measured processes."""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tape.errors import BooksError
from tape.ops.app_files import app_main
from tape.settings.load import for_children

PRODUCER, DETECTOR = app_main("producer"), app_main("anomaly_detector")
STOCK_LOOP = Path(__file__).with_name("stock_loop.py")
IDLE_S = 3.0
Topics = tuple[str, str, str, str]
"""In the order of `pipeline_topics`: of trades, anomalies, rejected records, episodes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU of all threads, and of the clock, that a number of messages took."""

    cpu_s: float
    wall_s: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.cpu_s - other.cpu_s, self.wall_s - other.wall_s)


def environment(address: str, topics: Topics, group: str, state: Path) -> dict[str, str]:
    """Return the environment of an app on a broker; topics in the order of `pipeline_topics`."""
    return {
        **os.environ,
        **for_children(),
        "Quix__Broker__Address": address,
        "Quix__Consumer_Group": group,
        "Quix__Deployment__State__Path": str(state),
        "INSTANCE": "bench",
        "input": topics[0],
        "output": topics[1],
        "rejected": topics[2],
        "EPISODES_TOPIC": topics[3],
        "BARS": "off",
    }


def run_app(main: Path, env: dict[str, str], log: Path | None = None) -> Cost:
    """Run an app to its end and return what it cost; raises `CalledProcessError` if it fails.

    Its log goes to `log`, one JSON object a line, or nowhere.
    """
    cpu_s, wall_s = _children_cpu_s(), time.monotonic()
    with (log or Path(os.devnull)).open("wb") as file:
        subprocess.run(
            [sys.executable, str(main)],
            env={**env, "STOP_WHEN_IDLE_S": str(IDLE_S), "LOG_FORMAT": "json"},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    return Cost(_children_cpu_s() - cpu_s, time.monotonic() - wall_s)


def check_books(log: Path, sent: int) -> None:
    """Raise `BooksError` unless the detector with this log judged all that was sent, once each."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]
    (end,) = [line for line in lines if line["event"] == "detector stopped"]
    judged, duplicates = end["trades"], end["duplicate"]
    rejected = sum(end["rejected"].values())
    if (judged, duplicates, rejected) != (sent, 0, 0):
        raise BooksError(
            f"the books do not balance: {sent:,} trades were sent, but {judged:,} were judged, "
            f"{duplicates:,} were duplicates and {rejected:,} were rejected; this is a fault of "
            "this program, please report it"
        )


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
