"""The broker and its topics, as findings; what knows Kafka lies in `tape.broker`."""

from tape.broker.about import about_broker
from tape.broker.connect import ready_broker
from tape.broker.topics import how_to_fix, pipeline_topics, topic_states
from tape.doctor.finding import Finding, first_cause
from tape.errors import BrokerError
from tape.settings import DetectorSettings

WAIT_S = 3.0
"""Longest wait for a broker that does not answer; one more attempt of 2 s may follow."""


def check_broker(settings: DetectorSettings) -> Finding:
    """See whether the broker answers, and say of what kind it is."""
    client = settings.client_config()
    try:
        ready_broker(client, [], wait_s=WAIT_S)
        about = about_broker(client)
    except BrokerError as error:
        return first_cause("broker", str(error))
    protocol = settings.security_protocol
    secured = "" if protocol == "PLAINTEXT" else f", {protocol}"
    return Finding("broker", "ok", f"{about.text}, at {settings.broker_address}{secured}")


def check_topics(settings: DetectorSettings) -> Finding:
    """Compare the topics with what the pipeline needs, as `tape topics check` does."""
    specs = pipeline_topics(*settings.topics(), settings.consumer_group)
    try:
        states = topic_states(settings.client_config(), specs)
    except BrokerError as error:
        return first_cause("topics", str(error))
    found = [difference for state in states for difference in state.differences()]
    if not found:
        names = ", ".join(spec.name for spec in specs)
        return Finding("topics", "ok", f"{names}: as the pipeline needs them")
    return Finding(
        "topics", "problem", f"{len(found)} differences", how_to_fix(states), tuple(found)
    )
