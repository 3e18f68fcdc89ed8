"""A real Apache Kafka on this machine: one broker, loopback only, no replication."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tape.broker.jars import java_and_classpath
from tape.errors import BrokerError
from tape.parent import end_with_parent

START_S: Final = 60.0
STOP_S: Final = 20.0
HOST: Final = "127.0.0.1"

_LOG4J: Final = """\
Configuration:
  Appenders:
    Console: {name: out, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: out}}
"""


class LocalKafka:
    """An Apache Kafka broker as a child process.

    A second start on the same `data_dir` finds its topics again. `extra` are further broker
    properties. With `die_with_parent` the broker ends when this process does (Linux).
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 19_092,
        *,
        extra: Mapping[str, str] | None = None,
        die_with_parent: bool = True,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.log_file = self.data_dir / "kafka.log"
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
        _refuse_busy_port(self.port)
        java, classpath = java_and_classpath()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        properties = self._write_properties()
        tool = [java, "-cp", classpath]
        with self.log_file.open("ab") as log:
            if not (self.data_dir / "log" / "meta.properties").exists():
                self._format([*tool, "kafka.tools.StorageTool"], properties)
            log4j = self.data_dir / "log4j2.yaml"
            self._process = subprocess.Popen(  # noqa: S603 - the Java of our own dependency
                [
                    java,
                    "-Xms256m",
                    "-Xmx512m",
                    "-XX:+UseSerialGC",
                    f"-Dlog4j2.configurationFile={log4j}",
                    "-cp",
                    classpath,
                    "kafka.Kafka",
                    str(properties),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the apps first, the broker by `stop()`
                preexec_fn=end_with_parent if self._die_with_parent else None,
            )
        self._wait_until_it_answers()
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
        """Let a paused broker go on."""
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

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of the broker's log."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def _write_properties(self) -> Path:
        controller = free_port()
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.data_dir / "log"),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            **self._extra,
        }
        (self.data_dir / "log4j2.yaml").write_text(_LOG4J)
        path = self.data_dir / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        return path

    def _format(self, tool: list[str], properties: Path) -> None:
        uuid = subprocess.run(  # noqa: S603
            [*tool, "random-uuid"], capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        done = subprocess.run(  # noqa: S603
            [*tool, "format", "-t", uuid, "-c", str(properties)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BrokerError(
                f"Kafka cannot use {self.data_dir}: {(done.stderr or done.stdout).strip()[-300:]}"
            )

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None  # noqa: S101
        deadline_s = time.monotonic() + START_S
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        while True:
            if self._process.poll() is not None:
                raise BrokerError(
                    f"the local Kafka ended while starting; the end of {self.log_file}:\n"
                    f"{self.log_tail()}"
                )
            try:
                if client.list_topics(timeout=1).brokers:
                    return
            except KafkaException as error:
                if time.monotonic() > deadline_s:
                    self.stop()
                    raise BrokerError(
                        f"the local Kafka did not answer within {START_S:.0f} s "
                        f"({error.args[0].str()}); the end of {self.log_file}:\n{self.log_tail()}"
                    ) from None
            time.sleep(0.1)


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _refuse_busy_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise BrokerError(
                f"port {port} on {HOST} is taken by another program; end that one (another "
                "broker? `tape broker status`) or choose another port (`--port`)"
            ) from None
