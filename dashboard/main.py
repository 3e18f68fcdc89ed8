"""anomalies, episodes, bars -> a page in a browser; what people decide there -> reviews."""

import sys

from tape.process.interrupts import end_at_once, stop_at_once

if __name__ in ("__main__", "__mp_main__"):
    end_at_once()  # quietly also while the libraries load
    stop_at_once()
    from tape.process.streams import whole_streams  # loaded under the handlers

    whole_streams()

from tape.kafka.connect import ready_broker
from tape.kafka.topics import refuse_unfit_topics
from tape.page.needed import need_streamlit
from tape.page.topics import topics_of
from tape.process.exit import refuse_words, run_app
from tape.process.logs import configure_logging
from tape.settings.load import load
from tape.settings.page import PageSettings


def main() -> int:
    """Serve the page until stopped."""
    refuse_words(sys.argv[1:])
    settings = load(PageSettings)
    configure_logging(settings.log_format, settings.log_level)
    need_streamlit()
    from tape.page.server import Page, log_started, serve

    topics = topics_of(settings)
    ready_broker(settings.client_config(), topics)
    refuse_unfit_topics(settings.client_config(), topics)
    return serve(Page.on_broker(settings), log_started)


if __name__ == "__main__":
    sys.exit(run_app(main))
