"""Folder of DataBento files -> stocks, and what cannot be read -> rejected."""

import sys

from tape.interrupts import end_at_once, stop_at_once

if __name__ in ("__main__", "__mp_main__"):
    end_at_once()  # quietly also while the libraries load
    stop_at_once()

from tape.archives import find_archives
from tape.broker.connect import ready_broker
from tape.broker.topics import pipeline_topics, refuse_unfit_topics
from tape.logs import configure_logging
from tape.run import run_app
from tape.settings import ProducerSettings, load
from tape.streaming.application import bytes_topic, producer_application
from tape.streaming.positions import positions_topic
from tape.streaming.running import run_producer
from tape.streaming.source import ArchiveSource


def main() -> int:
    """Send every trade that was not sent before; ends when all is sent and acknowledged."""
    settings = load(ProducerSettings)
    configure_logging(settings)
    find_archives(settings.data_dir)  # an empty folder is said before a broker is waited for
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
