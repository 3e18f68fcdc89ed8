"""stocks -> rules and forest, batch by batch -> anomalies and episodes.

What cannot be read -> rejected.
"""

import sys

from tape.interrupts import end_at_once, stop_at_once

if __name__ in ("__main__", "__mp_main__"):
    end_at_once()  # quietly also while the libraries load
    stop_at_once()

from tape.broker.connect import ready_broker
from tape.broker.topics import pipeline_topics, refuse_unfit_topics
from tape.logs import configure_logging
from tape.run import run_app
from tape.settings import DetectorSettings, load
from tape.streaming.application import bytes_topic, detector_application, judging
from tape.streaming.running import run_detector


def main() -> int:
    """Run until stopped, or until the input has been idle for STOP_WHEN_IDLE_S."""
    settings = load(DetectorSettings)
    configure_logging(settings)
    topics = pipeline_topics(
        *settings.topics(), settings.consumer_group, state_bytes=settings.state_bytes_max
    )
    ready_broker(settings.client_config(), topics)
    refuse_unfit_topics(settings.client_config(), topics)

    app = detector_application(settings)
    batches = app.dataframe(bytes_topic(app, settings.input))
    judge = judging(app, settings, batches)
    batches.update(judge)

    return run_detector(app, settings, judge.counts)


if __name__ == "__main__":
    sys.exit(run_app(main))
