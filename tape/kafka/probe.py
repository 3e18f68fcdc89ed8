"""Whether the broker answers, for whoever scrapes metrics."""

import math
import threading
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tape.kafka import clients
from tape.process.clock import CLOCK, Clock

TIMEOUT_S: Final = 2.0
"""Prometheus waits 10 s for a scrape."""

KEPT_S: Final = 5.0
"""For so long an answer counts: strangers who scrape may not make us ask more often."""


class BrokerProbe:
    """Asks the broker for its metadata, by a client of its own, at most every few seconds."""

    def __init__(self, client_config: Mapping[str, Any], clock: Clock = CLOCK) -> None:
        self._config, self._clock = client_config, clock
        self._lock = threading.Lock()
        self._client: AdminClient | None = None
        self._asked_s = -math.inf
        self._answered = False

    def __call__(self) -> bool:
        """Return whether the broker answered when it was last asked."""
        with self._lock:
            if self._clock.now_s() - self._asked_s >= KEPT_S:
                self._answered = self._ask()
                self._asked_s = self._clock.now_s()
            return self._answered

    def _ask(self) -> bool:
        if self._client is None:
            self._client = clients.admin(self._config)
        try:
            return bool(self._client.list_topics(timeout=TIMEOUT_S).brokers)
        except KafkaException:
            return False
