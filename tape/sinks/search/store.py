"""Elasticsearch or OpenSearch as a store: the newest document of each identity, by its month."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from tape.process.clock import CLOCK, Clock
from tape.sinks.search.documents import Document, newest_documents
from tape.sinks.search.place import SearchPlace
from tape.sinks.search.refusals import Meaning, meaning_of, said_by, setup_error
from tape.sinks.search.session import Refused, Session
from tape.sinks.search.templates import ensure, index_of, ready_index
from tape.sinks.sink import Item, Poison, SinkBusyError

ROWS_MAX: Final = 2_000
BYTES_MAX: Final = 8 * 2**20
"""Documents and bytes of one request, a twelfth of what a server takes (100 MB); halved while it is
too slow for them, and where somebody between takes less."""

WRITE_S: Final = 45.0
"""After it the rest is put off: the loop has to come round. What is there already costs little."""

ANSWER: Final = "items.*.status,items.*.error.type,items.*.error.reason"
"""What of an answer is wanted: the rest of it is longer than the documents."""


class _Result(msgspec.Struct):
    status: int
    error: Any = None


class _Answer(msgspec.Struct):
    items: list[dict[str, _Result]]


class SearchStore:
    """Writes items, up to 2,000 per request; what was written before changes nothing.

    Each document has its identity and a version of our own (`external`): the server refuses to put
    an older one, or the same again, in the place of a newer one.
    """

    def __init__(
        self, place: SearchPlace, *, may_migrate: bool = True, clock: Clock = CLOCK
    ) -> None:
        self._place, self._may_migrate, self._clock = place, may_migrate, clock
        self.session = Session(place)
        self._rows_max, self._bytes_max = ROWS_MAX, BYTES_MAX
        self._ready: set[str] = set()
        self._done: set[tuple[str, str, int]] = set()

    def open(self) -> None:
        """Connect, and bring the templates to the version that this program needs."""
        self.session.wait()
        ensure(self.session, may_migrate=self._may_migrate)

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Do nothing: documents are replaced by identity, wherever reading begins."""

    def write(self, items: Sequence[Item], /) -> list[Poison]:
        """Write items, and return those that the server can never take, with its reason.

        Documents that got in before it became busy are not sent again when they come again: on a
        slow server that would have no end.
        """
        until_s = self._clock.now_s() + WRITE_S
        found, poison = newest_documents(item for item in items if not item.is_deletion)
        kept = [one for one in found if _key(one) not in self._done]
        at = 0
        while at < len(kept):
            if self._clock.now_s() > until_s:
                raise SinkBusyError("the server takes too long", retry_after_s=0.1)
            some = kept[at : at + self._portion(kept, at)]
            poison += self._paced(some)
            at += len(some)
        self._done.clear()
        return poison

    def flush(self) -> None:
        """Do nothing: `write` returns when the server has all in its log on disk."""

    def close(self) -> None:
        """Let go of the connection."""
        self.session.close()

    def _portion(self, documents: Sequence[Document], at: int) -> int:
        """Return how many documents from one on go into one request."""
        size = 0
        for n, one in enumerate(documents[at : at + self._rows_max]):
            size += len(one.line)
            if n and size > self._bytes_max:
                return n
        return self._rows_max

    def _paced(self, documents: Sequence[Document]) -> list[Poison]:
        """Write documents in one request, of which there are fewer next time if it is too slow."""
        try:
            for one in documents:
                name = index_of(self._place.prefix, one.item.kind, one.month)
                if name not in self._ready:
                    ready_index(self.session, one.item.kind, name)
                    self._ready.add(name)
            poison = self._settled(documents)
        except SinkBusyError:
            if self.session.was_slow:
                self._rows_max = max(1, min(self._rows_max, len(documents)) // 2)
            raise
        self._rows_max = min(ROWS_MAX, self._rows_max + self._rows_max // 8 + 1)
        return poison

    def _settled(self, documents: Sequence[Document]) -> list[Poison]:
        """Write documents; where the request is refused as a whole, halve it until one is alone."""
        path = f"/_bulk?filter_path={ANSWER}&timeout={max(1, round(self._place.timeout_s * 0.9))}s"
        try:
            answer = self.session.request("POST", path, self._body(documents))
        except Refused as refused:
            if meaning_of(refused.said) is not Meaning.RECORD:
                raise setup_error(self._place, refused.said) from None
            if len(documents) == 1:
                return [Poison(documents[0].item, _reason(refused.said.without_record))]
            middle = len(documents) // 2
            if refused.said.status == 413:
                self._bytes_max = max(1, sum(len(one.line) for one in documents) // 2)
            first = self._settled(documents[:middle])
            return first + self._settled(documents[middle:])
        return self._judged(documents, answer)

    def _body(self, documents: Iterable[Document]) -> bytes:
        lines = []
        for one in documents:
            about = {
                "_index": index_of(self._place.prefix, one.item.kind, one.month),
                "_id": one.name,
                "version": one.version,
                "version_type": "external",
            }
            lines += [msgspec.json.encode({"index": about}), one.line]
        return b"\n".join([*lines, b""])

    def _judged(self, documents: Sequence[Document], answer: Any) -> list[Poison]:
        """Return what the server can never take of a request that it took as a whole."""
        try:
            results = [
                about for one in msgspec.convert(answer, _Answer).items for about in one.values()
            ]
        except msgspec.ValidationError:
            results = []
        if len(results) != len(documents):
            raise self.session.busy("it does not answer for each document")
        poison, put_off = [], None
        for one, about in zip(documents, results, strict=True):
            said = said_by(about.status, about.error)
            meaning = meaning_of(said)
            if meaning is Meaning.NOTHING:
                self._done.add(_key(one))
            elif meaning is Meaning.RECORD:
                poison.append(Poison(one.item, _reason(said.without_record)))
            elif meaning is Meaning.MOMENT:
                put_off = said
                if said.status == 404:  # deleted under us: its template may be too
                    self._ready.clear()
            else:
                raise setup_error(self._place, said)
        if put_off is not None:
            self.session.was_slow = put_off.status == 429 and "rejected" in put_off.kind
            raise self.session.busy(put_off.text)
        self.session.well()
        return poison


def _key(one: Document) -> tuple[str, str, int]:
    return one.item.kind, one.name, one.version


def _reason(said: str) -> str:
    return f"the search server: {said}"
