"""How far the producer is, as its log says it, by a clock that is set."""

import io
import logging
from pathlib import Path

import pytest

from tape.archives import find_archives
from tape.feeds.feed import FeedPart
from tape.feeds.progress import LINE_S, Progress
from tape.process.logs import configure_logging
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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """The lines as a terminal shows them: what a carriage return leaves of each."""
        found = []
        for line in self.getvalue().split("\n"):
            cells: list[str] = []
            for part in line.replace("\x1b[A", "").split("\r"):
                cells[: len(part)] = part
            found.append("".join(cells).rstrip())
        return found


def test_the_bar_ends_at_all_of_it_and_logs_stand_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(make_day(trades=1_000), tmp_path / "a")
    write_day(make_day(seed=2, trades=1_000), tmp_path / "b")
    one, other = (find_archives(tmp_path / name).archives[0] for name in "ab")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(terminal)])
    log = logging.getLogger("tape.feeds.progress")
    monkeypatch.setattr(log, "level", logging.INFO)
    progress = Progress([one, other], [1_400, 1_400], SettableClock())
    progress.already_sent(one)
    progress.start(other, rows=0)
    progress.advance({other.sha256: FeedPart(rows=1_000, trades=1_000)})
    log.warning("something in between")
    progress.close(is_done=True)
    progress.summary({"files": 2}, trades=1_000)
    lines = [line for line in terminal.shown() if line]
    assert [line for line in lines if "|" not in line] == [
        "sent before",
        "sending",
        "something in between",
        "producer done",
    ]
    (bar,) = [line for line in lines if "|" in line]
    assert "100%" in bar
    assert "2.40k/2.40k" in bar
    assert not isinstance(root.handlers[0], logging.NullHandler)
    assert root.handlers[0].stream is terminal  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("GETPID [rdkafka#producer-9] [thrd:main]: Coordinator load in progress: retrying", False),
        ("FAIL [rdkafka#producer-9] [thrd:x]: Connect to ipv4#127.0.0.1:1 failed", True),
        ("Coordinator load in progress", True),
    ],
)
def test_what_the_client_tries_again_by_itself_is_not_shown(
    text: str, is_shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure_logging("plain", "INFO")
    (handler,) = logging.getLogger().handlers
    record = logging.LogRecord("quixstreams", logging.WARNING, "", 0, text, None, None)
    assert bool(handler.filter(record)) is is_shown
