"""A real Apache Kafka on this machine: one broker, loopback only, no replication."""

import base64
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from confluent_kafka import KafkaException

from tape.errors import BrokerError
from tape.kafka import clients
from tape.kafka.local.jars import java_and_classpath
from tape.kafka.local.lock import held
from tape.kafka.local.ports import HOST, PortTakenError, free_port, refuse_busy_port
from tape.kafka.local.properties import LOG4J, cluster_of, logs_of, write_files
from tape.process.child import end_with_parent
from tape.process.clock import CLOCK
from tape.process.own_folder import private

__all__ = ["HOST", "LocalKafka", "free_port"]

START_S: Final = 60.0
STOP_S: Final = 20.0
"""Longest waits for a start (6 to 10 s on 2 cores, unless others work) and for an orderly end."""


class LocalKafka:
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
        self.data_dir = data_dir.resolve()
        self.port = port
        self.log_file = self.data_dir / "kafka.log"
        self._listeners = dict(listeners or {})
        self._scram_users = dict(scram_users or {})
        self._extra = dict(extra or {})
        self._die_with_parent = die_with_parent
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return what a client gives as bootstrap servers."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Return the broker's process id; it must have been started."""
        assert self._process is not None  # noqa: S101
        return self._process.pid

    def start(self) -> Self:
        """Return when the broker answers; raises `BrokerError` with the end of its log."""
        for port in (self.port, *self._listeners.values()):
            refuse_busy_port(port)
        with held(self.data_dir) as lock:
            log_from = self.log_file.stat().st_size if self.log_file.exists() else 0
            self._launch(lock)
        try:
            self._wait_until_it_answers(log_from)
        except BaseException:  # Ctrl-C too must not leave a broker behind
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the broker in an orderly way, by force if it takes too long."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the broker as a power cut would: SIGKILL."""
        assert self._process is not None  # noqa: S101
        self._process.kill()
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Hold the broker still (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker run again."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def log_tail(self, lines: int = 15, *, start: int = 0) -> str:
        """Return the end of the broker's log, nothing before the byte `start`."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_bytes()[start:].decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _launch(self, lock: int) -> None:
        java, classpath = java_and_classpath()
        properties = write_files(self.data_dir, self.port, self._listeners, self._extra)
        if not (logs_of(self.data_dir) / "meta.properties").exists():
            self._format([java, "-cp", classpath, "kafka.tools.StorageTool"], properties)
        log4j = f"-Dlog4j2.configurationFile={self.data_dir / LOG4J}"
        memory = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC"]
        with open(self.log_file, "ab", opener=private) as log:
            self._process = subprocess.Popen(  # noqa: S603 - the Java of our own dependency
                [java, *memory, log4j, "-cp", classpath, "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C ends the apps first, the broker by `stop()`
                preexec_fn=end_with_parent if self._die_with_parent else None,
            )

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

    def _last_words(self, log_from: int) -> str:
        """Return the last line of its log that tells of an error, or the last one at all."""
        lines = self.log_tail(lines=200, start=log_from).splitlines()
        errors = [line for line in lines if "ERROR" in line or "Exception" in line]
        return (errors or lines or ["it logged nothing"])[-1].strip()[:300]

    def _wait_until_it_answers(self, log_from: int) -> None:
        """Return when our own broker answers: another may have taken the port in between."""
        assert self._process is not None  # noqa: S101
        deadline_s = CLOCK.now_s() + START_S
        client = clients.admin({"bootstrap.servers": self.address})
        while True:
            if self._process.poll() is not None:
                refuse_busy_port(self.port)
                raise BrokerError(
                    f"the local Kafka ended while starting: {self._last_words(log_from)}",
                    f"read its log, {self.log_file}",
                )
            try:
                found = client.list_topics(timeout=1)
                if found.brokers and found.cluster_id == cluster_of(self.data_dir):
                    return
                if found.brokers:
                    raise PortTakenError(
                        f"another Kafka answers on port {self.port} of {HOST} (its cluster is "
                        f"{found.cluster_id})",
                        "choose another port (`--port`)",
                    )
            except KafkaException as error:
                if CLOCK.now_s() > deadline_s:
                    raise BrokerError(
                        f"the local Kafka did not answer within {START_S:.0f} s "
                        f"({error.args[0].str()}): {self._last_words(log_from)}",
                        f"read its log, {self.log_file}",
                    ) from None
            CLOCK.sleep(0.1)
