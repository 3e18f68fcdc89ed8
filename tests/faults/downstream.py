"""What reads what is found: the sink and the alerter, killed beside the others, and their books.

At the end the files of the sink are what is on the topics, and every episode is announced or
withheld: to a real receiver, never again once topic `alerts` had its acknowledgement.
"""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pyarrow.parquet as pq
from confluent_kafka import KafkaException

from tape.errors import BrokerError
from tape.kafka.reader import ProgressReader, read_topic
from tape.ops.demo.app_process import Supervised
from tests.apps import ROOT
from tests.faults.bench import Bench, is_dead
from tests.receivers import HttpReceiver, http_receiver

SECRET = "a-secret-of-the-fault-bench"  # noqa: S105
RULES = """
[[rule]]
name = "all"
min_priority = 0
cool_down = "2s"
max_per_hour = 1000
"""
"""Enough is announced and enough withheld, for either to be seen when it is lost."""

STORED = ("anomalies", "episodes")


@dataclass(slots=True)
class Downstream:
    """The sink into files and the alerter of a bench, each started again when it ends."""

    bench: Bench
    hook: HttpReceiver
    sink: Supervised
    alerter: Supervised
    known: list[tuple[int, set[str]]] = field(default_factory=list)
    """At each kill of the alerter: how many messages had come, and which were acknowledged."""

    def settled(self) -> bool:
        """Whether both have read all that is on their topics."""
        names = self.bench.names
        return all(
            self._is_read(topic, group)
            for topic, group in [
                *((name, names("sink")) for name in STORED),
                ("episodes", names("alerter")),
            ]
        )

    def _is_read(self, topic: str, group: str) -> bool:
        try:
            reader = ProgressReader(self.bench.client, self.bench.topics[topic], group)
            try:
                now = reader.read()
            finally:
                reader.close()
        except (KafkaException, BrokerError, KeyError):
            return False
        return now.committed >= now.written

    def records(self) -> list[dict[str, Any]]:
        """The records of episodes on the topic of alerts, in their order."""
        lanes = read_topic(self.bench.client, self.bench.names("alerts"), settle_s=10)
        found = [json.loads(m.value()) for lane in lanes for m in lane]
        return [one for one in found if one["record"] == "episode"]

    def rows(self, kind: str) -> Counter[bytes]:
        """The messages in the files of the sink."""
        found: Counter[bytes] = Counter()
        for path in (self.bench.folder / "sink" / f"topic={kind}").rglob("*.parquet"):
            table = pq.ParquetFile(path).read(columns=["message"])
            found.update(text.encode() for text in table["message"].to_pylist())
        return found

    def books(self) -> dict[str, int]:
        """How much was stored and told."""
        records = {one["episode_id"]: one for one in self.records()}
        announced = sum(bool(one["told"]) for one in records.values())
        return {
            "rows in files": sum(self.rows(kind).total() for kind in STORED),
            "episodes announced": announced,
            "episodes withheld": len(records) - announced,
            "messages that the receiver took": len(self.hook.taken()),
        }

    def differences(self) -> dict[str, int]:
        """How what is stored and told differs from what is on the topics; all are to be 0."""
        found = {"rows lost": 0, "rows doubled": 0, "rows unexpected": 0}
        for kind in STORED:
            seen, rows = Counter(self.bench.seen(kind)), self.rows(kind)
            assert seen, f"nothing is on {kind}"
            found["rows lost"] += len(seen.keys() - rows.keys())
            found["rows unexpected"] += len(rows.keys() - seen.keys())
            found["rows doubled"] += rows.total() - len(rows)
        return found | self._alerts()

    def _alerts(self) -> dict[str, int]:
        newest = {}
        for value in self.bench.seen("episodes"):
            state = json.loads(value)
            newest[state["episode_id"]] = state
        records, told = {one["episode_id"]: one for one in self.records()}, self.told()
        announced = {name for name, one in records.items() if one["told"]}
        withheld = records.keys() - announced
        assert announced, "nobody was told of anything"
        assert withheld, "nothing was withheld"
        ends = self.alerter.restarts + 1
        keys = [one.headers["Idempotency-Key"] for one in list(self.hook.got)]
        return {
            "episodes not decided on": len(newest.keys() - records.keys()),
            "episodes unexpected": len(records.keys() - newest.keys()),
            "announced, not told": len(announced - told),
            "told, not announced": len(told - announced),
            "ends not told": sum(
                newest[name]["state"] == "closed" and records[name]["told"]["kind"] != "ended"
                for name in announced & newest.keys()
            ),
            "given up": sum(bool(records[name]["told"]["failed"]) for name in announced),
            "told again after it was acknowledged": sum(
                key in known for came, known in self.known for key in keys[came:]
            ),
            "told twice, more than was in flight": max(0, len(keys) - len(set(keys)) - ends),
        }

    def told(self) -> set[str]:
        """The episodes of which a message came."""
        return {m["episode"]["episode_id"] for m in self.hook.taken() if "episode" in m}

    def acknowledged(self) -> set[str]:
        """The names of the messages that the topic of alerts says to be told."""
        told = [(one, one["told"]) for one in self.records() if one["told"]]
        names = {f"{one['episode_id']}|webhook|{its['step']}" for one, its in told}
        return {sha256(name.encode()).hexdigest()[:32] for name in names}


