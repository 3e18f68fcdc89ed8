"""The broker is asked whether it answers at most every few seconds, however often that is read."""

from tape.kafka.probe import KEPT_S, BrokerProbe
from tape.testing import SettableClock


class Asked(BrokerProbe):
    """A probe whose broker is an answer that is set."""

    answer, times = True, 0

    def _ask(self) -> bool:
        self.times += 1
        return self.answer


def test_an_answer_counts_for_a_while_and_then_the_broker_is_asked_again() -> None:
    clock = SettableClock()
    probe = Asked({"bootstrap.servers": "127.0.0.1:1"}, clock)
    assert [probe() for _ in range(100)] == [True] * 100
    assert probe.times == 1
    probe.answer = False
    clock.advance(KEPT_S - 0.1)
    assert probe() is True
    clock.advance(0.2)
    assert probe() is False
    assert probe.times == 2
