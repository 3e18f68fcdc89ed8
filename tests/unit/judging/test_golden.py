"""With one profile every message, state and fingerprint is what it was before detectors composed.

The hashes of `golden.json` and the blobs beside it were made by the code of 2026-11-28, before
there was more than one detector a run: those of classic by commit 89f498a, those of calibrated,
whose version 8 came after it, by 548b105. What is told has `priority` and `family` since; without
these two fields, and with `coin tosses alike` for `bits`, the unit of a stuck run, its hashes were
those of these commits, until episodes said why and how bad. With version 3 of their state all of it
is told, and kept, in another form; `before` has the blobs of the version before. The tape is plain
Python, so that no generator's new version changes it.
`python -m tests.unit.judging.test_golden` prints what this code makes of it.
"""

import hashlib
import json
import platform
import random
import re
import zlib
from pathlib import Path

import pytest

from tape.codec.places import Place
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.judging.judge import Judge
from tape.judging.state_keys import Kept
from tape.model.counts import Counts
from tape.model.trade import Trade, encode
from tests.episode_oracle import of_any_version

HERE = Path(__file__).parent / "golden"
NAMES = ("AAPL", "NVDA", "BRK.B")
OPEN_NS = 1_751_981_400_000_000_000
"""2025-07-08 09:30 in New York."""
VERSION = re.compile(rb'"version":"[^"]*"')
OWN = {
    "NVDA": SymbolThresholds(5_000, 0.02, None, 40.0),
    "AAPL": SymbolThresholds(None, 0.5, 30.0),
}
SMALL = {"window": 40, "stride": 2, "history": 60, "refit_every": 100, "trees": 5}
RUNS = {
    "classic": Parameters(),
    "classic-small": Parameters(**SMALL, overrides=OWN, volume_threshold=3_000),  # type: ignore[arg-type]
    "classic-window": Parameters(**SMALL, training="window", episode_gap_s=0.5),  # type: ignore[arg-type]
    "calibrated": Parameters(profile="calibrated", alerts_per_10k=100.0),
    "calibrated-day": Parameters(
        profile="calibrated", alerts_per_day=200.0, overrides=OWN, episode_gap_s=2.0, window=77
    ),
}
TRADES = 7_000
CUT = 4_321
"""Where a run is ended, and another one continues with what it kept."""
BLOB = "BRK.B"


