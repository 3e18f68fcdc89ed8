"""What the page tells Prometheus about itself, and whether it is well."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tape.page.board import Board
from tape.page.frames import Feed

SILENT_S: Final = 60.0
"""A page that has sent no frame for this long hangs."""


class PageFigures(Collector):
    """Turns what the page counts anyway into metrics, when somebody asks."""

    def __init__(self, board: Board, feed: Feed) -> None:
        self._board, self._feed = board, feed

    def registry(self) -> CollectorRegistry:
        """Return a registry that has these figures."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now."""
        board, feed = self._board, self._feed
        facts = feed.facts()
        up = float(facts["state"] != "disconnected")
        for name, text, value in (
            ("broker_up", "1 if the broker answers, else 0", up),
            ("page_viewers", "Browsers that listen", len(feed.viewers)),
            ("page_seconds_since_news", "Seconds since something new came", facts["quiet_s"]),
        ):
            yield GaugeMetricFamily(f"tapewatch_{name}", text, value=value)
        for name, text, value in (
            ("page_frames", "Frames given to browsers", feed.frames_sent),
            ("page_viewers_cut", "Browsers cut off because they did not read", feed.viewers_cut),
            ("page_changes", "Changes of what is shown", board.seq),
            ("page_unreadable", "Records that could not be read", board.unreadable),
            ("page_episodes_dropped", "Episodes dropped because there are too many", board.lost),
        ):
            yield CounterMetricFamily(f"tapewatch_{name}", text, value=value)
        if facts["lag"] is not None:
            yield GaugeMetricFamily(
                "tapewatch_page_trades_waiting",
                "Trades that the detector has not judged yet",
                value=facts["lag"],
            )

    def health(self) -> tuple[bool, str]:
        """Return whether the page is at work, and a line that says so."""
        quiet_s = self._feed.seconds_since_beat()
        well = quiet_s < SILENT_S
        state = self._feed.facts()["state"] if well else f"silent for more than {SILENT_S:.0f} s"
        return well, f"page: {state}"
