"""Waiting for a store at start that answers, and cannot take what makes it ready just now."""

import logging
from typing import Final

from tape.errors import StoreAwayError
from tape.process.clock import CLOCK, Clock
from tape.sinks.sink import SinkBusyError, Store

log = logging.getLogger(__name__)

WAIT_S: Final = 120.0
"""As long as one is waited for that does not answer at all: servers start in any order."""

SAID_S: Final = 10.0
"""From one word about it to the next."""


def open_store(store: Store, name: str, clock: Clock = CLOCK) -> None:
    """Return when a store is open.

    Raises:
        StoreAwayError: it is too slow, full or read-only for longer than `WAIT_S`.
        StoreError: it needs a person.
    """
    start_s, said_s = clock.now_s(), 0.0
    while True:
        try:
            return store.open()
        except SinkBusyError as error:
            busy = error
        waited_s = clock.now_s() - start_s
        if waited_s >= WAIT_S:
            raise StoreAwayError(f"{name} cannot be made ready ({busy})", "start it again")
        if waited_s >= said_s:
            said_s = waited_s + SAID_S
            log.warning("waiting for the store", extra={"store": name, "reason": str(busy)})
        clock.sleep(max(1.0, busy.retry_after_s))
