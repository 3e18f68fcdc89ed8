"""What every app tells about itself: whether broker and loop are well, and what waits."""

import math
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tape.process.clock import CLOCK, Clock
from tape.process.metrics_server import serve

SILENT_S: Final = 60.0
"""An app whose main loop has not run for this long is unhealthy."""

LAG_KEPT_S: Final = 15.0
"""How long a lag counts that comes once per second; then the app may be waiting for the broker."""

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the histograms of times, seconds."""


class _Waiting(Collector):
    """What waits, as far as it is known: without the broker, the last value would only look so.

    A sample that is not known is not written, and `tapewatch_broker_up` says why, as exporters do
    it: a rate over NaNs would be none for as long as they are remembered.
    """

    def __init__(self, metrics: "AppMetrics", name: str, meaning: str) -> None:
        self._metrics, self._name, self._meaning = metrics, name, meaning

    def collect(self) -> Iterator[Metric]:
        """Yield whether the broker answers, and the lag if it does."""
        metrics = self._metrics
        up = GaugeMetricFamily("tapewatch_broker_up", "1 if the broker answers, else 0")
        waits = GaugeMetricFamily(self._name, self._meaning)
        answers = None if metrics.answers is None else metrics.answers()
        lag = metrics.lag
        if answers is not None:
            up.add_metric([], float(answers))
        if lag is not None and answers is not False:
            waits.add_metric([], lag)
        yield up
        yield waits


class AppMetrics:
    """The metrics that all apps have, and the health page.

    Args:
        title: names the app on the health page.
        lag: name and meaning of the metric of what waits.
        clock: to be set in tests.

    Attributes:
        registry: of all metrics of the app.
        answers: asks whether the broker answers; None if that cannot be asked.
    """

    def __init__(self, title: str, lag: tuple[str, str], clock: Clock = CLOCK) -> None:
        self._title, self._clock = title, clock
        self.registry = CollectorRegistry()
        self.answers: Callable[[], bool] | None = None
        self._lag, self._lag_told_s = 0.0, -math.inf
        self._seen_s = self._committed_s = clock.now_s()
        self.registry.register(_Waiting(self, *lag))
        ProcessCollector(registry=self.registry)  # memory and CPU, under the names all have
        since = Gauge(
            "tapewatch_seconds_since_commit",
            "Seconds since the last commit, or the start",
            registry=self.registry,
        )
        since.set_function(lambda: self._clock.now_s() - self._committed_s)

    def told_lag(self, waiting: float) -> None:
        """Note how many records are not taken yet."""
        self._lag, self._lag_told_s = waiting, self._clock.now_s()

    @property
    def lag(self) -> float | None:
        """Return how many records are not taken yet; None if nothing said so lately."""
        late = self._clock.now_s() - self._lag_told_s > LAG_KEPT_S
        return None if late else self._lag

    def alive(self) -> None:
        """Note that the app's main loop runs."""
        self._seen_s = self._clock.now_s()

    def healthy(self) -> bool:
        """Return whether the app is at work or waits, for input or a store, and does not hang."""
        return self._clock.now_s() - self._seen_s < SILENT_S

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Answer /metrics and /health in a thread of its own; returns how to end that.

        Raises `SettingsError` if nobody can listen there.
        """
        return serve(host, port, self.registry, self._health)

    def _health(self) -> tuple[bool, str]:
        well = self.healthy()
        state = "at work" if well else f"silent for more than {SILENT_S:.0f} s"
        return well, f"{self._title}: {state}"
