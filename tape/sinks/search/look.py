"""What lies in the indexes now, for people: how much, and what is to be looked at first."""

from typing import Any, Final

from tape.sinks.search.place import SearchPlace
from tape.sinks.search.session import Refused, Session
from tape.sinks.search.templates import KINDS

SHOWN: Final = ("symbol", "ts_event", "price", "size", "rules", "reason")
MICRO: Final = 26
"""Characters of a time to the microsecond, as 2025-05-05T13:30:00.000001."""


def look(place: SearchPlace, *, top: int = 5) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Return documents by kind, and the first few anomalies; refreshes what it looks at.

    Raises `StoreError` or `SinkBusyError`. Of each anomaly: symbol, time in UTC, price, size,
    rules and the first reason.
    """
    session = Session(place)
    try:
        rows: dict[str, int] = {kind: _count(session, f"{place.prefix}-{kind}-*") for kind in KINDS}
        if not rows["anomalies"]:
            return rows, []
        asked = {
            "size": top,
            "_source": list(SHOWN),
            "sort": [{"priority": {"order": "desc", "missing": "_last"}}, {"ts_event": "asc"}],
        }
        found = session.request("POST", f"/{place.prefix}-anomalies-*/_search", asked)
        return rows, [_row(hit["_source"]) for hit in found["hits"]["hits"]]
    finally:
        session.close()


def _count(session: Session, names: str) -> int:
    try:
        session.request("POST", f"/{names}/_refresh")
        return int(session.request("GET", f"/{names}/_count")["count"])
    except Refused:
        return 0


def _row(source: dict[str, Any]) -> tuple[Any, ...]:
    time = str(source["ts_event"])[:MICRO].replace("T", " ")
    reasons = source.get("reason") or [None]
    return source["symbol"], time, source["price"], source["size"], source["rules"], reasons[0]
