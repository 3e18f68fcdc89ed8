"""anomalies, episodes -> a store. What it can never take -> rejected."""

import sys

from tape.process.interrupts import end_at_once, stop_at_once

if __name__ in ("__main__", "__mp_main__"):
    end_at_once()  # quietly also while the libraries load
    stop_at_once()
    from tape.process.streams import whole_streams  # loaded under the handlers

    whole_streams()

from tape.kafka.connect import ready_broker
from tape.kafka.topics import refuse_unfit_topics
from tape.process.exit import refuse_words, run_app
from tape.process.logs import configure_logging
from tape.settings.load import load
from tape.settings.sink import SinkSettings
from tape.streaming.opening import open_store
from tape.streaming.sink_app import (
    make_store,
    needed_topics,
    run_sink,
    sink_application,
    storing,
)


def main() -> int:
    """Run until stopped, or until the topics have been idle for STOP_WHEN_IDLE_S."""
    refuse_words(sys.argv[1:])
    settings = load(SinkSettings)
    configure_logging(settings.log_format, settings.log_level)
    store = make_store(settings)
    topics = needed_topics(settings)
    ready_broker(settings.client_config(), topics)
    refuse_unfit_topics(settings.client_config(), topics)
    open_store(store, settings.sink)

    app = sink_application(settings)
    storing(app, settings, store)
    return run_sink(app, settings, store)


if __name__ == "__main__":
    sys.exit(run_app(main))
