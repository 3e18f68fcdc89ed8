"""Search servers as stores under test: their own prefix, and a reader beside the store."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from tape.sinks.search.place import SearchPlace, search_place
from tape.sinks.search.store import SearchStore
from tape.sinks.sink import Store
from tests.search_servers import ADMIN, PASSWORD, SearchServer
from tests.stores import IDS, Bench

PATIENCE_S = 60.0
"""Nothing of a well server is cut, however busy the machine is."""

PAGE = 5_000
"""Documents of one answer: the servers give no more than 10,000."""


@dataclass(slots=True, kw_only=True)
class SearchBench(Bench):
    """A prefix of its own on a server."""

    server: SearchServer
    place: SearchPlace

    def sources(self, kind: str) -> list[dict[str, Any]]:
        """Every document of a kind, in the order of the topic."""
        self._refresh(kind)
        found: list[dict[str, Any]] = []
        order = ["appended_at", "topic_offset", "topic_partition"]
        asked: dict[str, Any] = {"size": PAGE, "sort": order}
        while True:
            answer = self.server.ask("POST", f"/{self.place.prefix}-{kind}-*/_search", asked)
            hits = answer["hits"]["hits"]
            found += [hit["_source"] for hit in hits]
            if len(hits) < PAGE:
                return found
            asked["search_after"] = hits[-1]["sort"]

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        return {one[IDS[kind]]: json.loads(one["message"]) for one in self.sources(kind)}

    def count(self, kind: str) -> int:
        self._refresh(kind)
        found = self.server.ask("GET", f"/{self.place.prefix}-{kind}-*/_count")
        return int(found["count"])

    def close(self) -> None:
        for store in self.made:
            store.close()
        if not self.server.has_ended():
            self.server.ask("DELETE", f"/{self.place.prefix}-*")

    def _refresh(self, kind: str) -> None:
        self.server.ask("POST", f"/{self.place.prefix}-{kind}-*/_refresh")


def place_on(server: SearchServer, **changes: Any) -> SearchPlace:
    """A prefix of its own."""
    who = {"username": ADMIN, "password": PASSWORD} if server.secured else {}
    made = search_place(server.url, prefix=f"test_{uuid4().hex[:8]}", timeout_s=PATIENCE_S, **who)
    return replace(made, **changes)


def search_bench(server: SearchServer, name: str = "elasticsearch", **how: Any) -> SearchBench:
    place = place_on(server)

    def make() -> Store:
        return SearchStore(replace(place), **how)

    env = {"ELASTICSEARCH_URL": server.url, "INDEX_PREFIX": place.prefix}
    if server.secured:
        env |= {"ELASTICSEARCH_USERNAME": ADMIN, "ELASTICSEARCH_PASSWORD": PASSWORD}
    return SearchBench(name, make, no_sql, env, server=server, place=place)


def no_sql(text: str) -> list[tuple[Any, ...]]:
    raise AssertionError(f"a search server knows no SQL: {text}")
