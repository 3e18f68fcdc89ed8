"""A real Apache Kafka on this machine: one broker, loopback only, no replication."""

import base64
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

from confluent_kafka import KafkaException

from tape.errors import BrokerError, TapeError
from tape.kafka import clients
from tape.kafka.local.class_cache import class_options
from tape.kafka.local.jars import java_and_classpath
from tape.kafka.local.lock import held
from tape.kafka.local.ports import HOST, PortTakenError, free_port, refuse_busy_port
from tape.kafka.local.properties import LOG4J, cluster_of, logs_of, write_files
from tape.process.local_server import LocalServer

__all__ = ["HOST", "LocalKafka", "free_port"]

MEMORY: Final = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC")
"""Of the Java machine: what the tests and the demo were seen to need, on a machine of few cores."""


class LocalKafka(LocalServer):
    """An Apache Kafka broker as a child process.

    A second start on the same `data_dir` finds its topics again.

    Args:
        data_dir: its files: topics, configuration and `kafka.log`.
        port: of the PLAINTEXT listener, on the loopback.
        listeners: further listeners by security protocol, with their ports, for example
            `{"SASL_SSL": 19094}`; what they need (certificates) goes into `extra`.
        scram_users: passwords by name for SCRAM-SHA-256, made when `data_dir` is first used.
        extra: further broker properties; they go before ours.
        die_with_parent: end it when the thread that started it ends, however that ends (Linux).
    """

    name = "Kafka"
    error = BrokerError

    def __init__(
        self,
        data_dir: Path,
        port: int = 19_092,
        *,
        listeners: Mapping[str, int] | None = None,
        scram_users: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
        die_with_parent: bool = True,
    ) -> None:
        folder = data_dir.resolve()
        super().__init__(folder, port, folder / "kafka.log", die_with_parent=die_with_parent)
        self._listeners = dict(listeners or {})
        self._scram_users = dict(scram_users or {})
        self._extra = dict(extra or {})

    @property
    def address(self) -> str:
        """Return what a client gives as bootstrap servers."""
        return f"{HOST}:{self.port}"

    def launch(self, pass_fds: Sequence[int] = ()) -> None:
        """Start the broker, which holds a lock on its folder; raises `BrokerError`."""
        for port in (self.port, *self._listeners.values()):
            refuse_busy_port(port)
        with held(self.data_dir) as lock:
            super().launch((*pass_fds, lock))

    def command(self) -> Sequence[str]:
        """Return the words that start the broker, its folder made ready for it."""
        java, classpath = java_and_classpath()
        properties = write_files(self.data_dir, self.port, self._listeners, self._extra)
        if not (logs_of(self.data_dir) / "meta.properties").exists():
            self._format([java, "-cp", classpath, "kafka.tools.StorageTool"], properties)
        log4j = f"-Dlog4j2.configurationFile={self.data_dir / LOG4J}"
        options = (*MEMORY, *class_options(), log4j)
        return [java, *options, "-cp", classpath, "kafka.Kafka", str(properties)]

    def why_not_ready(self) -> str | None:
        """Return None when our own broker answers: another may have taken the port in between."""
        try:
            found = clients.admin({"bootstrap.servers": self.address}).list_topics(timeout=1)
        except KafkaException as error:
            return str(error.args[0].str())
        if found.brokers and found.cluster_id != cluster_of(self.data_dir):
            raise PortTakenError(
                f"another Kafka answers on port {self.port} of {HOST} (its cluster is "
                f"{found.cluster_id})",
                "choose another port (`--port`)",
            )
        return None if found.brokers else ""

    def ended_early(self, last_words: str) -> TapeError:
        """Return what to raise: `PortTakenError` if another program took the port before it."""
        refuse_busy_port(self.port)
        return super().ended_early(last_words)

    def _format(self, tool: list[str], properties: Path) -> None:
        """Prepare the data directory, which Kafka wants done once."""
        cluster = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        users = [
            f"--add-scram=SCRAM-SHA-256=[name={name},password={password}]"
            for name, password in self._scram_users.items()
        ]
        done = subprocess.run(  # noqa: S603
            [*tool, "format", f"--cluster-id={cluster}", f"--config={properties}", *users],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BrokerError(
                f"Kafka cannot use {self.data_dir}: {(done.stderr or done.stdout).strip()[-300:]}",
                "name another folder with --data, or look at its owner and its space",
            )
