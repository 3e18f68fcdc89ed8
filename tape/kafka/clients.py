"""What every client that writes to `stocks` has to have."""

from collections.abc import Mapping
from typing import Any, Final

from tape.errors import SettingsError

PARTITIONER: Final = {"partitioner": "murmur2"}
"""Kafka's default, and not librdkafka's: which partition is right, see `tape.model.partitions`."""


def sending(client_config: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a producer that sends each symbol to its partition.

    Raises `SettingsError` if one of the two asks for another partitioner.
    """
    config = {**PARTITIONER, **client_config, **own}
    found = config["partitioner"]
    if found != PARTITIONER["partitioner"]:
        raise SettingsError(
            f"the Kafka client is set to partitioner={found}, which sends symbols to partitions "
            "where the detector does not look for them; it must be murmur2"
        )
    return config
