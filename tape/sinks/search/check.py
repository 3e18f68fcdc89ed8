"""A look at a server before work: connection, templates, rights; nothing is changed."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from tape.errors import StoreError
from tape.sinks.checked import Checked
from tape.sinks.search.place import SearchPlace
from tape.sinks.search.session import Refused, Session
from tape.sinks.search.templates import VERSION, version_of
from tape.sinks.sink import SinkBusyError

WAIT_S: Final = 6.0
RIGHTS: Final = ("create_index", "index", "view_index_metadata", "manage")
"""Wanted of our indexes; `manage` brings those of an older version up to this one."""


def check_search(place: SearchPlace, kinds: Iterable[str]) -> Iterator[Checked]:
    """Yield what is found, until something is wrong on which the rest depends."""
    session = None
    try:
        session = Session(place)
        shown = session.wait(wait_s=WAIT_S, answered_s=WAIT_S)
        yield Checked("connection", True, f"{shown} at {place.shown}")
        version = version_of(session)
        if version == VERSION:
            yield Checked("templates", True, f"{place.prefix}-… are of version {version}")
        else:
            text = f"templates or indexes {place.prefix}-… are of version {version}"
            text = text if version else f"there are no templates {place.prefix}-… yet"
            yield Checked("templates", False, text, "run `tape sink migrate`")
        yield _rights(session, kinds)
    except StoreError as error:
        yield Checked("connection", False, error.cause, error.remedy)
    except SinkBusyError as error:
        yield Checked("connection", False, str(error), "look again when the server is well")
    finally:
        if session is not None:
            session.close()


def _rights(session: Session, kinds: Iterable[str]) -> Checked:
    """Ask what we may do; OpenSearch and a server without security have no such question."""
    place = session.place
    names = [f"{place.prefix}-{kind}-*" for kind in kinds]
    asked = {
        "cluster": ["monitor", "manage_index_templates"],
        "index": [{"names": names, "privileges": list(RIGHTS)}],
    }
    try:
        found = session.request("POST", "/_security/user/_has_privileges", asked)
    except Refused:
        return Checked("rights", True, "the server has no answer to what we may do there")
    missing = [name for name, has in (found.get("cluster") or {}).items() if not has]
    for index, rights in (found.get("index") or {}).items():
        missing += [f"{name} on {index}" for name, has in _pairs(rights) if not has]
    if missing:
        fix = f"give them to {place.user}, as docs/stores.md shows"
        return Checked("rights", False, f"{place.user} lacks: {', '.join(missing)}", fix)
    return Checked("rights", True, f"{place.user} may write all that SINK_TOPICS names")


def _pairs(rights: Any) -> Iterator[tuple[str, bool]]:
    yield from ((str(name), bool(has)) for name, has in dict(rights).items())
