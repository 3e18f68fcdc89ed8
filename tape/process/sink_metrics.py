"""What the anomaly sink tells about itself: Prometheus metrics, and whether it is well."""

from collections import Counter as Count
from collections.abc import Sequence
from typing import Any, Final, Protocol

from prometheus_client import Counter, Gauge, Histogram

from tape.process.app_metrics import SECONDS, AppMetrics
from tape.process.clock import CLOCK, Clock


class _OfKind(Protocol):
    @property
    def kind(self) -> str:
        """Return what it is, as anomalies or episodes."""


class _OfItem(Protocol):
    @property
    def item(self) -> _OfKind:
        """Return what was refused."""


KINDS: Final = ("anomalies", "episodes", "bars", "reviews", "rejected", "stocks")


class SinkMetrics(AppMetrics):
    """Counts of what was stored and refused, and the state of store and loop."""

    def __init__(self, store: str, clock: Clock = CLOCK) -> None:
        lag = ("tapewatch_store_lag_messages", "Messages not stored yet")
        super().__init__(f"anomaly_sink {store}", lag, clock)
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

    def busy(self) -> None:
        """Note that the store did not take a write."""
        self._busy.inc()
        self._up.set(0)

    def stored(self, items: Sequence[_OfKind], poison: Sequence[_OfItem], took_s: float) -> None:
        """Note a write that was taken."""
        self._up.set(1)
        self._committed_s = self._clock.now_s()
        if not items:
            return
        self._write_s.observe(took_s)
        refused = Count(one.item.kind for one in poison)
        for kind, count in Count(item.kind for item in items).items():
            self._stored.labels(kind).inc(count - refused[kind])
        for kind, count in refused.items():
            self._refused.labels(kind).inc(count)
