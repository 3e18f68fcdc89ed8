"""The producer as a Quix Streams application, from start to end."""

import shutil
import weakref
from pathlib import Path
from tempfile import mkdtemp

from quixstreams import Application
from quixstreams.sources.base.exceptions import SourceException

from tape.errors import TapeError
from tape.kafka.errors import refuse_if_forbidden
from tape.settings.broker import BrokerSettings
from tape.settings.producer import ProducerSettings
from tape.streaming.application import StoppableApplication, connection
from tape.streaming.errors import FATAL, unforeseen
from tape.streaming.producer import ArchiveSource


def producer_application(settings: BrokerSettings) -> Application:
    """Return the application that runs the producer's source.

    The library wants a folder for state, which stays empty: the producer's is a topic's. It has a
    name that nobody can know before, and goes with the process.
    """
    folder = mkdtemp(prefix="tapewatch-producer-")
    app = StoppableApplication(
        broker_address=connection(settings),
        consumer_group=f"{settings.input}-producer",
        state_dir=Path(folder),
        loglevel=None,
    )
    weakref.finalize(app, shutil.rmtree, folder, ignore_errors=True)
    return app


def run_producer(app: Application, settings: ProducerSettings, source: ArchiveSource) -> int:
    """Run the producer until everything is sent, and return its exit code."""
    try:
        app.run()
    except FATAL as error:
        refuse_if_forbidden(error, settings.broker_address)
        raise unforeseen(error, settings.broker_address) from error
    except SourceException as error:  # the source says its own errors: this one was killed
        raise TapeError(
            f"the producer's process was killed ({error})",
            "start it again, it continues after the last transaction",
        ) from error
    return int(source.exit_code.value)
