"""A loop that hangs is ended; one that works is not."""

import threading

from tape.streaming.loop_watch import HANGS_S, LoopWatch, where_the_loop_is
from tape.testing import SettableClock

SOON_S = 30.0


def test_a_loop_without_a_beat_is_ended_once() -> None:
    clock, hung, times = SettableClock(), threading.Event(), []

    def on_hang() -> None:
        times.append(1)
        hung.set()

    watch = LoopWatch(on_hang=on_hang, clock=clock, every_s=0.001)
    watch.start()
    clock.advance(HANGS_S + 1)
    assert hung.wait(SOON_S)
    assert times == [1]


def test_a_loop_hangs_when_its_last_beat_is_too_long_ago() -> None:
    clock = SettableClock()
    watch = LoopWatch(10, clock=clock)
    for _ in range(30):
        clock.advance(9)
        assert not watch.hangs, "it beat all the time"
        watch.beat()
    clock.advance(10)
    assert not watch.hangs
    clock.advance(0.1)
    assert watch.hangs, "and then it stopped"


def test_an_ended_watch_ends_nothing() -> None:
    clock, hung = SettableClock(), threading.Event()
    before = set(threading.enumerate())
    watch = LoopWatch(on_hang=hung.set, clock=clock, every_s=0.001)
    watch.start()
    (thread,) = set(threading.enumerate()) - before
    watch.end()
    thread.join(SOON_S)
    clock.advance(HANGS_S + 1)
    assert not thread.is_alive()
    assert not hung.is_set()


def test_it_names_the_functions_that_the_main_thread_is_in() -> None:
    seen = []

    def asking_the_client() -> None:
        other = threading.Thread(target=lambda: seen.append(where_the_loop_is()))
        other.start()
        other.join()

    asking_the_client()
    assert " of asking_the_client" in seen[0]
