"""The indexes' templates, one per kind: what is searched, made and brought up to this version."""

import logging
import re
from typing import Any, Final

from tape.errors import StoreError
from tape.sinks.search.session import Refused, Session
from tape.sinks.sink import Kind

log = logging.getLogger(__name__)

VERSION: Final = 1
"""Of templates and indexes. A new one may add fields; no type of one that is there can change."""

MADE_BY: Final = "tapewatch"
PRIORITY: Final = 500
"""Above those that products bring for names of any kind (100 and 200)."""

IGNORE_ABOVE: Final = 8_191
"""Longer words, in characters, are kept and not searched; of more than 32,766 bytes Lucene would
refuse the whole document."""

WORD: Final = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
KEPT: Final = {"type": "keyword", "index": False, "doc_values": False}
"""A text that only comes back: whatever is in it, the server does not read it."""
UNREAD: Final = {"type": "object", "enabled": False}
TEXT: Final = {"type": "text"}
TIME: Final = {"type": "date_nanos"}
DAY: Final = {"type": "date"}
WHOLE: Final = {"type": "long"}
REAL: Final = {"type": "double"}
FLAG: Final = {"type": "boolean"}
RAW: Final = {"type": "binary"}

PLACE: Final = {"topic_partition": WHOLE, "topic_offset": WHOLE, "appended_at": DAY}
DETECTOR: Final = {"detector_version": WORD, "settings": WORD, "message": KEPT}
TRADE: Final = {
    **{"symbol": WORD, "publisher_id": WHOLE, "ts_event": TIME, "price": REAL, "size": WHOLE},
    **{"side": WORD, "sequence": WHOLE},
}
FIELDS: Final[dict[Kind, dict[str, Any]]] = {
    "anomalies": {
        **{"anomaly_id": WORD, "episode_id": WORD, **TRADE, "rules": WORD, "severity": REAL},
        **{"priority": REAL, "family": WORD, "context": WORD, "calibrated": FLAG, "rank": REAL},
        **{"suppressed": FLAG, "reason": TEXT, "reasons": UNREAD, "features": UNREAD},
        **DETECTOR,
        **PLACE,
    },
    "episodes": {
        **{"episode_id": WORD, "symbol": WORD, "state": WORD, "flags": WHOLE, "rules": WORD},
        **{"by_rule": UNREAD, "ts_first": TIME, "ts_last": TIME, "first_sequence": WHOLE},
        **{"last_sequence": WHOLE, "price_before": REAL, "price_extreme": REAL},
        **{"price_after": REAL, "mark": WORD, "severity": REAL, "priority": REAL, "family": WORD},
        **{"rule": WORD, "reason": TEXT, "context": WORD, "shares": WHOLE, "notional_usd": REAL},
        **{"publisher_id": WHOLE, "duration_s": REAL, "text": TEXT},
        **DETECTOR,
        **PLACE,
    },
    "rejected": {
        **{"topic": WORD, "reason": WORD, "detail": TEXT, "source": WORD, "app": WORD},
        **{"size": WHOLE, "sha256": WORD, "key": RAW, "value": RAW},
        **PLACE,
    },
    "stocks": {**TRADE, "ts_recv": TIME, "price_nanos": WHOLE, "ordinal": WHOLE, **PLACE},
}
"""Fields of the documents of each kind, and how they are searched."""
KINDS: Final[tuple[Kind, ...]] = tuple(FIELDS)
"""What is stored here: bars and reviews are not."""


def mappings_of(kind: Kind) -> dict[str, Any]:
    """Return what an index of a kind holds; a field that is not in it is refused."""
    return {
        "_meta": {"made_by": MADE_BY, "version": VERSION},
        "dynamic": "strict",
        "properties": FIELDS[kind],
    }


def template_of(prefix: str, kind: Kind) -> dict[str, Any]:
    """Return the template of a kind; with a second node there it has a replica."""
    return {
        "index_patterns": [f"{prefix}-{kind}-*"],
        "priority": PRIORITY,
        "version": VERSION,
        "_meta": {"made_by": MADE_BY, "version": VERSION},
        "template": {
            "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1"}},
            "mappings": mappings_of(kind),
        },
    }


def index_of(prefix: str, kind: Kind, month: str) -> str:
    """Return the name of a month's index.

    >>> index_of("tapewatch", "anomalies", "2025-05")
    'tapewatch-anomalies-2025.05'
    """
    return f"{prefix}-{kind}-{month.replace('-', '.')}"


