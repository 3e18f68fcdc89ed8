"""All checks, in the order in which things have to work."""

from collections.abc import Iterator

from tape.ops.doctor.alerter import check_alerter
from tape.ops.doctor.broker import check_broker, check_placing, check_topics
from tape.ops.doctor.configuration import check_secrets, check_settings
from tape.ops.doctor.drift import check_drift
from tape.ops.doctor.endpoint import check_metrics
from tape.ops.doctor.files import check_data, check_state
from tape.ops.doctor.finding import Finding
from tape.ops.doctor.installation import check_packages, check_python, wanted
from tape.ops.doctor.pipeline import CHECKS, check_group
from tape.ops.doctor.store import check_store
from tape.ops.doctor.trial import check_trial
from tape.settings.detector import DetectorSettings

TRIAL = ("clock", "trial")
LAST = ("metrics", "drift", "store", "alerter")
NEED_THE_BROKER = ("topics", "placing", *CHECKS)


def examine(*, deep: bool, look_s: float) -> Iterator[Finding]:
    """Yield a finding a check, as soon as there is one; the names are always the same.

    Args:
        deep: whether one test trade goes through topics of its own.
        look_s: time between the two looks at the consumer group, seconds.
    """
    asked = wanted()
    yield check_python(asked)
    yield check_packages(asked)
    settings, detector, producer = check_settings()
    yield settings
    yield check_secrets()
    if detector is None or producer is None:
        names = ("data", "state", "broker", *NEED_THE_BROKER, *TRIAL, *LAST)
        yield from _not_checked(names, "the settings cannot be used")
        return
    yield check_data(producer.data_dir)
    yield check_state(detector.state_dir)
    yield from _with_broker(detector, deep=deep, look_s=look_s)
    yield check_metrics(detector)
    yield check_drift(detector)
    yield check_store()
    yield check_alerter()


def _with_broker(settings: DetectorSettings, *, deep: bool, look_s: float) -> Iterator[Finding]:
    broker = check_broker(settings)
    yield broker
    if not broker.is_well:
        yield from _not_checked((*NEED_THE_BROKER, *TRIAL), "the broker cannot be used")
        return
    topics = check_topics(settings)
    yield topics
    yield check_placing(settings)
    yield from check_group(settings, look_s)
    if deep:
        yield from check_trial(settings)
    else:
        yield from _not_checked(TRIAL, "--deep does it, with a test trade on topics of its own")


def _not_checked(names: tuple[str, ...], why: str) -> list[Finding]:
    return [Finding(name, "not checked", why) for name in names]