def tape() -> list[tuple[bytes, bytes]]:
    """Return keys and values: odd prices and sizes, repetitions, late trades, equal places."""
    dice = random.Random(20_261_128)
    at_ns, cents, made = OPEN_NS, 5_000, list[tuple[bytes, bytes]]()
    for n in range(1, TRADES + 1):
        if n > 10 and dice.random() < 0.03:
            made.append(made[-1 - int(dice.random() * 9)])
            continue
        at_ns += (0, 10_000, 5_000_000, 3_000_000_000)[int(dice.random() * 4)]
        cents += int(dice.random() * 3) - 1
        odd = dice.random()
        price = cents * (50 + int(dice.random() * 150)) // 100 if odd < 0.01 else cents
        size = 50_000 if odd > 0.995 else 1 + int(1_000 * dice.random() ** 6)
        name = NAMES[min(int(dice.random() * 40) // 19, 2)]
        late_ns = 1_000_000 if dice.random() < 0.02 else 0
        trade = Trade(
            ts_recv_ns=at_ns,
            ts_event_ns=at_ns - late_ns,
            publisher_id=1 + int(dice.random() * 2),
            side="ABN"[int(dice.random() * 3)],
            price_nanos=price * 10_000_000 + (2_500_000 if dice.random() < 0.01 else 0),
            size=size,
            sequence=n // 2,
            symbol=name,
        )
        made.append((name.encode(), encode(trade)))
    return made


class Before:
    """What an earlier run kept, by symbol."""

    def __init__(self, kept: dict[str, bytes]) -> None:
        self.kept = kept

    def get(self, symbol: str, /) -> bytes | None:
        return self.kept.get(symbol)


def digest(parts: list[bytes]) -> str:
    """Return a hash of all, where each ends included; the program's version is no part of it."""
    whole = hashlib.sha256()
    for part in parts:
        text = VERSION.sub(b'"version":""', part)
        whole.update(len(text).to_bytes(8, "little") + text)
    return whole.hexdigest()


def judged(
    judge: Judge, rows: list[tuple[bytes, bytes]], kept: Before | None = None
) -> list[bytes]:
    """Return anomalies and states of episodes, batch by batch."""
    told = []
    for start in range(0, len(rows), 999):
        part = rows[start : start + 999]
        found = judge.judge([key for key, _ in part], [value for _, value in part], kept)
        told += [one.value for one in found.flagged] + [one.value for one in found.episodes]
    return told


def resumed(parameters: Parameters, kept: dict[str, bytes]) -> Judge:
    places = [Place(name, CUT, 1_000, len(blob)) for name, blob in sorted(kept.items())]
    return Judge(parameters, 10, Counts(), kept=Kept(CUT, places))


def facts(parameters: Parameters) -> dict[str, object]:
    """Return hashes of all that one run, ended and gone on with, writes and keeps."""
    rows = tape()
    first = Judge(parameters, 10, Counts())
    told = judged(first, rows[:CUT])
    kept = dict(first.changed())
    second = resumed(parameters, kept)
    more = judged(second, rows[CUT:], Before(kept))
    later = dict(second.changed())
    settings = re.search(rb'"settings":"([0-9a-f]+)"', (told + more)[0])
    assert settings is not None
    return {
        "messages": len(told + more),
        "told": digest(told + more),
        "kept": {name: digest([blob]) for name, blob in sorted(kept.items())},
        "later": {name: digest([blob]) for name, blob in sorted(later.items())},
        "settings": settings[1].decode(),
        "state_of": kept[BLOB][kept[BLOB].index(b"TAPE") :][8:32].replace(b"\0", b" ").decode(),
    }


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the last bit of a logarithm may differ")
@pytest.mark.parametrize("run", RUNS)
def test_one_profile_writes_and_keeps_what_it_did(run: str) -> None:
    golden = json.loads((HERE / "golden.json").read_text())
    assert facts(RUNS[run]) == golden[run]


@pytest.mark.parametrize("run", RUNS)
def test_a_state_that_was_kept_before_is_gone_on_with(run: str) -> None:
    """From the blob of a file, not from one that this code has made."""
    rows = [row for row in tape() if row[0] == BLOB.encode()]
    parameters, half = RUNS[run], len(rows) // 2
    whole = Judge(parameters, 10, Counts())
    judged(whole, rows[:half])
    expected = judged(whole, rows[half:])
    old = {BLOB: zlib.decompress((HERE / f"{run}.bin").read_bytes())}
    assert judged(resumed(parameters, old), rows[half:], Before(old)) == expected
    assert expected


@pytest.mark.parametrize("run", RUNS)
def test_a_state_of_the_version_before_is_gone_on_with(run: str) -> None:
    """What it did not hold is not known at first, and its episodes ended sooner."""
    rows = [row for row in tape() if row[0] == BLOB.encode()]
    parameters, half = RUNS[run], len(rows) // 2
    whole = Judge(parameters, 10, Counts())
    judged(whole, rows[:half])
    expected = [of_any_version(one) for one in judged(whole, rows[half:])]
    old = {BLOB: zlib.decompress((HERE / "before" / f"{run}.bin").read_bytes())}
    told = judged(resumed(parameters, old), rows[half:], Before(old))
    found = [of_any_version(one) for one in told]
    anomalies = [one for one in expected if "state" not in one]
    assert [one for one in found if "state" not in one] == anomalies
    states = [one for one in expected if "state" in one]
    assert [one for one in found if "state" in one][-len(states) // 2 :] == states[
        -len(states) // 2 :
    ]
    assert len(states) > 4


def _write() -> None:
    """Print the hashes, and write the blobs where they are missing."""
    rows = [row for row in tape() if row[0] == BLOB.encode()]
    for run, parameters in RUNS.items():
        judge = Judge(parameters, 10, Counts())
        judged(judge, rows[: len(rows) // 2])
        file = HERE / f"{run}.bin"
        if not file.exists():
            file.write_bytes(zlib.compress(dict(judge.changed())[BLOB], 9))
    print(json.dumps({run: facts(parameters) for run, parameters in RUNS.items()}, indent=1))


if __name__ == "__main__":
    _write()
