"""The long form of the fault bench: `make soak FAULTS=300`, with a report.

Rounds of a steady tape on a real broker; each round draws faults until nine tenths of its work
are done, then every anomaly is compared with the expectation. Every third round is a game day.
What was interrupted continues behind its last whole round with `RESUME=1`.
"""

import json
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.machine.machine import machine, versions
from tape.detection.parameters import Parameters
from tape.kafka.local.broker import LocalKafka, free_port
from tests.faults import downstream, faults
from tests.faults.bench import CALIBRATED, Bench, write_steady_tape
from tests.faults.downstream import Downstream
from tests.faults.game_day import GameDay, differences, drawn, play
from tests.faults.game_tape import write_game_tape
from tests.faults.proxy import Proxy, kafka_behind_a_cable

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks/soak.json"
ROUND_S = 280
WEIGHTS = {
    "producer and detector SIGKILL": 50,
    "detector SIGKILL": 10,
    "state directory deleted": 8,
    "detector SIGTERM": 7,
    "producer SIGKILL": 8,
    "producer SIGTERM": 5,
    "broker SIGKILL": 5,
    "broker stopped": 4,
    "connection cut": 4,
    "detector SIGSTOP": 1,
    "broker paused": 1,
    "sink SIGKILL": 4,
    "alerter SIGKILL": 4,
    "sink and alerter SIGTERM": 2,
}


