"""stocks -> rules and forest, batch by batch -> anomalies, episodes and bars.

What cannot be read -> rejected.
"""

import sys

from tape.process.interrupts import end_at_once, stop_at_once

if __name__ in ("__main__", "__mp_main__"):
    end_at_once()  # quietly also while the libraries load
    stop_at_once()
    from tape.process.streams import whole_streams  # loaded under the handlers

    whole_streams()

from tape.kafka.connect import ready_broker
from tape.kafka.topics import pipeline_topics, refuse_unfit_topics
from tape.process.exit import refuse_words, run_app
from tape.process.logs import configure_logging
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.streaming.application import bytes_topic
from tape.streaming.detector_app import detector_application, judging
from tape.streaming.running import run_detector


def main() -> int:
    """Run until stopped, or until the input has been idle for STOP_WHEN_IDLE_S."""
    refuse_words(sys.argv[1:])
    settings = load(DetectorSettings)
    configure_logging(settings.log_format, settings.log_level)
    topics = pipeline_topics(
        *settings.topics(),
        settings.consumer_group,
        state_bytes=settings.state_bytes_max,
        bars=settings.bars_to,
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
