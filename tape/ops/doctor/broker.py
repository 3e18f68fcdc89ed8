"""The broker and its topics, as findings; what knows Kafka lies in `tape.broker`."""

from tape.errors import BrokerError, SettingsError
from tape.kafka.about import about_broker
from tape.kafka.connect import ready_broker
from tape.kafka.placing import look_at_placing
from tape.kafka.topics import how_to_fix, pipeline_topics, topic_states
from tape.ops.doctor.finding import Finding, first_cause
from tape.settings.alerter import alerts_topic
from tape.settings.detector import DetectorSettings
from tape.settings.page import reviews_topic

WAIT_S = 3.0
"""Longest wait for a broker that does not answer; one more attempt of 2 s may follow."""


def check_broker(settings: DetectorSettings) -> Finding:
    """See whether the broker answers, and say of what kind it is."""
    client = settings.client_config()
    try:
        ready_broker(client, [], wait_s=WAIT_S)
        about = about_broker(client)
    except BrokerError as error:
        return first_cause("broker", error)
    protocol = settings.security_protocol
    secured = "" if protocol == "PLAINTEXT" else f", {protocol}"
    return Finding("broker", "ok", f"{about.text}, at {settings.broker_address}{secured}")


def check_topics(settings: DetectorSettings) -> Finding:
    """Compare the topics with what the pipeline needs, as `tape topics check` does."""
    try:
        specs = pipeline_topics(
            *settings.topics(),
            settings.consumer_group,
            state_bytes=settings.state_bytes_max,
            alerts=alerts_topic(),
            reviews=reviews_topic(),
            bars=settings.bars_to,
        )
        states = topic_states(settings.client_config(), specs)
    except (BrokerError, SettingsError) as error:
        return first_cause("topics", error)
    faults = [fault for state in states for fault in state.faults()]
    found = tuple(fault.text for fault in faults)
    if not found:
        names = ", ".join(spec.name for spec in specs)
        return Finding("topics", "ok", f"{names}: as the pipeline needs them")
    advice = all(fault.weight == "advice" for fault in faults)
    text = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    return Finding("topics", "warning" if advice else "problem", text, how_to_fix(states), found)


def check_placing(settings: DetectorSettings) -> Finding:
    """See whether what was sent last lies where the detector takes it."""
    try:
        found = look_at_placing(settings.client_config(), settings.input)
    except BrokerError as error:
        return first_cause("placing", error)
    if not found.wrong:
        text = f"the newest {found.records:,} records of {settings.input} lie where they belong"
        return Finding("placing", "ok", text if found.records else f"{settings.input} holds none")
    return Finding(
        "placing",
        "problem",
        f"{found.wrong:,} of the newest {found.records:,} records of {settings.input} lie on a "
        "wrong partition, where they are rejected",
        "send with the partitioner murmur2 (docs/messages.md); `tape rejected retry --reason "
        "partition_wrong` sends what was rejected to its partition",
        (found.first,),
    )
