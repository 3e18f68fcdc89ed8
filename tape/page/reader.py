"""What reads the topics for all viewers of the page: one thread, and one that looks at the lag."""

import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from tape.errors import BrokerError
from tape.kafka.growing import Record
from tape.kafka.live_topics import Begin, LiveTopics
from tape.kafka.reader import ProgressReader
from tape.page.board import Board, Source
from tape.page.pulse import Pulse
from tape.process.clock import WALL_CLOCK
from tape.settings.page import PageSettings

LOOK_EVERY_S: Final = 2.0
"""How often it is asked how far the detector is."""
ANOMALIES: Final = Begin(back=5_000)
"""Flagged trades of before that a partition's reading begins with."""
EPISODES: Final = Begin(back=20_000)
"""States of episodes of before, likewise."""
BARS: Final = Begin(back=100_000)
"""Bars of before, likewise: of four partitions as many as the page keeps."""


class TopicReader:
    """Reads anomalies, episodes, bars and reviews into a board until it is told to end."""

    def __init__(self, settings: PageSettings, board: Board, pulse: Pulse) -> None:
        self._settings, self._board, self._pulse = settings, board, pulse
        self._topics = LiveTopics(
            settings.client_config(),
            {
                settings.reviews: Begin(),
                settings.output: ANOMALIES,
                settings.episodes: EPISODES,
                settings.bars_topic: BARS,
            },
            self._take,
            self._note_connected,
            self._note_missing,
        )
        self.wait_for = self._topics.wait_for
        self._over = threading.Event()
        self._look = threading.Thread(target=self._look_at_group, name="page-lag", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._topics.start()
        self._look.start()

    def stop(self) -> None:
        """End; waits a moment for the threads, which are daemons."""
        self._over.set()
        self._topics.stop()
        self._look.join(1.0)

    def _take(self, records: Sequence[Record]) -> None:
        settings, board = self._settings, self._board
        for one in records:
            if one.topic == settings.bars_topic:
                board.add_bar(one.value)
            elif one.topic == settings.output:
                source = Source(one.topic, one.partition, one.offset, one.at_ms, one.source)
                board.add_anomaly(one.value, source)
            elif one.topic == settings.episodes:
                board.add_episode(one.value, one.at_ms / 1_000)
            elif one.value:
                board.add_review(one.value)
        if any(one.topic != settings.reviews for one in records):
            self._pulse.news_s = WALL_CLOCK.now_s()

    def _note_connected(self, connected: bool) -> None:
        self._pulse.connected = connected

    def _note_missing(self, names: list[str]) -> None:
        missing = " and no topic ".join(names)
        self._pulse.problem = (
            f"There is no topic {missing} yet: `tape topics create` makes it." if names else ""
        )

    def _look_at_group(self) -> None:
        """Ask again and again how many trades wait for the detector."""
        settings = self._settings
        client, group = settings.client_config(), settings.detector_group
        while not self._over.wait(LOOK_EVERY_S):
            try:
                with closing(ProgressReader(client, settings.input, group)) as reader:
                    while not self._over.wait(LOOK_EVERY_S):
                        progress = reader.read()
                        self._pulse.waiting = max(0, progress.written - progress.committed)
            except BrokerError:
                self._pulse.waiting = None
