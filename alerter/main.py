"""episodes -> people, by Slack, mail, webhook …; what was sent -> alerts."""

import sys

from tape.process.clock import wall_ns
from tape.process.interrupts import end_at_once, stop_at_once

if __name__ in ("__main__", "__mp_main__"):
    end_at_once()  # quietly also while the libraries load
    stop_at_once()
    from tape.process.streams import whole_streams  # loaded under the handlers

    whole_streams()

from tape.alerting.start import channels_in, decider_of
from tape.kafka.connect import ready_broker
from tape.kafka.topics import refuse_unfit_topics
from tape.process.exit import leave, refuse_words, run_app
from tape.process.logs import configure_logging
from tape.settings.alerter import AlerterSettings
from tape.settings.load import load
from tape.streaming.alert_app import alert_application, alerting, needed_topics, run_alerter


def main() -> int:
    """Run until stopped, or until `episodes` has been idle for STOP_WHEN_IDLE_S."""
    refuse_words(sys.argv[1:])
    settings = load(AlerterSettings)
    configure_logging(settings.log_format, settings.log_level)
    channels = channels_in(settings)
    decider = decider_of(settings, channels, wall_ns())
    topics = needed_topics(settings)
    ready_broker(settings.client_config(), topics)
    refuse_unfit_topics(settings.client_config(), topics)

    app = alert_application(settings)
    work = alerting(app, settings, channels, decider)
    return run_alerter(app, settings, work)


if __name__ == "__main__":
    leave(run_app(main))