@contextmanager
def kept_on_failure() -> Iterator[Path]:
    """Give a folder that is deleted afterwards, but not if an error comes: its logs say why."""
    folder = Path(tempfile.mkdtemp(prefix="tapewatch-soak-"))
    try:
        yield folder
    except BaseException:
        print(f"logs, topics and states are kept in {folder}", flush=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def strike(fault: str, down: Downstream, kafka: LocalKafka, proxy: Proxy) -> None:
    """Let one fault happen, and return when the work continues."""
    bench = down.bench
    match fault:
        case "sink SIGKILL":
            downstream.kill_sink(down)
        case "alerter SIGKILL":
            downstream.kill_alerter(down)
        case "sink and alerter SIGTERM":
            downstream.terminate(down)
        case "producer and detector SIGKILL":
            faults.kill_both(bench)
        case "detector SIGKILL":
            faults.kill(bench)
        case "state directory deleted":
            faults.kill_and_forget(bench)
        case "detector SIGTERM":
            faults.terminate(bench)
        case "detector SIGSTOP":
            faults.pause(bench)
        case "producer SIGKILL":
            faults.kill_producer(bench)
        case "producer SIGTERM":
            faults.terminate_producer(bench)
        case "broker SIGKILL":
            faults.kill_broker(bench, kafka)
        case "broker stopped":
            faults.stop_broker(bench, kafka)
        case "broker paused":
            faults.pause_broker(bench, kafka)
        case _:
            faults.cut_connection(bench, proxy, bench.dice.uniform(0.2, 6))


def one_round(number: int, seed: int, wanted: int, total: Counter[str]) -> dict[str, object]:
    """Run a round of at most `wanted` faults and return what came of it."""
    dice = random.Random(seed)
    with (
        kept_on_failure() as folder,
        kafka_behind_a_cable(folder / "kafka") as (kafka, proxy),
    ):
        bench = Bench(
            kafka.address,
            folder,
            folder / "data",
            write_steady_tape(folder / "data", ROUND_S),
            lambda topic: topic,
            seed,
            env={"Quix__Broker__Address": proxy.address},
            parameters=CALIBRATED if number % 2 == 0 else Parameters(),
        )
        try:
            with downstream.beside(bench) as down:
                bench.start()
                bench.wait_for_work()
                while (
                    bench.progress()[0] < 0.84 * bench.trades
                    and sum(bench.happened.values()) < wanted
                ):
                    fault = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
                    strike(fault, down, kafka, proxy)
                    done = sum(total.values()) + sum(bench.happened.values())
                    print(f"{done} faults; round {number}: {fault}", flush=True)
                bench.finish(600)
                books, wrong = down.books(), down.differences()
            difference = bench.difference()
            return {
                "seed": seed,
                "profile": bench.parameters.profile,
                "trades": bench.trades,
                "anomalies": len(bench.seen()),
                "episode_states": len(bench.seen("episodes")),
                "aborted": bench.aborted(),
                "repeated_by_producer": bench.repeated(),
                "faults": bench.happened,
                "recovery_s": bench.recovery_s,
                "downstream": books,
                "downstream_wrong": wrong,
                **difference.counts(),
            }
        finally:
            bench.end()


def one_game_day(number: int, seed: int, wanted: int) -> dict[str, object]:
    """Run a game day of at most `wanted` faults and return what came of it."""
    with (
        kept_on_failure() as folder,
        LocalKafka(folder / "kafka", free_port()) as kafka,
    ):
        rows, bad_rows = write_game_tape(folder / "data", ROUND_S)
        day = GameDay(
            kafka.address,
            folder,
            folder / "data",
            rows,
            lambda topic: topic,
            seed,
            parameters=CALIBRATED,
            shared_state=True,
        )
        try:
            play(day, kafka, drawn(day.dice, wanted))
            found = differences(day, bad_rows)
            print(f"game day, round {number}: {found}", flush=True)
            rejected = day.rejected().total()
            return {
                "seed": seed,
                "profile": day.parameters.profile,
                "game_day": True,
                "trades": rows - len(bad_rows),
                "anomalies": len(day.seen()),
                "episode_states": len(day.seen("episodes")),
                "rejected": rejected,
                "aborted": day.aborted(),
                "repeated_by_producer": found["stocks doubled"],
                "faults": day.happened,
                "recovery_s": day.recovery_s,
                "lost": found["lost"] + found["stocks lost"] + found["rejected lost"],
                "doubled": found["doubled"] + found["rejected doubled"],
                **{name: found[name] for name in ("unexpected", "wrong", "disordered")},
            }
        finally:
            day.end()


def report(rounds: list[dict[str, object]], took_s: float, sittings: int) -> dict[str, object]:
    """Return the figures of all rounds together."""
    kinds: Counter[str] = Counter()
    for one in rounds:
        kinds.update(one["faults"])  # type: ignore[call-overload]
    waits = [wait for one in rounds for wait in one["recovery_s"]]  # type: ignore[attr-defined]
    books: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for one in rounds:
        books.update(one.get("downstream", {}))  # type: ignore[call-overload]
        wrong.update(one.get("downstream_wrong", {}))  # type: ignore[call-overload]
    names = ("lost", "doubled", "unexpected", "wrong", "disordered", "trades", "anomalies")
    sums = {n: sum(int(one[n]) for one in rounds) for n in (*names, "episode_states", "aborted")}  # type: ignore[call-overload]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": versions(),
        "faults": sum(kinds.values()),
        "by_kind": dict(kinds),
        **sums,
        "repeated_by_producer": sum(int(one["repeated_by_producer"]) for one in rounds),  # type: ignore[call-overload]
        "game_days": sum("game_day" in one for one in rounds),
        "rejected": sum(int(one.get("rejected", 0)) for one in rounds),  # type: ignore[call-overload]
        "downstream": dict(books),
        "downstream_wrong": dict(wrong),
        "recovery_p50_s": float(np.percentile(waits, 50)),
        "recovery_p95_s": float(np.percentile(waits, 95)),
        "recovery_max_s": max(waits),
        "took_s": round(took_s),
        "sittings": sittings,
        "rounds": rounds,
    }


