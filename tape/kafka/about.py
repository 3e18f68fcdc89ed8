"""What a broker tells about itself."""

from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from tape.kafka import clients
from tape.kafka.connect import told_plainly

TIMEOUT_S: Final = 5.0
REDPANDA: Final = "redpanda."
"""How the cluster's name begins on Redpanda; on Apache Kafka it is a bare uuid."""


@dataclass(frozen=True, slots=True)
class About:
    """A broker's kind, its version if it tells one, and how many there are."""

    kind: str
    version: str
    brokers: int

    @property
    def text(self) -> str:
        """Return it in words."""
        many = "1 broker" if self.brokers == 1 else f"{self.brokers} brokers"
        version = self.version or "(version unknown)"
        return f"{self.kind} {version}, {many}"


def about_broker(client_config: dict[str, str]) -> About:
    """Return what the broker tells; raises `BrokerError` if it does not answer.

    The protocol has no field for a program's name or version: the kind shows in the cluster's
    name, the version in a setting that Kafka had until 4.0.
    """
    admin = clients.admin(client_config)
    with told_plainly("the broker"):
        cluster = admin.list_topics(timeout=TIMEOUT_S)
    name = cluster.cluster_id or ""
    config = _config(admin, min(cluster.brokers))
    if name.startswith(REDPANDA):
        return About("Redpanda", "", len(cluster.brokers))
    kind = "Apache Kafka" if "process.roles" in config else "a Kafka-compatible broker"
    protocol = config.get("inter.broker.protocol.version") or ""
    newer = "4.0 or newer" if "process.roles" in config and not protocol else ""
    return About(kind, protocol.partition("-")[0] or newer, len(cluster.brokers))


def _config(admin: AdminClient, broker: int) -> dict[str, str | None]:
    """Return a broker's settings, empty if it does not show them to this user."""
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    (future,) = admin.describe_configs([resource], request_timeout=TIMEOUT_S - 1).values()
    try:
        return {name: entry.value for name, entry in future.result(TIMEOUT_S).items()}
    except (KafkaException, TimeoutError):
        return {}
