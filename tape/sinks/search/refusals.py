"""What a search server's answer means: taken, the record, the moment, or the set-up."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from tape.errors import StoreAwayError, StoreError
from tape.sinks.search.place import SearchPlace


class Meaning(Enum):
    """What is at fault."""

    NOTHING = auto()
    """It is there: written now, or before, as new or newer."""
    RECORD = auto()
    """A document, or a request as a whole, that the server can never take as it is."""
    MOMENT = auto()
    """The server is away, full, read-only or busy: the same will work later."""
    SETUP = auto()
    """A name, a right or an index that a person has to set right."""


BLOCKED: Final = ("cluster_block_exception", "index_closed_exception", "es_rejected_execution")
"""Beginnings of errors that pass: a full disk makes indexes read-only until there is room."""

OURS: Final = ("strict_dynamic_mapping_exception",)
"""Our documents have only our templates' fields: an index that lacks one is not of this version."""

NO_ROOM: Final = re.compile(r"maximum (\w+ )?shards open")
"""In what a cluster says (as 400) that may have no more indexes."""

QUOTED: Final = re.compile(r"(?<!\w)['\"].*['\"]")
"""From the first quote to the last: a value between them may have quotes of its own."""

SAID_MAX: Final = 300
"""Longest part of what a server says that is repeated, in characters: it may quote a record."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that is not what was hoped for.

    Attributes:
        status: of HTTP.
        kind: the server's own name for it; empty if it gave none.
        reason: its sentence.
    """

    status: int
    kind: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """Return it for people, on one line."""
        reason = " ".join(self.reason.split())[:SAID_MAX]
        return f"{reason} ({self.status} {self.kind})" if self.kind else f"{reason} ({self.status})"

    @property
    def without_record(self) -> str:
        """Return why a record was refused, without the record: a reason goes into a log."""
        reason = QUOTED.sub("…", " ".join(self.reason.split()))[:SAID_MAX]
        return f"{reason} ({self.kind or self.status})"


def said_by(status: int, error: Any, fallback: str = "") -> Said:
    """Return what a server said, whatever form it has.

    >>> said_by(400, {"type": "parse_exception", "reason": "no"})
    Said(status=400, kind='parse_exception', reason='no')
    """
    if isinstance(error, dict):
        kind, reason = error.get("type"), error.get("reason")
        return Said(status, str(kind or ""), str(reason or fallback))
    return Said(status, "", str(error or fallback))


def meaning_of(said: Said) -> Meaning:
    """Return what an answer means, of a request or of one of its documents."""
    status, kind = said.status, said.kind
    if 200 <= status < 300 or kind == "version_conflict_engine_exception":
        return Meaning.NOTHING
    if kind.startswith(BLOCKED) or NO_ROOM.search(said.reason):
        return Meaning.MOMENT
    if status in (408, 429) or status >= 500:
        return Meaning.MOMENT
    if status in (400, 413) and kind not in OURS:
        return Meaning.RECORD
    if status == 404 and kind == "index_not_found_exception":
        return Meaning.MOMENT  # deleted just now: it is made again
    return Meaning.SETUP


def setup_error(place: SearchPlace, said: Said) -> StoreError:
    """Return the sentence for what a person has to set right."""
    cause = place.masked(f"the server at {place.shown} refused: {said.text}")
    if said.status == 401:
        return StoreError(
            f"the server at {place.shown} does not know {place.user} by this password or key (401)",
            "correct ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD, or ELASTICSEARCH_API_KEY",
        )
    if said.status == 403:
        return StoreError(
            cause,
            f"give {place.user} the rights that docs/stores.md lists; `tape sink check` looks",
        )
    if said.kind in OURS:
        return StoreError(cause, "`tape sink migrate` brings the indexes up to this program")
    return StoreError(cause, "check ELASTICSEARCH_URL; `tape sink check` looks at everything")


def away_error(place: SearchPlace, why: str) -> StoreAwayError:
    """Return the sentence for a server that does not answer."""
    return StoreAwayError(
        f"no Elasticsearch or OpenSearch can be used at {place.shown} ({why})",
        "start it, or correct ELASTICSEARCH_URL"
        + (" (https://?)" if place.scheme == "http" else ""),
    )
