"""Prometheus metrics and a health page, one closed list for both apps; off unless a port is set."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.process.clock import CLOCK, Clock
from tape.process.metrics_server import serve

SILENT_S: Final = 60.0
"""An app whose main loop has not run for this long is unhealthy."""

LAG_KEPT_S: Final = 15.0
"""How long a lag counts that comes once per second; then the app may be waiting for the broker."""

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TRADES: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
"""Upper bounds of the histograms: seconds of a batch or commit, and trades of a batch."""


class CountsCollector(Collector):
    """Turns what an app counts anyway into metrics, when somebody asks."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the counters as they are now."""
        counts = self._counts
        for name, text, value in (
            ("trades", "Trades judged, or sent to the input topic by the producer", counts.trades),
            ("records", "Records that came in: judged, duplicates, rejected", counts.records),
            ("duplicate_trades", "Trades seen before, dropped", counts.duplicate),
            (
                "suppressed",
                "Flagged trades that RANKING_FILE suppresses, written all the same",
                counts.suppressed,
            ),
            ("late_trades", "Trades older than their publisher's newest, judged", counts.late),
            (
                "symbols_forgotten",
                "Symbols whose state was given up, because others took their places",
                counts.symbols_forgotten,
            ),
        ):
            yield CounterMetricFamily(f"tapewatch_{name}", text, value=value)
        yield GaugeMetricFamily(
            "tapewatch_late_seconds_max",
            "By how much a trade was late at most, seconds",
            value=counts.late_max_ns / NANOS,
        )
        by_rule = CounterMetricFamily(
            "tapewatch_anomalies", "Flags by rule; a trade may have several", labels=["rule"]
        )
        by_reason = CounterMetricFamily(
            "tapewatch_rejected", "Records that could not be read, by reason", labels=["reason"]
        )
        by_state = CounterMetricFamily(
            "tapewatch_episodes", "States of episodes, by state", labels=["state"]
        )
        # One that an alert waits for is there from the start: a rate begins with a zero.
        for family, found in (
            (by_rule, counts.flagged),
            (by_reason, {"partition_wrong": 0} | counts.rejected),
            (by_state, counts.episodes),
        ):
            for label, count in list(found.items()):
                family.add_metric([label], count)
            yield family
        yield from self._severities()
        yield SummaryMetricFamily(
            "tapewatch_refit_seconds",
            "Time to refit a symbol's forest, seconds",
            count_value=counts.refits.count,
            sum_value=counts.refits.took_s,
        )

    def _severities(self) -> Iterator[Metric]:
        """Yield how many trades have a severity, and how many at least 2, 3, 4."""
        scored = CounterMetricFamily(
            "tapewatch_scored_trades", "Trades with a severity, by detector", labels=["detector"]
        )
        severe = CounterMetricFamily(
            "tapewatch_severe_trades",
            "Those of at least a severity: of ordinary trades 1 in 10 to its power should be",
            labels=["detector", "severity"],
        )
        for detector, count in list(self._counts.scored.items()):
            scored.add_metric([detector], count)
        for (detector, level), count in list(self._counts.severe.items()):
            severe.add_metric([detector, str(level)], count)
        yield scored
        yield severe


class WaitingCollector(Collector):
    """What waits, as far as it is known: without the broker, the last value would only look so.

    A sample that is not known is not written, and `tapewatch_broker_up` says why, as exporters do
    it: a rate over NaNs would be none for as long as they are remembered.
    """

    def __init__(self, metrics: "Metrics") -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield whether the broker answers, and the lag if it does."""
        metrics = self._metrics
        up = GaugeMetricFamily("tapewatch_broker_up", "1 if the broker answers, else 0")
        lag = GaugeMetricFamily("tapewatch_lag_trades", "Trades not judged yet")
        answers = None if metrics.answers is None else metrics.answers()
        waiting = metrics.lag_trades
        if answers is not None:
            up.add_metric([], float(answers))
        if waiting is not None and answers is not False:
            lag.add_metric([], waiting)
        yield up
        yield lag


class Metrics:
    """What an app tells about itself.

    Attributes:
        answers: asks whether the broker answers; None if that cannot be asked.
        batch_trades, batch_s: size and time of each batch.
        commit_s: time of each commit, from the first byte of state to the end of the transaction.
        symbols, state_bytes: symbols that hold a place in this instance, and bytes of their states.
    """

    def __init__(self, app: str, counts: Counts, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self.registry.register(CountsCollector(counts))
        new: dict[str, Any] = {"registry": self.registry}
        self.batch_trades = Histogram(
            "tapewatch_batch_trades", "Trades of a batch", buckets=TRADES, **new
        )
        self.batch_s = Histogram(
            "tapewatch_batch_seconds", "Time of a batch, seconds", buckets=SECONDS, **new
        )
        self.commit_s = Histogram(
            "tapewatch_commit_seconds", "Time of a commit, seconds", buckets=SECONDS, **new
        )
        self.answers: Callable[[], bool] | None = None
        self._lag_trades, self._lag_told_s = 0.0, -math.inf
        self.registry.register(WaitingCollector(self))
        self.symbols = Gauge("tapewatch_symbols", "Symbols that hold a place", **new)
        self.state_bytes = Gauge("tapewatch_state_bytes", "Bytes of these states", **new)
        since = Gauge(
            "tapewatch_seconds_since_commit", "Seconds since the last commit, or the start", **new
        )
        self._committed_s = self._seen_s = self._clock.now_s()
        since.set_function(lambda: self._clock.now_s() - self._committed_s)
        self._app = app

    def told_lag(self, trades: float) -> None:
        """Note how many trades on the topic are not taken yet."""
        self._lag_trades, self._lag_told_s = trades, self._clock.now_s()

    @property
    def lag_trades(self) -> float | None:
        """Return how many trades are not taken yet; None if nothing said so lately."""
        late = self._clock.now_s() - self._lag_told_s > LAG_KEPT_S
        return None if late else self._lag_trades

    def alive(self) -> None:
        """Note that the app's main loop runs."""
        self._seen_s = self._clock.now_s()

    def committed(self, took_s: float) -> None:
        """Note a commit that took so long."""
        self.commit_s.observe(took_s)
        self._committed_s = self._clock.now_s()

    def healthy(self) -> bool:
        """Return whether the app is at work or waits for input, and does not hang."""
        return self._clock.now_s() - self._seen_s < SILENT_S

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Answer /metrics and /health in a thread of its own; returns how to end that.

        Raises `SettingsError` if nobody can listen there.
        """
        return serve(host, port, self.registry, self._health)

    def _health(self) -> tuple[bool, str]:
        well = self.healthy()
        state = "at work" if well else f"silent for more than {SILENT_S:.0f} s"
        return well, f"{self._app}: {state}"
