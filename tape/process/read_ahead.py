"""What an iterator makes, made in a thread of its own while the caller works on what came before.

Worth it where both sides are compiled code that lets other threads run: reading files beside
judging their trades, writing messages beside sending them.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Final, Generic, TypeVar

AHEAD: Final = 2
"""Pieces that are kept ready: memory stays what it is, and a slow piece holds up nobody."""
LOOK_S: Final = 0.1
"""How often a thread that waits looks whether it is still wanted."""
END_S: Final = 5.0
"""Longest wait for the thread at the end: by then its last piece is made."""

Made = TypeVar("Made")


class _End:
    """Says that nothing follows, or why not."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Maker(threading.Thread, Generic[Made]):
    """Runs an iterator, and puts what it makes into a queue of few places."""

    def __init__(self, make: Callable[[], Iterator[Made]], ahead: int) -> None:
        super().__init__(daemon=True, name="read ahead")
        self.made: Queue[Made | _End] = Queue(ahead)
        self.unwanted = threading.Event()
        self._make = make

    def run(self) -> None:
        """Make everything, until it is unwanted; an error comes in its place."""
        error = None
        made = self._make()
        try:
            for one in made:
                if not self._put(one):
                    break
        except BaseException as caught:  # whatever it is: the caller's thread raises it
            error = caught
        finally:
            close = getattr(made, "close", None)
            if close is not None:
                with suppress(Exception):
                    close()
        self._put(_End(error))

    def _put(self, one: "Made | _End") -> bool:
        """Wait for a place; returns whether somebody still wants it."""
        while not self.unwanted.is_set():
            with suppress(Full):
                self.made.put(one, timeout=LOOK_S)
                return True
        return False


def read_ahead(make: Callable[[], Iterator[Made]], ahead: int = AHEAD) -> Iterator[Made]:
    """Yield what the iterator of `make` yields, at most `ahead` pieces before it is asked for.

    Its errors are raised here, where they would come in its order. Closing ends the thread.

    >>> list(read_ahead(lambda: iter([1, 2, 3])))
    [1, 2, 3]
    """
    maker = _Maker(make, ahead)
    maker.start()
    try:
        while True:
            try:
                one = maker.made.get(timeout=LOOK_S)  # a wait without an end would hold up Ctrl-C
            except Empty:
                continue
            if isinstance(one, _End):
                if one.error is not None:
                    raise one.error
                return
            yield one
    finally:
        maker.unwanted.set()
        maker.join(END_S)
