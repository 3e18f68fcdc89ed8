"""docs/stores.md on Elasticsearch: what it tells people to write works.

Beside the other tests of it, so that a run with many workers starts one server.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import pytest

from tape.sinks.search.place import search_place
from tape.sinks.search.store import SearchStore
from tests.apps import ROOT
from tests.commands import tape
from tests.search_servers import PASSWORD, Elasticsearch, descriptor
from tests.stores import found, put

PAGE = (ROOT / "docs/stores.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page_user(elasticsearch: Elasticsearch) -> str:
    """A few anomalies are stored by a user that has the rights of the page; returns its name."""
    place = search_place(elasticsearch.url, prefix="tapewatch", username="page", password=PASSWORD)
    store = SearchStore(place)
    store.open()
    anomalies, episodes = found(5)
    put(store, anomalies + episodes)
    store.close()
    elasticsearch.ask("POST", "/tapewatch-*/_refresh")
    return "page"


@dataclass(frozen=True)
class Request:
    path: str
    body: dict[str, Any]


def requests() -> list[Request]:
    parts = [block.partition("\n") for block in blocks("json")]
    return [Request(line.removeprefix("POST "), json.loads(text)) for line, _, text in parts]


def test_each_search_finds_something(elasticsearch: Elasticsearch, page_user: str) -> None:
    key, top, minutes = requests()
    assert key.body["role_descriptors"] == {"tapewatch": descriptor(page_user)}
    hits = elasticsearch.ask("POST", top.path, top.body)["hits"]["hits"]
    assert [hit["_source"]["symbol"] for hit in hits] == ["NVDA"] * 5
    assert "shares in one trade" in hits[0]["_source"]["reason"][0]
    (minute,) = elasticsearch.ask("POST", minutes.path, minutes.body)["aggregations"]["minute"][
        "buckets"
    ]
    assert minute["rule"]["buckets"] == [{"key": "High Volume", "doc_count": 5}]


def test_each_line_for_kibana_finds_something(elasticsearch: Elasticsearch, page_user: str) -> None:
    """There is no Kibana here: its language is written as the server's own, which has the same."""
    lines = [line for block in blocks("kql") for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines:
        text = re.sub(r" (>=|<) ", r":\1", re.sub(r"\b(and|not)\b", lambda m: m[0].upper(), line))
        query = {"query": {"query_string": {"query": text}}}
        hits = elasticsearch.ask("POST", "/tapewatch-anomalies-*/_count", query)
        assert hits["count"] == 5, line


def test_the_commands_look_at_a_search_server(elasticsearch: Elasticsearch, page_user: str) -> None:
    env = {
        "SINK": "elasticsearch",
        "ELASTICSEARCH_URL": elasticsearch.url,
        "ELASTICSEARCH_USERNAME": page_user,
        "ELASTICSEARCH_PASSWORD": PASSWORD,
    }
    checked = tape("sink", "check", **env)
    assert checked.returncode == 0, checked.stdout
    assert "Elasticsearch 8.7.1" in checked.stdout
    other = env | {"INDEX_PREFIX": "nothing_yet"}
    empty = tape("sink", "check", **other)
    assert empty.returncode == 1
    assert "tape sink migrate" in empty.stdout
    assert "lacks: create_index on nothing_yet-anomalies-*" in " ".join(empty.stdout.split())
    migrated = tape("sink", "migrate", **env | {"INDEX_PREFIX": "tapewatch-x"})
    assert '"done":["tapewatch-x-anomalies",' in migrated.stdout


def test_who_may_read_everything_changes_nothing(
    elasticsearch: Elasticsearch, page_user: str
) -> None:
    assert "tape sink grants" in PAGE
    printed = tape("sink", "grants", SINK="elasticsearch")
    assert json.loads(printed.stdout) == descriptor("reader")
    count = elasticsearch.ask("GET", "/tapewatch-anomalies-*/_count", user="reader")["count"]
    assert count == 5
    index = "/tapewatch-anomalies-2025.05"
    changes: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", f"{index}/_doc", {}),
        ("DELETE", index, None),
        ("PUT", "/_index_template/tapewatch-anomalies", {"index_patterns": ["x"]}),
    ]
    for method, path, body in changes:
        with pytest.raises(HTTPError, match="403"):
            elasticsearch.ask(method, path, body, user="reader")


@pytest.mark.parametrize(
    ("sink", "said"),
    [("opensearch", "security plugin"), ("questdb", "readonly"), ("files", "SINK_DIR")],
)
def test_where_no_role_can_be_printed_it_is_said_what_to_do(sink: str, said: str) -> None:
    told = tape("sink", "grants", SINK=sink)
    assert (told.returncode, told.stdout) == (4, "")
    assert said in told.stderr
