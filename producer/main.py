"""Folder of DataBento files, or days of a database -> stocks; what cannot be read -> rejected."""

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
from tape.settings.load import load
from tape.settings.producer import ProducerSettings
from tape.streaming.application import bytes_topic
from tape.streaming.feed_source import feed_source
from tape.streaming.positions import positions_topic
from tape.streaming.producer import ArchiveSource
from tape.streaming.producer_app import producer_application, run_producer


def main() -> int:
    """Send every trade that was not sent before; ends when all is sent and acknowledged."""
    refuse_words(sys.argv[1:])
    settings = load(ProducerSettings)
    configure_logging(settings.log_format, settings.log_level)
    feed_source(settings)  # an empty folder is said before a broker is waited for
    own = {settings.input, settings.rejected, positions_topic(settings.input)}
    topics = [spec for spec in pipeline_topics(*settings.topics()) if spec.name in own]
    ready_broker(settings.client_config(), topics)
    refuse_unfit_topics(settings.client_config(), topics)

    app = producer_application(settings)
    source = ArchiveSource(settings)
    app.add_source(source, bytes_topic(app, settings.input))
    return run_producer(app, settings, source)


if __name__ == "__main__":
    sys.exit(run_app(main))
