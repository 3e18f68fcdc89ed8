"""Peak memory of a detector with a symbol in each place: with one trade each, and with full state.

`python -m benchmarks.machine.places [PLACES]` (by default as many as `MAX_SYMBOLS`) judges by
four judges, one for each of the partitions that `tape topics create` makes, and holds at the end
all states twice, as a commit does that has every symbol in it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

from benchmarks.machine.engine import full_detector
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.model.counts import Counts
from tape.model.trade import Trade, encode
from tape.settings.detector import DetectorSettings

Kind = Literal["one_trade", "full"]
PARTITIONS: Final = 4
BATCH: Final = 1_000
START_NS: Final = 1_751_961_600_000_000_000


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {name} in /proc/self/status")


def _trade(symbol: str, n: int) -> bytes:
    return encode(
        Trade(
            ts_recv_ns=START_NS + n,
            ts_event_ns=START_NS + n,
            publisher_id=2,
            side="B",
            price_nanos=142_000_000_000,
            size=100,
            sequence=n + 1,
            symbol=symbol,
        )
    )


def _measure(kind: Kind, places: int) -> dict[str, int]:
    """Judge a trade of each symbol, and keep what all of them have to keep."""
    from tape.streaming.running import run_detector  # noqa: F401 - as a detector has loaded

    counts, own = Counts(), -(-places // PARTITIONS)
    judges = [Judge(Parameters(), own, counts) for _ in range(PARTITIONS)]
    judges[0].judge([b"A"], [_trade("A", 0)])  # compiled code is loaded
    judges[0] = Judge(Parameters(), own, counts)
    full = full_detector(1).snapshot(0) if kind == "full" else b""
    before = _status_bytes("VmRSS")
    size = 0
    for partition, judge in enumerate(judges):
        names = [f"S{n}" for n in range(partition, places, PARTITIONS)]
        if full:
            for name in names:
                number = judge.symbols.number(name)
                assert isinstance(number, int)  # noqa: S101 - there is a place for each
                judge.detector.restore(number, full)
        for at in range(0, len(names), BATCH):
            part = names[at : at + BATCH]
            values = [_trade(name, at + n) for n, name in enumerate(part)]
            judge.judge([name.encode() for name in part], values)
    live = _status_bytes("VmRSS")
    kept = [blob for judge in judges for _, blob in judge.changed()]
    twice = [bytearray(blob) for blob in kept]
    size = sum(map(len, twice)) // len(kept)
    return {
        f"{kind}_state_bytes": size,
        f"{kind}_start_rss_bytes": before,
        f"{kind}_live_rss_bytes": live,
        f"{kind}_commit_rss_bytes": _status_bytes("VmHWM"),
    }


def places_figures(places: int) -> dict[str, int]:
    """Return the figures of both kinds, each from a process of its own."""
    found = {"places": places}
    for kind in ("one_trade", "full"):
        command = [sys.executable, "-m", "benchmarks.machine.places", str(places), kind]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        found |= json.loads(done.stdout)
    return found


def main(words: list[str]) -> None:
    """Print the figures of as many places as asked for."""
    places = int(words[0]) if words else DetectorSettings.model_fields["max_symbols"].default
    match words[1:]:
        case ["one_trade" | "full" as kind]:
            print(json.dumps(_measure(kind, places)))
        case _:
            print(json.dumps(places_figures(places), indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
