"""How far the producer is, as its log says it, by a clock that is set."""

import logging
from pathlib import Path

import pytest

from tape.archives import find_archives
from tape.feeds.feed import FeedPart
from tape.feeds.progress import LINE_S, Progress
from tape.synthetic import make_day, write_day
from tape.testing import SettableClock


def test_a_line_every_ten_seconds_says_how_far_it_is_and_how_long_it_takes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_day(make_day(trades=1_000), tmp_path)
    (archive,) = find_archives(tmp_path).archives
    clock = SettableClock()
    progress = Progress([archive], [1_000], clock)
    with caplog.at_level(logging.INFO, logger="tape.feeds.progress"):
        progress.start(archive, rows=0)
        for rows in (100, 200, 250):
            clock.advance(LINE_S / 2)
            progress.advance({archive.sha256: FeedPart(rows=rows, trades=100)})
        progress.summary({"files": 1}, trades=300)
    progress.close()
    _, line, done = caplog.records
    assert line.getMessage() == "progress"
    told = (line.trades, line.trades_per_s, line.eta_s)  # type: ignore[attr-defined]
    assert told == (200, 20, 40), "a fifth of the rows in 10 s"
    assert (done.seconds, done.trades_per_s) == (15, 20)  # type: ignore[attr-defined]
