"""A loop that hangs is ended; one that goes on is not."""

import threading

from tape.streaming.loop_watch import LoopWatch

SOON_S = 30.0


def test_a_loop_without_a_beat_is_ended_once() -> None:
    hung = threading.Event()
    times = []

    def on_hang() -> None:
        times.append(1)
        hung.set()

    LoopWatch(0.05, on_hang).start()
    assert hung.wait(SOON_S)
    assert times == [1]


def test_a_loop_that_beats_is_left_alone_until_it_stops() -> None:
    hung = threading.Event()
    watch = LoopWatch(1.0, hung.set)
    watch.start()
    for _ in range(30):
        watch.beat()
        assert not hung.wait(0.05), "it beat all the time"
    assert hung.wait(SOON_S), "and then it stopped"


def test_an_ended_watch_ends_nothing() -> None:
    hung = threading.Event()
    watch = LoopWatch(0.2, hung.set)
    watch.start()
    watch.end()
    assert not hung.wait(1.0)