@contextmanager
def beside(bench: Bench) -> Iterator[Downstream]:
    """Start a sink and an alerter beside the apps of a bench, and a receiver."""
    with http_receiver() as hook:
        rules = bench.folder / "rules.toml"
        rules.write_text(RULES)
        env = {
            "SINK": "files",
            "SINK_DIR": str(bench.folder / "sink"),
            "SINK_CONSUMER_GROUP": bench.names("sink"),
            "SINK_COMMIT_INTERVAL_S": "0.5",
            "ALERTS_TOPIC": bench.names("alerts"),
            "ALERT_CONSUMER_GROUP": bench.names("alerter"),
            "ALERT_RULES": str(rules),
            "ALERT_WEBHOOK_URL": hook.url,
            "ALERT_WEBHOOK_SECRET": SECRET,
        }
        made = Downstream(
            bench, hook, _app(bench, "anomaly_sink", env), _app(bench, "alerter", env)
        )
        bench.others += [made.sink, made.alerter]
        bench.last_words.append(made.settled)
        yield made


def _app(bench: Bench, name: str, env: dict[str, str]) -> Supervised:
    own, log_file = bench.app_env(name) | env, bench.folder / f"{name}.log"
    return Supervised(ROOT / name / "main.py", own, log_file, restarts_max=1_000)


def kill_sink(down: Downstream) -> None:
    """SIGKILL to the sink in the middle of the work; the supervisor starts it again."""
    down.bench.in_the_middle("sink SIGKILL")
    _kill(down.bench, down.sink)


def kill_alerter(down: Downstream) -> None:
    """SIGKILL to the alerter, and a note of what it had told by then."""
    bench = down.bench
    bench.wait(lambda: len(down.hook.got) > 5, "first messages")
    bench.in_the_middle("alerter SIGKILL")
    dead = down.alerter.pid
    down.alerter.signal(signal.SIGKILL)
    bench.wait(lambda: is_dead(dead), "its death")
    known = down.acknowledged()
    assert known, "it was killed before anything was acknowledged"
    assert known & {one.headers["Idempotency-Key"] for one in down.hook.got}, "names differ"
    down.known.append((len(down.hook.got), known))
    bench.wait(lambda: down.alerter.pid != dead, "the supervisor's restart")


def terminate(down: Downstream) -> None:
    """SIGTERM to both: each must end by itself with 0, and is started again."""
    down.bench.in_the_middle("sink and alerter SIGTERM")
    for app in (down.sink, down.alerter):
        code = app.stop()
        # one that is still importing has nothing yet to catch the signal with
        assert code in (0, -signal.SIGTERM), f"{app.name} ended with {code}; {down.bench.logs()}"
        app.start_again()


SPOILT = {
    "rows lost",
    "rows doubled",
    "announced, not told",
    "told again after it was acknowledged",
    "told twice, more than was in flight",
}


def spoil(down: Downstream) -> None:
    """Lose a file of the sink, double another, and forget and repeat messages: a control."""
    files = sorted((down.bench.folder / "sink").rglob("*.parquet"), key=lambda f: f.stat().st_size)
    files[-1].with_name("again.parquet").write_bytes(files[-1].read_bytes())
    files[0].unlink()
    last = down.hook.got.pop()
    gone = last.told["episode"]["episode_id"]
    down.hook.got = [one for one in down.hook.got if one.told["episode"]["episode_id"] != gone]
    known = down.known[-1][1]
    again = next(one for one in down.hook.got if one.headers["Idempotency-Key"] in known)
    down.hook.got += [again] * (down.alerter.restarts + 2)


def _kill(bench: Bench, app: Supervised) -> None:
    dead = app.pid
    app.signal(signal.SIGKILL)
    bench.wait(lambda: app.pid != dead, "the supervisor's restart")
    assert is_dead(dead)