def version_of(session: Session) -> int:
    """Return the version of the oldest of our templates and indexes; 0 if a template is missing.

    Raises:
        StoreError: one of their names is somebody else's, or is of a newer program.
    """
    prefix, found = session.place.prefix, []
    for kind in KINDS:
        found.append(_template_version(session, f"{prefix}-{kind}"))
        found += _index_versions(session, kind).values()
    return min(found)


def ensure(session: Session, *, may_migrate: bool) -> None:
    """Return when templates and indexes are of the version that this program needs.

    Raises:
        StoreError: they are older and `may_migrate` is not given, or they are not ours.
        SinkBusyError: the server is away just now.
    """
    version = version_of(session)
    if version == VERSION:
        return
    if not may_migrate:
        raise StoreError(
            f"{_words(session.place.prefix, version)}, this program needs {VERSION}",
            "run `tape sink migrate`, or set SINK_MIGRATE=1",
        )
    migrate(session)


def migrate(session: Session) -> list[str]:
    """Bring templates and indexes to this version; returns the names of those that were not.

    Two programs may do so at a time: both write the same.
    """
    prefix, done = session.place.prefix, []
    version_of(session)  # nothing is touched if one of them is not ours
    for kind in KINDS:
        name = f"{prefix}-{kind}"
        older = [n for n, version in _index_versions(session, kind).items() if version < VERSION]
        if _template_version(session, name) < VERSION:
            _put(session, f"/_index_template/{name}", template_of(prefix, kind))
            done.append(name)
        for index in older:
            _put(session, f"/{index}/_mapping", mappings_of(kind))
            done.append(index)
    for name in done:
        log.info("template migrated", extra={"to_version": VERSION, "name_of_step": name})
    return done


def ready_index(session: Session, kind: Kind, name: str) -> None:
    """Return when a month's index is there and ours.

    Without this the first document would make it, of whatever template there is by then.
    """
    found = _mappings(session, name)
    if not found:
        try:
            session.request("PUT", f"/{name}")
        except Refused as refused:
            if refused.said.kind != "resource_already_exists_exception":
                raise _unfit(name, refused) from None
        found = _mappings(session, name)
    for index, mappings in found.items():
        if _checked(index, mappings.get("_meta")) < VERSION:
            raise StoreError(
                f"the index {index} is not of version {VERSION}",
                "run `tape sink migrate`, or set SINK_MIGRATE=1",
            )


def _words(prefix: str, version: int) -> str:
    if not version:
        return f"there are no templates {prefix}-… yet"
    return f"templates or indexes of {prefix} are of version {version}"


def _template_version(session: Session, name: str) -> int:
    try:
        found = session.request("GET", f"/_index_template/{name}")
    except Refused:
        return 0
    for one in found.get("index_templates", ()):
        body = one.get("index_template") or {}
        return _checked(name, body.get("_meta"), what="template")
    return 0


def _index_versions(session: Session, kind: Kind) -> dict[str, int]:
    """Return the versions of a kind's monthly indexes, whatever else begins as they do."""
    prefix = f"{session.place.prefix}-{kind}-"
    monthly = re.compile(re.escape(prefix) + r"\d{4}\.\d\d")
    return {
        name: _checked(name, mappings.get("_meta"))
        for name, mappings in _mappings(session, f"{prefix}*").items()
        if monthly.fullmatch(name)
    }


def _mappings(session: Session, name: str) -> dict[str, Any]:
    try:
        found = session.request("GET", f"/{name}/_mapping")
    except Refused:
        return {}
    return {index: one.get("mappings") or {} for index, one in found.items()}


def _checked(name: str, about: Any, what: str = "index") -> int:
    """Return the version of what is ours; raises `StoreError` for what is not, or is newer."""
    version = about.get("version") if isinstance(about, dict) else None
    if (
        not isinstance(about, dict)
        or about.get("made_by") != MADE_BY
        or not isinstance(version, int)
    ):
        raise StoreError(
            f"there is an {what} {name} that is not ours".replace("an template", "a template"),
            "set INDEX_PREFIX to another one, or delete it",
        )
    if version > VERSION:
        raise StoreError(
            f"the {what} {name} is of version {version}, this program knows {VERSION}",
            "install the newer program that made it, or set INDEX_PREFIX to another one",
        )
    return version


def _put(session: Session, path: str, body: object) -> None:
    try:
        session.request("PUT", path, body)
    except Refused as refused:
        raise _unfit(path.strip("/"), refused) from None


def _unfit(name: str, refused: Refused) -> StoreError:
    return StoreError(
        f"{name} cannot be made: {refused.said.text}",
        "set INDEX_PREFIX to another one, or remove the template or index that is in the way",
    )