def as_page(f: dict[str, object]) -> str:
    """Return the report as a Markdown page."""
    kinds = f["by_kind"]
    rounds = f["rounds"]
    assert isinstance(kinds, dict)
    assert isinstance(rounds, list)
    rows = "\n".join(f"| {kind} | {count} |" for kind, count in sorted(kinds.items()))
    return f"""# {f["faults"]} faults, one after the other

On {f["machine"]}, {f["date"]}, by `make soak FAULTS={f["faults"]}` ({f["took_s"]:,} s in {f["sittings"]} {"sitting" if f["sittings"] == 1 else "sittings, the later with `RESUME=1`"}): both apps on a local Apache Kafka, 2,000 trades a second, the profiles `classic` and `calibrated` in turn, every fault in the middle of the work and proven to have happened ([`tests/faults`](../tests/faults)).

Every third round, {f["game_days"]} of {len(rounds)}, was a game day: three detectors of the profile `calibrated` on one state folder, 1,001 symbols, poison among rows and messages (0.9 % each), and instances that came and went.

| what | count |
|---|---|
| trades | {f["trades"]:,} |
| anomalies expected and seen by a read_committed reader | {f["anomalies"]:,} |
| states of episodes, likewise | {f["episode_states"]:,} |
| rejected records of the game days, likewise | {f["rejected"]:,} |
| **lost** | **{f["lost"]}** |
| **seen twice** | **{f["doubled"]}** |
| **unexpected** | **{f["unexpected"]}** |
| **wrong content** | **{f["wrong"]}** |
| anomalies in aborted transactions, seen by nobody who reads committed records | {f["aborted"]:,} |
| rows that a read_committed reader of `stocks` saw more than once | {f["repeated_by_producer"]:,} |

From the fault (or the broker's return) to the next committed verdict: median {f["recovery_p50_s"]:.1f} s, 95 % within {f["recovery_p95_s"]:.1f} s, longest {f["recovery_max_s"]:.1f} s.

| fault | times |
|---|---|
{rows}
{_downstream(f)}"""  # noqa: E501


def _downstream(f: dict[str, object]) -> str:
    """Return what sink and alerter did; nothing where no round had them."""
    books, wrong = f["downstream"], f["downstream_wrong"]
    assert isinstance(books, dict)
    assert isinstance(wrong, dict)
    if not books:
        return ""
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in books.items())
    faults_found = "\n".join(f"| **{name}** | **{count}** |" for name, count in wrong.items())
    return f"""
In the rounds that are no game day a sink into Parquet files and an alerter with a receiver of its webhook ran beside them, killed and stopped likewise:

| what | count |
|---|---|
{rows}
{faults_found}
"""  # noqa: E501


def main() -> int:
    """Run rounds until FAULTS faults have happened, and write the report after each."""
    wanted = int(os.environ.get("FAULTS", "300"))
    seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"soak: {wanted} faults, seed {seed}", flush=True)
    earlier = json.loads(RESULTS.read_text()) if os.environ.get("RESUME") else {}
    rounds: list[dict[str, object]] = earlier.get("rounds", [])
    total: Counter[str] = Counter()
    for one in rounds:
        total.update(one["faults"])  # type: ignore[call-overload]
    sittings, start_s = earlier.get("sittings", 0) + 1, time.monotonic() - earlier.get("took_s", 0)
    while sum(total.values()) < wanted:
        number, left = len(rounds) + 1, wanted - sum(total.values())
        if number % 3 == 0:
            one = one_game_day(number, seed + len(rounds), left)
        else:
            one = one_round(number, seed + len(rounds), left, total)
        rounds.append(one)
        total.update(one["faults"])  # type: ignore[call-overload]
        figures = report(rounds, time.monotonic() - start_s, sittings)
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
        (ROOT / "docs/soak.md").write_text(as_page(figures))
        print({name: one[name] for name in ("lost", "doubled", "unexpected", "wrong")}, flush=True)
    bad = sum(int(figures[n]) for n in ("lost", "doubled", "unexpected", "wrong", "disordered"))  # type: ignore[call-overload]
    wrong = figures["downstream_wrong"]
    assert isinstance(wrong, dict)
    return 1 if bad or any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
