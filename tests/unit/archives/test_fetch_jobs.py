"""Jobs are ordered at most once, found again, waited for; the service's refusals are told."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tape.archives.databento import JobDetails, JobFolder, Patience, Query, Service, order, same_job
from tape.archives.databento import wait_until_done as wait
from tape.errors import AccountError, FetchError, TapeError
from tape.testing import SettableClock
from tests.certificates import Authority
from tests.databento_faults import (
    hanging,
    login_page,
    plain_error,
    redirect,
    status,
    taken_but_unanswered,
    untaken_and_unanswered,
)
from tests.databento_server import KEY, DataBento, Fault, Handler

QUICK = Patience(
    connect_s=2, read_s=0.4, tries=3, first_pause_s=0.01, longest_pause_s=0.1, poll_s=0.01
)
QUERY = Query(
    "XNAS.ITCH", ("NVDA",), datetime(2024, 11, 26, tzinfo=UTC), datetime(2024, 12, 26, tzinfo=UTC)
)
SUBMIT = "batch.submit_job"


@pytest.fixture
def databento() -> Iterator[DataBento]:
    with DataBento().running() as server:
        yield server


def service_of(server: DataBento, key: str = KEY) -> Service:
    return Service(server.url, SecretStr(key), QUICK)


def test_cost_and_size_are_what_the_service_says(databento: DataBento) -> None:
    assert service_of(databento).estimate(QUERY) == (1.25, 240_000_000)
    for what in ("metadata.get_cost", "metadata.get_billable_size"):
        (request,) = databento.asked(what)
        assert request.method == "POST"
        assert request.fields == {
            "dataset": "XNAS.ITCH",
            "symbols": "NVDA",
            "schema": "trades",
            "start": "2024-11-26",
            "end": "2024-12-26",
            "stype_in": "raw_symbol",
            "stype_out": "instrument_id",
        }


def test_an_order_names_everything_that_decides_the_files(databento: DataBento) -> None:
    order(service_of(databento), QUERY)
    (request,) = databento.asked(SUBMIT)
    assert request.fields["encoding"] == "dbn"
    assert request.fields["compression"] == "zstd"
    assert request.fields["split_duration"] == "day"
    assert request.fields["delivery"] == "download"
    csv = Query(QUERY.dataset, QUERY.symbols, QUERY.start, QUERY.end, "trades", "csv")
    order(service_of(databento), csv)
    fields = databento.asked(SUBMIT)[1].fields
    assert [fields[name] for name in ("pretty_px", "pretty_ts", "map_symbols")] == ["true"] * 3


def test_an_order_whose_answer_is_lost_is_found_and_not_sent_twice(databento: DataBento) -> None:
    databento.add_job("XNAS-OLD", query=QUERY.job_form())  # the same, ordered before: not it
    databento.then(SUBMIT, taken_but_unanswered)
    job_id = order(service_of(databento), QUERY)
    assert job_id in databento.jobs
    assert job_id != "XNAS-OLD"
    assert len(databento.asked(SUBMIT)) == 1
    for request in databento.asked("batch.list_jobs"):
        assert "since" in request.fields
        assert request.fields["short"] == "true"


@pytest.mark.parametrize("days", [-20, 20])
def test_a_wrong_clock_here_does_not_hide_what_was_ordered(days: int, databento: DataBento) -> None:
    databento.clock_ahead = timedelta(days=days)
    databento.then(SUBMIT, taken_but_unanswered)
    job_id = order(service_of(databento), QUERY)
    found = same_job(service_of(databento), QUERY)
    assert found is not None
    assert found.id == job_id
    databento.clock_ahead += timedelta(days=31)  # too old now, and the service knows it
    assert same_job(service_of(databento), QUERY) is None


def test_an_order_that_hangs_is_looked_for_after_the_timeout(databento: DataBento) -> None:
    def taking_and_hanging(handler: Handler, content: bytes) -> None:
        handler.databento.submitted(handler.fields)
        hanging(handler, content)

    databento.then(SUBMIT, taking_and_hanging)
    assert order(service_of(databento), QUERY) in databento.jobs
    assert len(databento.asked(SUBMIT)) == 1


def test_an_order_is_found_even_if_it_is_listed_late(databento: DataBento) -> None:
    def losing_it(handler: Handler, _: bytes) -> None:
        databento.then("batch.list_jobs", not_yet_listing)
        handler.cut()

    def not_yet_listing(handler: Handler, _: bytes) -> None:
        handler.reply([])
        databento.submitted(QUERY.job_form())

    databento.then(SUBMIT, losing_it)
    assert order(service_of(databento), QUERY) in databento.jobs
    assert len(databento.asked("batch.list_jobs")) == 3


@pytest.mark.parametrize(
    "lost", [untaken_and_unanswered, hanging, status(500), status(503), status(504), login_page]
)
def test_an_order_that_is_nowhere_is_told_and_not_sent_again(
    lost: Fault, databento: DataBento
) -> None:
    databento.add_job("XNAS-OLD", query=QUERY.job_form())  # the same, ordered before: not it
    databento.then(SUBMIT, lost)
    with pytest.raises(FetchError, match="paid twice; look at `tape fetch --list`"):
        order(service_of(databento), QUERY)
    assert len(databento.asked(SUBMIT)) == 1
    assert set(databento.jobs) == {"XNAS-OLD"}


def test_an_order_that_was_surely_not_taken_is_sent_again(databento: DataBento) -> None:
    databento.then(SUBMIT, status(429, Retry_After="0"), status(429))
    assert order(service_of(databento), QUERY) in databento.jobs
    assert len(databento.asked(SUBMIT)) == 3
    assert len(databento.jobs) == 1


def test_a_foreign_order_in_the_same_moment_is_not_taken_for_ours(databento: DataBento) -> None:
    def another(handler: Handler, _: bytes) -> None:
        handler.databento.submitted(handler.fields | {"symbols": "AAPL"})
        handler.cut()

    databento.then(SUBMIT, another)
    with pytest.raises(FetchError, match="answer was lost"):
        order(service_of(databento), QUERY)


@pytest.mark.parametrize(
    ("code", "told", "kind"),
    [
        (401, "does not accept the key in DATABENTO_API_KEY", AccountError),
        (402, "asks for payment", AccountError),
        (403, "does not allow this key", AccountError),
        (422, "with 422: dataset_unknown", FetchError),
        (400, "with 400: dataset_unknown", FetchError),
    ],
)
def test_a_refused_order_is_told_in_the_services_words(
    code: int, told: str, kind: type[TapeError], databento: DataBento
) -> None:
    databento.then(SUBMIT, status(code, "dataset_unknown"))
    with pytest.raises(kind, match=told) as error:
        order(service_of(databento), QUERY)
    assert "dataset_unknown" in str(error.value)
    assert len(databento.asked(SUBMIT)) == 1


def test_a_wrong_key_is_told_without_asking_twice_or_showing_it(databento: DataBento) -> None:
    databento.then("get_cost", status(401, "no such key: db-wrong-key\x1b[2J"))
    with pytest.raises(AccountError) as error:
        service_of(databento, "db-wrong-key").estimate(QUERY)
    assert "no such key: *** [2J" in str(error.value)
    with pytest.raises(AccountError):
        service_of(databento, "db-wrong-key").jobs(QUERY.start)
    assert len(databento.requests) == 2


@pytest.mark.parametrize(
    "trouble", [status(503), status(429, Retry_After="0"), untaken_and_unanswered, hanging]
)
def test_a_question_that_costs_nothing_is_asked_again(trouble: Fault, databento: DataBento) -> None:
    databento.then("get_cost", trouble, trouble)
    assert service_of(databento).estimate(QUERY).cost_usd == 1.25
    assert len(databento.asked("get_cost")) == 3
    databento.then("get_cost", trouble, trouble, trouble)
    with pytest.raises(FetchError, match="failed 3 times in a row"):
        service_of(databento).estimate(QUERY)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"detail": "in plain words"}', "422: in plain words; correct what it names$"),
        (b'{"detail": [{"loc": ["start"]}]}', "422: .*start"),
        (b'{"detail": {"case": "x"}}', "422; ask DataBento's support$"),
        (b'"detail"', "422; ask DataBento's support$"),
        (b"<html>Bad</html>", "422; ask DataBento's support$"),
        (b"\xff", "422; ask DataBento's support$"),
        (b"", "422; ask DataBento's support$"),
        (b'{"detail": "' + b"x" * 10_000 + b'"}', "422: x{300}; correct what it names$"),
    ],
)
def test_a_refusal_in_any_form_is_a_sentence(body: bytes, told: str, databento: DataBento) -> None:
    databento.then("get_cost", plain_error(422, body))
    with pytest.raises(FetchError, match=told):
        service_of(databento).estimate(QUERY)


def test_an_answer_that_is_not_the_services_is_told(databento: DataBento) -> None:
    databento.then("get_cost", login_page)
    with pytest.raises(FetchError, match="login page in between"):
        service_of(databento).estimate(QUERY)
    databento.then("get_cost", redirect("https://elsewhere.example/"))
    with pytest.raises(FetchError, match="with 302"):
        service_of(databento).estimate(QUERY)


def test_no_server_and_an_untrusted_certificate_are_told(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot be reached"):
        Service("http://127.0.0.1:1", SecretStr(KEY), QUICK).estimate(QUERY)
    certificate = Authority(tmp_path, "nobody").server("databento")
    with DataBento(certificate).running() as server:
        with pytest.raises(FetchError, match="certificate is not trusted"):
            service_of(server).estimate(QUERY)
        assert server.requests == []


def test_a_connection_that_never_stands_is_given_up_and_an_order_tried_again() -> None:
    with socket.socket() as deaf, ExitStack() as waiting:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(2):  # its queue is full now: what comes next gets no answer at all
            early = waiting.enter_context(socket.socket())
            early.setblocking(False)
            early.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        told: list[str] = []
        service = Service(url, SecretStr(KEY), Patience(0.3, 5, 2, 0.01), told.append)
        start_s = time.monotonic()
        for ask in (service.estimate, service.submit):
            with pytest.raises(FetchError, match=r"2 times in a row.*no connection within 0\.3 s"):
                ask(QUERY)
        assert 1.2 <= time.monotonic() - start_s < 4
        assert len(told) == 2


@pytest.mark.parametrize(
    "told", [{"id": "../../evil"}, {"state": "\x1b[2Jdone"}, {"symbols": "A\nB"}, {"id": 7}, []]
)
def test_what_could_harm_a_terminal_or_a_folder_is_not_taken_for_a_job(
    told: dict[str, object] | list[object], databento: DataBento
) -> None:
    answer = {"id": "J-1", "state": "done"} | told if isinstance(told, dict) else told
    databento.then("get_job_details", lambda handler, _: handler.reply(answer))
    with pytest.raises(FetchError, match="something that is not DataBento's"):
        service_of(databento).details("J-1")


def test_a_job_is_waited_for_until_it_is_done(databento: DataBento) -> None:
    databento.add_job("J-1", states=["queued", "queued", "processing", "done"])
    seen: list[JobDetails] = []
    wait(service_of(databento), "J-1", 10, seen.append)
    assert [job.state for job in seen] == ["queued", "queued", "processing", "done"]


def test_a_job_that_is_not_ready_in_time_says_how_to_fetch_it_later(databento: DataBento) -> None:
    for state in ("received", "queued", "processing"):
        databento.add_job("J-1", states=[state])
        start_s = time.monotonic()
        with pytest.raises(FetchError, match=f"still {state}; .*tape fetch --job J-1"):
            wait(service_of(databento), "J-1", 0.1, lambda _: None)
        assert time.monotonic() - start_s >= 0.1


def test_an_expired_an_unknown_and_a_strange_job_are_told_at_once(databento: DataBento) -> None:
    databento.add_job("J-1", states=["expired"])
    databento.add_job("J-2", states=["exploded"])
    for job, told in (("J-1", "has expired"), ("J-2", "'exploded'"), ("J-3", "404")):
        with pytest.raises(FetchError, match=told):
            wait(service_of(databento), job, 60, lambda _: None)


def test_a_job_without_files_and_an_id_that_is_none_are_told(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job("J-1", files={})
    with pytest.raises(FetchError, match="lists no file for job J-1"):
        JobFolder(service_of(databento), "J-1", tmp_path).prepare()
    for job in ("../J-1", "", "a/b", "a b"):
        with pytest.raises(FetchError, match="no job's id"):
            JobFolder(service_of(databento), job, tmp_path)


def test_all_jobs_of_a_month_are_looked_through_and_somebody_who_waits_is_told(
    databento: DataBento,
) -> None:
    databento.add_job("J-0", query=QUERY.job_form())
    for n in range(1, 40):
        databento.add_job(f"J-{n}", query=QUERY.job_form() | {"symbols": f"S{n}"})
    told: list[str] = []
    found = same_job(Service(databento.url, SecretStr(KEY), QUICK, told.append), QUERY)
    assert found is not None
    assert (found.id, told) == ("J-0", ["looking through the last 40 jobs for the same order"])


def test_the_same_query_is_found_again_in_whatever_form_the_service_tells_it(
    databento: DataBento,
) -> None:
    query = Query("XNAS.ITCH", ("NVDA", "AAPL"), QUERY.start, QUERY.end, "trades", "csv")
    assert same_job(service_of(databento), query) is None
    form = query.job_form() | {"symbols": "AAPL,NVDA"}
    databento.add_job("J-1", query=form)
    databento.add_job("J-2", query=form)
    found = same_job(service_of(databento), query)
    assert found is not None
    assert found.id == "J-2"
    databento.details_extra = {
        "start": str(int(query.start.timestamp()) * 10**9),
        "end": int(query.end.timestamp()) * 10**9,
        "symbols": ["NVDA", "AAPL"],
        "cost_usd": 0.5,
        "new_field": {"a": 1},
    }
    assert same_job(service_of(databento), query) is not None


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "XNYS.PILLAR"},
        {"symbols": "NVDA"},
        {"schema": "tbbo"},
        {"start": "2024-11-27"},
        {"end": "2024-12-27"},
        {"encoding": "dbn"},
        {"compression": "none"},
        {"pretty_px": "false"},
        {"map_symbols": "false"},
        {"split_symbols": "true"},
        {"split_duration": "month"},
        {"stype_in": "parent"},
        {"limit": 100},
        {"start": None, "end": "never"},
    ],
)
def test_a_job_that_differs_in_anything_is_another(
    other: dict[str, object], databento: DataBento
) -> None:
    query = Query("XNAS.ITCH", ("NVDA", "AAPL"), QUERY.start, QUERY.end, "trades", "csv")
    databento.add_job("J-1", query=query.job_form())
    assert same_job(service_of(databento), query) is not None
    if None in other.values():
        databento.details_extra = {"start": "", "end": "never"}
    elif "limit" in other:
        databento.details_extra = other
    else:
        databento.jobs["J-1"].query.update(other)  # type: ignore[arg-type]
    assert same_job(service_of(databento), query) is None


def test_a_service_that_asks_for_a_pause_gets_it(databento: DataBento) -> None:
    clock = SettableClock()
    patience = Patience(connect_s=2, read_s=2, tries=4, first_pause_s=1, longest_pause_s=60)
    databento.then("metadata.get_cost", status(429, Retry_After="7"), status(503), status(503))
    service = Service(databento.url, SecretStr(KEY), patience, clock=clock)
    assert service.estimate(QUERY).cost_usd == 1.25
    asked_s, second_s, third_s = clock.slept_s
    assert 7 <= asked_s <= 7.1
    assert 1 <= second_s <= 2, "between half and all of 1 s, doubled once"
    assert 2 <= third_s <= 4


def test_a_job_that_never_gets_ready_is_waited_for_as_long_as_was_asked(
    databento: DataBento,
) -> None:
    clock = SettableClock()
    databento.states_to_come = ["queued"] * 10_000
    service = Service(databento.url, SecretStr(KEY), QUICK, clock=clock)
    job = order(service, QUERY)
    with pytest.raises(FetchError, match="fetch it later with"):
        wait(service, job, 2.0, lambda _: None)
    assert sum(clock.slept_s) == pytest.approx(2.0)
