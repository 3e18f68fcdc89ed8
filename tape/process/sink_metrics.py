"""What the anomaly sink tells about itself: Prometheus metrics, and whether it is well."""

import math
from collections import Counter as Count
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tape.process.clock import CLOCK, Clock
from tape.process.metrics import LAG_KEPT_S, SECONDS, SILENT_S
from tape.process.metrics_server import serve


class _OfKind(Protocol):
    @property
    def kind(self) -> str:
        """Return what it is, as anomalies or episodes."""


class _OfItem(Protocol):
    @property
    def item(self) -> _OfKind:
        """Return what was refused."""


KINDS: Final = ("anomalies", "episodes", "rejected", "stocks")


class _Waiting(Collector):
    """Whether the broker answers, and what waits on the topics as far as that is known."""

    def __init__(self, metrics: "SinkMetrics") -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield both; what is not known has no sample."""
        metrics = self._metrics
        up = GaugeMetricFamily("tapewatch_broker_up", "1 if the broker answers, else 0")
        lag = GaugeMetricFamily("tapewatch_store_lag_messages", "Messages not stored yet")
        answers = None if metrics.answers is None else metrics.answers()
        if answers is not None:
            up.add_metric([], float(answers))
        if metrics.lag_messages is not None and answers is not False:
            lag.add_metric([], metrics.lag_messages)
        yield up
        yield lag


class SinkMetrics:
    """Counts of what was stored and refused, and the state of store and loop.

    Attributes:
        answers: asks whether the broker answers; None if that cannot be asked.
    """

    def __init__(self, store: str, clock: Clock = CLOCK) -> None:
        self._store_name, self._clock = store, clock
        self.registry = CollectorRegistry()
        self.answers: Callable[[], bool] | None = None
        new: dict[str, Any] = {"registry": self.registry}
        self._stored = Counter("tapewatch_stored", "Messages stored", ["kind"], **new)
        self._refused = Counter(
            "tapewatch_store_refused", "Messages that the store can never take", ["kind"], **new
        )
        for kind in KINDS:
            self._stored.labels(kind)
            self._refused.labels(kind)
        self._busy = Counter("tapewatch_store_busy", "Writes put off: store away or full", **new)
        self._up = Gauge("tapewatch_store_up", "1 if the last write was taken, else 0", **new)
        self._up.set(1)
        self._write_s = Histogram(
            "tapewatch_store_write_seconds", "Time of a write, seconds", buckets=SECONDS, **new
        )
        since = Gauge(
            "tapewatch_seconds_since_commit", "Seconds since the last commit, or the start", **new
        )
        self._seen_s = self._written_s = clock.now_s()
        since.set_function(lambda: self._clock.now_s() - self._written_s)
        self._lag, self._lag_told_s = 0.0, -math.inf
        self.registry.register(_Waiting(self))

    def told_lag(self, messages: float) -> None:
        """Note how many messages are not taken yet."""
        self._lag, self._lag_told_s = messages, self._clock.now_s()

    @property
    def lag_messages(self) -> float | None:
        """Return how many messages are not taken yet; None if nothing said so lately."""
        late = self._clock.now_s() - self._lag_told_s > LAG_KEPT_S
        return None if late else self._lag

    def alive(self) -> None:
        """Note that the app's main loop runs."""
        self._seen_s = self._clock.now_s()

    def busy(self) -> None:
        """Note that the store did not take a write."""
        self._busy.inc()
        self._up.set(0)

    def stored(self, items: Sequence[_OfKind], poison: Sequence[_OfItem], took_s: float) -> None:
        """Note a write that was taken."""
        self._up.set(1)
        self._written_s = self._clock.now_s()
        if not items:
            return
        self._write_s.observe(took_s)
        refused = Count(one.item.kind for one in poison)
        for kind, count in Count(item.kind for item in items).items():
            self._stored.labels(kind).inc(count - refused[kind])
        for kind, count in refused.items():
            self._refused.labels(kind).inc(count)

    def healthy(self) -> bool:
        """Return whether the app is at work or waits, for input or its store, and does not hang."""
        return self._clock.now_s() - self._seen_s < SILENT_S

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Answer /metrics and /health in a thread of its own; returns how to end that.

        Raises `SettingsError` if nobody can listen there.
        """
        return serve(host, port, self.registry, self._health)

    def _health(self) -> tuple[bool, str]:
        well = self.healthy()
        state = "at work" if well else f"silent for more than {SILENT_S:.0f} s"
        return well, f"anomaly_sink {self._store_name}: {state}"
