"""What a search server may answer, and what a store makes of it: a stand-in says it on purpose."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tape.errors import SettingsError, StoreAwayError, StoreError
from tape.sinks.search import exchange
from tape.sinks.search.documents import newest_documents, version_of
from tape.sinks.search.place import SearchPlace, search_place
from tape.sinks.search.session import Session
from tape.sinks.search.store import SearchStore
from tape.sinks.sink import Item, SinkBusyError
from tests.certificates import Authority
from tests.search_stand_in import PREFIX, Answer, StandIn, as_json, each, standing_in, taken
from tests.stores import changed, found, put

CANARY = "canary-of-a-password"
ANOMALIES, EPISODES = found(4)


_opened: list[SearchStore | Session] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def session_with(place: SearchPlace) -> Session:
    _opened.append(session := Session(place))
    return session


def place_of(server: StandIn, url: str = "http://{at}", **how: Any) -> SearchPlace:
    at = f"127.0.0.1:{server.port}"
    return search_place(url.format(at=at), prefix=PREFIX, timeout_s=0.5, **how)


def store_on(server: StandIn) -> SearchStore:
    _opened.append(store := SearchStore(place_of(server)))
    store.open()
    return store


def busy(store: SearchStore, items: list[Item]) -> SinkBusyError:
    with pytest.raises(SinkBusyError) as caught:
        store.write(items)
    return caught.value


MOMENTS = {
    "too many requests": each(429, "es_rejected_execution_exception"),
    "a full disk": each(429, "cluster_block_exception", "disk usage exceeded flood-stage"),
    "a full disk, as older servers say it": each(403, "cluster_block_exception"),
    "read-only": each(403, "cluster_block_exception", "blocked by: [FORBIDDEN/5/index read-only"),
    "no shard": each(503, "unavailable_shards_exception"),
    "a bug of its own": each(500, "null_pointer_exception"),
    "a closed index": each(400, "index_closed_exception"),
    "no room for an index": each(
        400, "validation_exception", "would add [2] shards, has [1000]/[1000] maximum shards open"
    ),
    "a deleted index": each(404, "index_not_found_exception"),
    "429 for all": lambda lines: as_json({"error": {"type": "x", "reason": "wait"}}, 429),
    "a proxy's page": lambda lines: (502, b"<html>Bad gateway</html>"),
    "an error that is a text": lambda lines: as_json({"error": "no master"}, 503),
    "no JSON": lambda lines: (200, b"<html>Welcome</html>"),
    "deep JSON": lambda lines: (200, b"[" * 100_000),
    "nothing": lambda lines: (200, b""),
    "too few": lambda lines: as_json({"items": [{"index": {"status": 201}}]}),
}


@pytest.mark.parametrize("why", MOMENTS)
def test_what_passes_is_waited_for_and_then_everything_is_there(why: str) -> None:
    with standing_in(MOMENTS[why]) as server:
        store = store_on(server)
        waits = [busy(store, ANOMALIES).retry_after_s for _ in range(3)]
        assert waits == sorted(waits)
        assert waits[-1] > waits[0] > 0
        server.bulk = taken
        assert store.write(ANOMALIES) == []


def test_an_answer_that_is_late_endless_half_or_no_http_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with standing_in() as server:
        store = store_on(server)
        server.trickle_s = 0.2  # a byte now and then: no timeout of a socket ends that
        assert "no answer within" in str(busy(store, ANOMALIES))
        assert store._rows_max < len(ANOMALIES)
        server.trickle_s = 0.0
        for raw, said in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "in the middle"),
            (b"\x15\x03\x01\x00\x02\x02\x16", "is not HTTP"),
            (b"", "without an answer"),
        ):
            server.raw = raw
            assert said in str(busy(store, ANOMALIES))
        server.raw = None
        monkeypatch.setattr(exchange, "ANSWER_MAX", 100)
        server.bulk = lambda lines: (200, b" " * 101)
        assert "no end" in str(busy(store, ANOMALIES))
        server.bulk = taken
        monkeypatch.setattr(exchange, "ANSWER_MAX", 10_000)
        assert put(store, ANOMALIES) == []


def test_what_got_in_before_a_moment_is_not_sent_again() -> None:
    sent: list[list[str]] = []

    def half(lines: list[bytes]) -> Answer:
        names = [json.loads(line)["index"]["_id"] for line in lines[::2]]
        sent.append(names)
        there = {"index": {"status": 201}}
        full = {"index": {"status": 429, "error": {"type": "x", "reason": "later"}}}
        return as_json(
            {"items": [full if n % 2 and len(sent) < 3 else there for n in range(len(names))]}
        )

    with standing_in(half) as server:
        store = store_on(server)
        for _ in range(2):
            busy(store, ANOMALIES)
        assert store.write(ANOMALIES) == []
    assert [len(names) for names in sent] == [4, 2, 1]
    assert sent[2][0] in sent[1]
    assert sent[1][0] in sent[0]


def test_a_document_that_is_refused_is_handed_back_with_the_reason_and_without_its_values() -> None:
    quoting = f"failed to parse field [flags] in document with id 'x': '{CANARY}'"

    def second(lines: list[bytes]) -> Answer:
        bad = {"status": 400, "error": {"type": "document_parsing_exception", "reason": quoting}}
        items: list[Any] = [{"index": {"status": 201}} for _ in lines[::2]]
        items[1] = {"index": bad}
        return as_json({"items": items})

    with standing_in(second) as server:
        (poison,) = store_on(server).write(ANOMALIES)
    assert poison.item is ANOMALIES[1]
    assert "failed to parse field [flags]" in poison.reason
    assert "document_parsing_exception" in poison.reason
    assert CANARY not in poison.reason


def test_a_request_that_is_too_large_is_halved_and_a_document_that_is_too_large_is_poison() -> None:
    """The server, or a proxy before it, takes fewer bytes than we give at once."""
    refused: list[int] = []

    def limited(lines: list[bytes]) -> Answer:
        size = sum(map(len, lines))
        if size <= 10_000:
            return taken(lines)
        refused.append(size)
        return 413, b"<html>"

    first, second = found(8)[0], found(8, symbol="AMD")[0]
    large = changed(first[2], note="x" * 20_000)
    with standing_in(limited) as server:
        store = store_on(server)
        assert store.write(first) == []
        assert refused
        refused.clear()
        (poison,) = store.write([*second[:7], large])  # it knows by now what goes at once
        assert poison.item is large
        assert "413" in poison.reason
        assert min(refused) > 20_000


def test_one_request_has_at_most_eight_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def noted(lines: list[bytes]) -> Answer:
        sent.append(sum(map(len, lines)))
        return taken(lines)

    many = [changed(one, note="x" * 60_000) for one in found(150)[0]]
    with standing_in(noted) as server:
        assert put(store_on(server), many) == []
    assert len(sent) > 1
    assert max(sent) < 9 * 2**20


@pytest.mark.parametrize(
    ("bulk", "said"),
    [
        (each(403, "security_exception", "action [bulk] is unauthorized"), "unauthorized"),
        (each(400, "strict_dynamic_mapping_exception", "[rank] is not allowed"), "not allowed"),
        (lambda lines: as_json({"error": {"type": "security_exception"}}, 401), "password"),
        (lambda lines: (301, b""), "301"),
        (lambda lines: (404, b"<html>"), "404"),
    ],
)
def test_what_needs_a_person_is_a_sentence(
    bulk: Callable[[list[bytes]], Answer], said: str
) -> None:
    with standing_in(bulk) as server:
        store = store_on(server)
        with pytest.raises(StoreError, match=said) as caught:
            store.write(ANOMALIES)
        assert not isinstance(caught.value, StoreAwayError)
        assert caught.value.remedy


def test_a_password_is_sent_and_never_told() -> None:
    echo = as_json({"error": {"type": "x", "reason": f"no rights for me:{CANARY}"}}, 403)
    with standing_in(answers={"GET /": echo}) as server:
        place = place_of(server, f"http://me:{CANARY}@{{at}}")
        with pytest.raises(StoreError) as caught:
            session_with(place).wait()
        assert server.headers["Authorization"].startswith("Basic ")
    assert CANARY not in str(caught.value) + repr(place) + place.shown
    assert "****" in str(caught.value)
    with standing_in() as server:
        session_with(place_of(server, api_key=CANARY)).wait()
        assert server.headers["Authorization"] == f"ApiKey {CANARY}"


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        (as_json({"version": {"number": "6.8.23"}}), "6.8.23"),
        (as_json({"name": "another program"}), "no Elasticsearch"),
        (as_json([]), "no Elasticsearch"),
        (as_json({}, 401), "does not know"),
        ((404, b"<html>"), "no Elasticsearch"),
    ],
)
def test_what_is_no_such_server_is_said_at_once(hello: Answer, said: str) -> None:
    with standing_in(answers={"GET /": hello}) as server, pytest.raises(StoreError, match=said):
        store_on(server)


def test_a_server_that_only_starts_is_waited_for_and_one_that_never_comes_is_not() -> None:
    with standing_in(answers={"GET /": (503, b"")}) as server:
        session = session_with(place_of(server))
        with pytest.raises(StoreAwayError, match="503"):
            session.wait(wait_s=60, answered_s=0)
        server.trickle_s = 1.0
        server.answers = {}
        with pytest.raises(StoreAwayError, match="no answer within"):
            session.wait(wait_s=0)
    with pytest.raises(StoreAwayError, match="refused"):
        session.wait(wait_s=0)


def test_only_a_certificate_of_the_authority_that_is_named_is_taken(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    with standing_in(certificate=ours.server("good")) as server:
        good = place_of(server, "https://{at}", ca_file=ours.file)
        assert session_with(good).wait() == "Elasticsearch 8.7.1"
        with pytest.raises(StoreError, match="certificate"):
            session_with(place_of(server, "https://{at}", ca_file=other.file)).wait()
        with pytest.raises(StoreAwayError, match="https"):  # it waits: a server may be starting
            session_with(place_of(server)).wait(answered_s=0)
    for bad in (ours.server("old", days_left=-1), ours.server("elsewhere", host="127.0.0.2")):
        with (
            standing_in(certificate=bad) as server,
            pytest.raises(StoreError, match="certificate"),
        ):
            session_with(place_of(server, "https://{at}", ca_file=ours.file)).wait()
    with standing_in() as plain, pytest.raises(StoreError, match="http://"):
        session_with(place_of(plain, "https://{at}", ca_file=ours.file)).wait()
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for file in (empty, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match="ELASTICSEARCH_CA_FILE"):
            session_with(place_of(StandIn(taken), "https://{at}", ca_file=file))


BAD_URLS = (
    f"me:{CANARY}@host",
    f"ftp://me:{CANARY}@host",
    f"http://me:{CANARY}@",
    f"http://me:p@{CANARY}@host",
    f"http://me:p/{CANARY}@host",
    f"http://me:a#{CANARY}@host",
    f"http://me:a?{CANARY}@host",
    f"http://me:[{CANARY}@host",
    f"http://me:{CANARY}@host:port",
)


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_cannot_be_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        search_place(url, prefix="tapewatch")
    assert CANARY not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ({"api_key": CANARY, "username": "me"}, "both"),
        ({"api_key": f"{CANARY}\r\nHost: elsewhere"}, "letters"),
        ({"password": CANARY}, "no user"),
        ({"ca_file": Path("ca.pem")}, "https://"),
    ],
)
def test_who_we_are_is_said_once_and_as_it_can_be(who: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        search_place("http://host", prefix="tapewatch", **who)  # type: ignore[arg-type]
    assert CANARY not in str(caught.value)


def test_an_identity_that_no_server_takes_is_poison_before_it_spoils_a_request() -> None:
    long = changed(EPISODES[0], episode_id="x" * 513)
    empty = changed(EPISODES[0], episode_id="")
    kept, poison = newest_documents([*EPISODES, long, empty])
    assert [one.item for one in poison] == [long, empty]
    assert "513 bytes" in poison[0].reason
    assert kept


def test_a_version_grows_with_time_and_offset_also_on_a_topic_that_is_made_again() -> None:
    day_ms = 86_400_000

    def at(ms: int, offset: int) -> int:
        return version_of(Item(b"", appended_ms=ms, offset=offset))

    now_ms = 1_800_000_000_000
    assert at(now_ms, 7) < at(now_ms, 8) < at(now_ms + 1, 9)
    assert at(now_ms, 10**12) < at(now_ms + day_ms, 0)
    assert at(2**63 - 1, 2**63 - 1) == 2**63 - 1
