"""A broker that is away or only starting: an app ends with 1 and is started again, not with 4."""

import signal
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from tape.errors import BrokerAwayError, BrokerError, TapeError
from tape.kafka.connect import ready_broker, told_plainly
from tape.kafka.topics import partition_counts
from tape.process.exit import run_app, run_main

PASSING = [
    KafkaError._UNKNOWN_PARTITION,  # seen after a broker's outage, from get_watermark_offsets
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,  # a container whose broker has no name yet
    KafkaError.NOT_CONTROLLER,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.INVALID_REPLICATION_FACTOR,  # the other brokers of a cluster are still to come
]


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def looked(code: int) -> int:
    with told_plainly("the topic stocks"):
        raise KafkaException(KafkaError(code))


@pytest.mark.parametrize("code", PASSING)
def test_what_may_pass_lets_the_supervisor_start_an_app_again(
    code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BrokerAwayError):
        looked(code)
    assert run_app(lambda: looked(code)) == 1
    assert run_main(lambda: looked(code)) == 4  # a command: a person is there
    assert capsys.readouterr().err.startswith("error: cannot look at the topic stocks (")


def test_a_broker_that_goes_away_while_topics_are_looked_at_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tape.kafka.topics.TIMEOUT_S", 0.2)
    with pytest.raises(BrokerAwayError, match=r"127\.0\.0\.1:1 does not answer"):
        partition_counts({"bootstrap.servers": "127.0.0.1:1"}, ["stocks"])


def test_a_broker_that_is_not_there_at_start_lets_the_supervisor_start_an_app_again() -> None:
    def started() -> int:
        ready_broker({"bootstrap.servers": "127.0.0.1:1"}, [], wait_s=0.1)
        return 0

    assert run_app(started) == 1
    assert run_main(started) == 4


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._SSL])
def test_what_no_waiting_fixes_needs_a_person(code: int) -> None:
    with pytest.raises(BrokerError) as caught:
        looked(code)
    assert not isinstance(caught.value, BrokerAwayError)
    assert run_app(lambda: looked(code)) == 4


def test_an_app_s_own_conditions_keep_their_codes() -> None:
    def ended() -> int:
        raise TapeError("so it is")

    assert run_app(ended) == 1
