"""What the alerter tells about itself: Prometheus metrics, and whether it is well."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from prometheus_client import Counter, Gauge

from tape.process.app_metrics import AppMetrics
from tape.process.clock import CLOCK, Clock

KINDS: Final = ("new", "worse", "ended", "digest")
PICTURES: Final = ("sent", "failed")


class AlertMetrics(AppMetrics):
    """Counts of what was sent, withheld and not taken, and the state of each channel."""

    def __init__(self, channels: Sequence[str], clock: Clock = CLOCK) -> None:
        lag = ("tapewatch_alerter_lag_messages", "States of episodes not decided on yet")
        super().__init__("alerter", lag, clock)
        new: dict[str, Any] = {"registry": self.registry}
        by_channel: dict[str, Any] = {"labelnames": ["channel"], **new}
        self._sent = Counter(
            "tapewatch_alerts_sent",
            "Messages that a channel acknowledged",
            ["channel", "kind"],
            **new,
        )
        self._withheld = Counter(
            "tapewatch_alerts_withheld", "Decisions to tell nobody, by reason", ["reason"], **new
        )
        self._failed = Counter(
            "tapewatch_alerts_failed", "Attempts that a channel did not take", **by_channel
        )
        self._lost = Counter(
            "tapewatch_alerts_given_up",
            "Messages that a channel never took: refused, or not taken in time",
            **by_channel,
        )
        self._pictures = Counter(
            "tapewatch_alert_pictures",
            "Pictures that a channel took (sent), or without which a message went (failed)",
            ["channel", "outcome"],
            **new,
        )
        self._up = Gauge(
            "tapewatch_channel_up", "1 if the last attempt was acknowledged, else 0", **by_channel
        )
        self._waiting = Gauge("tapewatch_alerts_waiting", "Messages not sent yet", **by_channel)
        self._since = Gauge(
            "tapewatch_seconds_since_alert",
            "Seconds since the channel acknowledged a message, or the start",
            **by_channel,
        )
        self._unreadable = Counter(
            "tapewatch_episodes_unreadable", "Records of episodes that cannot be read", **new
        )
        self._sent_s = dict.fromkeys(channels, clock.now_s())
        for channel in channels:
            for kind in KINDS:
                self._sent.labels(channel, kind)
            for outcome in PICTURES:
                self._pictures.labels(channel, outcome)
            self._failed.labels(channel)
            self._lost.labels(channel)
            self._up.labels(channel).set(1)
            self._since.labels(channel).set_function(self._since_sent(channel))

    def _since_sent(self, channel: str) -> Callable[[], float]:
        return lambda: self._clock.now_s() - self._sent_s[channel]

    def watch(self, channel: str, waiting: Callable[[], int]) -> None:
        """Have a function asked how much waits for a channel."""
        self._waiting.labels(channel).set_function(waiting)

    def sent(self, channel: str, kind: str) -> None:
        """Note that a channel acknowledged a message."""
        self._sent.labels(channel, kind).inc()
        self._up.labels(channel).set(1)
        self._sent_s[channel] = self._clock.now_s()

    def withheld(self, reason: str) -> None:
        """Note that somebody was not told, and why."""
        self._withheld.labels(reason).inc()

    def failed(self, channel: str) -> None:
        """Note an attempt that a channel did not take."""
        self._failed.labels(channel).inc()
        self._up.labels(channel).set(0)

    def given_up(self, channel: str) -> None:
        """Note a message that a channel will not get."""
        self._lost.labels(channel).inc()

    def picture(self, channel: str, outcome: str) -> None:
        """Note a picture that a channel took, or that its message went without one."""
        self._pictures.labels(channel, outcome).inc()

    def unreadable(self) -> None:
        """Note a record that is no state of an episode."""
        self._unreadable.inc()

    def committed(self) -> None:
        """Note that the group's place was committed, or is where it should be."""
        self._committed_s = self._clock.now_s()
