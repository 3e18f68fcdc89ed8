"""Prometheus metrics and a health page, one closed list for both apps; off unless a port is set."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import Gauge, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from tape.model.counts import Counts
from tape.model.fields import NANOS
from tape.process.app_metrics import SECONDS, AppMetrics
from tape.process.clock import CLOCK, Clock

TRADES: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
"""Upper bounds of the histogram of trades per batch."""


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
                "late_for_bars",
                "Trades judged that are in no bar, so late they came",
                counts.late_for_bars,
            ),
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


class Metrics(AppMetrics):
    """What producer and detector tell about themselves.

    Attributes:
        batch_trades, batch_s: size and time of each batch.
        commit_s: time of each commit, from the first byte of state to the end of the transaction.
        symbols, state_bytes: symbols that hold a place in this instance, and bytes of their states.
    """

    def __init__(self, app: str, counts: Counts, clock: Clock = CLOCK) -> None:
        super().__init__(app, ("tapewatch_lag_trades", "Trades not judged yet"), clock)
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
        self.symbols = Gauge("tapewatch_symbols", "Symbols that hold a place", **new)
        self.state_bytes = Gauge("tapewatch_state_bytes", "Bytes of these states", **new)

    def committed(self, took_s: float) -> None:
        """Note a commit, and how long it took, in seconds."""
        self.commit_s.observe(took_s)
        self._committed_s = self._clock.now_s()
