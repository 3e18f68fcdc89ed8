"""A server that is asked, whose answers are values, moments to wait for, or a person's work."""

import logging
from typing import Any, Final

import msgspec

from tape.errors import StoreError
from tape.process.clock import CLOCK, Clock
from tape.sinks.search.exchange import Answer, Exchange, NoAnswerError
from tape.sinks.search.place import SearchPlace
from tape.sinks.search.refusals import Meaning, Said, away_error, meaning_of, said_by, setup_error
from tape.sinks.sink import SinkBusyError

log = logging.getLogger(__name__)

WAIT_S: Final = 120.0
"""Longest wait for a server that does not answer: containers start in any order."""

ANSWERED_S: Final = 25.0
"""The same for one that answers, but not as it should."""

HELLO_S: Final = 10.0
"""Longest wait for the answer who it is, which costs a server nothing."""

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Waits after the first, second … failure in a row."""

OLDEST: Final = (7, 10)
"""Oldest Elasticsearch, the newest without another licence: index templates as we write them are in
7.8. OpenSearch began as that one."""

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"


class Refused(Exception):
    """The server can never take this request as it is, or has not what it asks for."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.text)
        self.said = said


class Session:
    """Asks a server.

    Attributes:
        place: where it is.
        was_slow: whether the last failure was that an answer took too long.
    """

    def __init__(self, place: SearchPlace, *, clock: Clock = CLOCK) -> None:
        self.place = place
        self.was_slow = False
        self._clock = clock
        self._exchange = Exchange(place)
        self._failures = 0

    def wait(self, *, wait_s: float = WAIT_S, answered_s: float = ANSWERED_S) -> str:
        """Return which server it is, as soon as it answers.

        Raises:
            StoreAwayError: it did not within `wait_s`; within `answered_s` if it answers otherwise.
            StoreError: it refuses us, or is no such server.
        """
        start_s, said_s = self._clock.now_s(), 0.0
        while True:
            try:
                return self._hello()
            except SinkBusyError as error:
                why, limit_s = str(error), answered_s
            except NoAnswerError as error:
                why = str(error)
                limit_s = answered_s if error.reached and not error.was_slow else wait_s
            waited_s = self._clock.now_s() - start_s
            if waited_s >= limit_s:
                raise away_error(self.place, why) from None
            if waited_s >= said_s:
                said_s = waited_s + 10
                facts = {"address": self.place.shown, "reason": why}
                log.warning("waiting for the store", extra=facts)
            self._clock.sleep(min(1.0, limit_s - waited_s))

    def request(
        self, method: str, path: str, body: object = None, *, timeout_s: float | None = None
    ) -> Any:
        """Return the JSON that answers a request with JSON, or with lines of it as bytes.

        Raises:
            Refused: the request is wrong, or what it asks for is not there.
            SinkBusyError: the server is away, full, read-only or too slow just now.
            StoreError: the set-up is wrong.
        """
        try:
            answer = self._ask(method, path, body, timeout_s or self.place.timeout_s)
            found = _decoded(answer)
        except NoAnswerError as error:
            self.was_slow = error.was_slow
            raise self.busy(str(error)) from None
        if 200 <= answer.status < 300:
            return found
        said = _said(answer, found)
        meaning = meaning_of(said)
        if meaning is Meaning.RECORD or answer.status in (404, 405):
            raise Refused(said)
        if meaning is Meaning.SETUP:
            raise setup_error(self.place, said)
        self.was_slow = False
        raise self.busy(said.text)

    def busy(self, why: str) -> SinkBusyError:
        """Return the error of a server that takes nothing just now; each one waits longer."""
        self._failures += 1
        after_s = RETRY_S[min(self._failures, len(RETRY_S)) - 1]
        return SinkBusyError(self.place.masked(why), retry_after_s=after_s)

    def well(self) -> None:
        """Note that it took all: the next time that it does not, waiting begins short again."""
        self._failures = 0

    def close(self) -> None:
        """Let go of the connection."""
        self._exchange.close()

    def _ask(self, method: str, path: str, body: object, timeout_s: float) -> Answer:
        if isinstance(body, bytes):
            return self._exchange.ask(method, path, body, LINES, timeout_s)
        text = b"" if body is None else msgspec.json.encode(body)
        return self._exchange.ask(method, path, text, JSON, timeout_s)

    def _hello(self) -> str:
        """Return name and version of the server; what else answers there is none."""
        answer = self._ask("GET", "/", None, min(HELLO_S, self.place.timeout_s))
        found = _decoded(answer) if answer.status == 200 else None
        if answer.status != 200:
            said = _said(answer, _decoded_or_none(answer))
            if answer.status in (401, 403):
                raise setup_error(self.place, said)
            if answer.status in (408, 429) or answer.status >= 500:
                raise self.busy(said.text)
        version = found.get("version") if isinstance(found, dict) else None
        number = version.get("number") if isinstance(version, dict) else None
        if not isinstance(version, dict) or not isinstance(number, str):
            raise StoreError(
                f"what answers at {self.place.shown} is no Elasticsearch and no OpenSearch "
                f"(status {answer.status})",
                "correct ELASTICSEARCH_URL",
            )
        is_open = version.get("distribution") == "opensearch"
        shown = f"{'OpenSearch' if is_open else 'Elasticsearch'} {number[:20]}"
        if not is_open and _numbers(number) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise StoreError(
                f"the server at {self.place.shown} is {shown}", f"use {oldest} or newer"
            )
        self.well()
        return shown


def _decoded(answer: Answer) -> Any:
    try:
        return msgspec.json.decode(answer.body) if answer.body else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if answer.status in range(200, 300):
            raise NoAnswerError("what it answers is no JSON") from None
        return None  # a proxy's page


def _decoded_or_none(answer: Answer) -> Any:
    try:
        return _decoded(answer)
    except NoAnswerError:
        return None


def _said(answer: Answer, found: Any) -> Said:
    error = found.get("error") if isinstance(found, dict) else None
    return said_by(answer.status, error, "it gave no reason")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in version.split("-")[0].split(".") if one.isdecimal())
