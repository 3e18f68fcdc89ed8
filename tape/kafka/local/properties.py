"""The files that a local Kafka starts from: server.properties and its log's configuration."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tape.errors import BrokerError
from tape.kafka.local.ports import HOST, free_port, is_free
from tape.process.own_folder import private

SERVER: Final = "server.properties"
LOG4J: Final = "log4j2.yaml"

_LOG4J_TEXT: Final = """\
Configuration:
  Appenders:
    Console: {name: out, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: out}}
"""

_ALONE: Final = {
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
}
"""What a broker without others needs, and no waiting for others."""


def logs_of(data_dir: Path) -> Path:
    """Return where Kafka keeps the topics of a data directory."""
    return data_dir / "log"


def write_files(
    data_dir: Path, port: int, listeners: Mapping[str, int], extra: Mapping[str, str]
) -> Path:
    """Write the files into `data_dir` and return the path of server.properties.

    Args:
        data_dir: the broker's directory, which must exist.
        port: of the PLAINTEXT listener.
        listeners: further ones, by security protocol (SASL_SSL), with their ports.
        extra: properties that go before ours.
    """
    if "," in str(data_dir):
        raise BrokerError(
            f"Kafka cannot keep files under {data_dir}", "choose a folder without a comma"
        )
    file = data_dir / SERVER
    ours = {
        **_network(port, listeners, _controller_port(file, {port, *listeners.values()})),
        **_ALONE,
        "log.dirs": str(logs_of(data_dir)),
        **extra,
    }
    _write(data_dir / LOG4J, _LOG4J_TEXT)
    _write(file, "".join(f"{name}={_escaped(value)}\n" for name, value in ours.items()))
    return file


def cluster_of(data_dir: Path) -> str:
    """Return the id of the cluster that a data directory belongs to; empty before it is made."""
    try:
        text = (logs_of(data_dir) / "meta.properties").read_text(errors="replace")
    except OSError:
        return ""
    known = re.search(r"^cluster\.id=(.+)$", text, re.MULTILINE)
    return known[1].strip() if known else ""


def _write(file: Path, text: str) -> None:
    """Write a file that may hold passwords and the places of keys."""
    with open(file, "w", opener=private) as opened:
        opened.write(text)


def _network(port: int, listeners: Mapping[str, int], controller: int) -> dict[str, str]:
    public = {"PLAINTEXT": port, **listeners}
    addresses = ",".join(f"{name}://{HOST}:{at}" for name, at in public.items())
    protocols = ",".join(f"{name}:{name}" for name in public)
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"{addresses},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": addresses,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{protocols}",
        "inter.broker.listener.name": "PLAINTEXT",
    }


def _controller_port(file: Path, others: set[int]) -> int:
    """Return the controller's port of the last start if it is still free, else a free one."""
    if file.exists():
        known = re.search(r"^controller\.quorum\.voters=.*:(\d+)$", file.read_text(), re.MULTILINE)
        if known and int(known[1]) not in others and is_free(int(known[1])):
            return int(known[1])
    while (port := free_port()) in others:
        continue
    return port


def _escaped(value: str) -> str:
    r"""Return a value as Java reads it from a properties file, which is Latin-1.

    >>> print(_escaped("C:\\Zürich"))
    C:\\Z\u00fcrich
    """
    units = value.replace("\\", "\\\\").replace("\n", "\\n").encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)
