"""The faults, each proven to have happened."""

import shutil
import signal
import time

from tape.kafka.local.broker import LocalKafka
from tests.faults.bench import Bench, is_dead
from tests.faults.proxy import Proxy


def kill(bench: Bench, index: int = 0, *, name: str = "detector SIGKILL") -> None:
    """SIGKILL to a detector in the middle of its work; the supervisor starts it again."""
    detector = bench.detectors[index]
    committed = bench.in_the_middle(name)
    dead = detector.pid
    detector.signal(signal.SIGKILL)
    _restarted(bench, detector, dead)
    bench.wait_for_more(committed)


def kill_and_forget(bench: Bench, index: int = 0) -> None:
    """SIGKILL to a detector, and its state directory deleted before it is started again."""
    detector = bench.detectors[index]
    committed = bench.in_the_middle("state directory deleted")
    dead = detector.pid
    detector.signal(signal.SIGKILL)
    instance = bench.instances[id(detector)]
    state = bench.state_of(instance)
    if bench.shared_state:
        state /= instance  # those of the others stay
    deadline_s = time.monotonic() + 10
    while not is_dead(dead):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    shutil.rmtree(state)
    assert not state.exists()
    _restarted(bench, detector, dead)
    bench.wait_for_more(committed)


def terminate(bench: Bench, index: int = 0) -> None:
    """SIGTERM to a detector; it must end by itself with 0, and is started again."""
    detector = bench.detectors[index]
    before = bench.committed()  # one that a cut connection has just ended is only starting
    bench.wait(lambda: bench.committed() > before, "a detector at work")
    bench.in_the_middle("detector SIGTERM")
    code = detector.stop()
    assert code == 0, f"it ended with {code}; {bench.logs()}"
    committed = bench.committed()
    detector.start_again()
    bench.wait_for_more(committed)


def pause(bench: Bench, seconds: float = 14.0) -> None:
    """Hold a detector still beyond its session: when it wakes up it must not commit."""
    detector = bench.detectors[0]
    committed = bench.in_the_middle("detector SIGSTOP")
    paused = detector.pid
    detector.signal(signal.SIGSTOP)
    other = bench.add_detector()
    bench.wait_for_more(committed)  # the other one has taken over
    time.sleep(max(0.0, seconds - bench.recovery_s[-1]))
    detector.signal(signal.SIGCONT)
    bench.wait(lambda: detector.pid != paused, "the fenced detector's end and restart")
    assert detector.last_code not in (0, None), "a fenced detector must not end well"
    assert other.stop() == 0
    bench.detectors.remove(other)
    bench.wait_for_more(bench.committed())


def kill_producer(bench: Bench) -> None:
    """SIGKILL to the producer and its source; the supervisor starts it again."""
    producer = bench.producer
    assert producer is not None
    bench.in_the_middle("producer SIGKILL")
    written, dead = bench.progress()[0], producer.pid
    producer.signal(signal.SIGKILL)
    _restarted(bench, producer, dead)
    bench.wait(lambda: bench.progress()[0] > written, "more trades after the producer's death")


def kill_both(bench: Bench) -> None:
    """SIGKILL to producer and detector at once: two faults, two restarts."""
    producer, detector = bench.producer, bench.detectors[0]
    assert producer is not None
    bench.in_the_middle("producer SIGKILL")
    bench.happened["detector SIGKILL"] = bench.happened.get("detector SIGKILL", 0) + 1
    written, committed = bench.progress()
    dead = producer.pid, detector.pid
    producer.signal(signal.SIGKILL)
    detector.signal(signal.SIGKILL)
    _restarted(bench, producer, dead[0])
    _restarted(bench, detector, dead[1])
    bench.wait_for_more(committed)
    bench.wait(lambda: bench.progress()[0] > written, "more trades after the producer's death")


def terminate_producer(bench: Bench) -> None:
    """SIGTERM to the producer, as a container is stopped."""
    producer = bench.producer
    assert producer is not None
    bench.in_the_middle("producer SIGTERM")
    producer.stop()
    written = bench.progress()[0]
    assert written < bench.trades, "it was stopped before its end"
    producer.start_again()
    bench.wait(lambda: bench.progress()[0] > written, "more trades after the producer's stop")


def kill_broker(bench: Bench, kafka: LocalKafka) -> None:
    """SIGKILL to the broker, as a power cut, and its start on the same files."""
    committed = bench.in_the_middle("broker SIGKILL")
    dead = kafka.pid
    kafka.kill()
    assert is_dead(dead)
    kafka.start()
    bench.wait_for_more(committed)


def stop_broker(bench: Bench, kafka: LocalKafka) -> None:
    """The broker stopped in an orderly way, and started again."""
    committed = bench.in_the_middle("broker stopped")
    kafka.stop()
    time.sleep(bench.dice.uniform(0.5, 3))
    kafka.start()
    bench.wait_for_more(committed)


def pause_broker(bench: Bench, kafka: LocalKafka, seconds: float = 30.0) -> None:
    """The broker held still, as by a full host, for half a minute."""
    committed = bench.in_the_middle("broker paused")
    kafka.pause()
    time.sleep(seconds)
    assert bench.progress() == (0, 0), "the broker answers while it is paused"
    kafka.resume()
    bench.wait_for_more(committed)


def _restarted(bench: Bench, app: object, dead: int) -> None:
    bench.wait(lambda: app.pid != dead, "the supervisor's restart")  # type: ignore[attr-defined]
    assert is_dead(dead)


def cut_connection(bench: Bench, proxy: Proxy, seconds: float) -> None:
    """Every connection between the apps and the broker broken for a while, then restored."""
    committed = bench.in_the_middle("connection cut")
    cuts = proxy.cuts
    proxy.cut()
    assert proxy.cuts >= cuts + 2, "producer and detector were connected"
    time.sleep(seconds)
    proxy.repair()
    bench.wait_for_more(committed)
