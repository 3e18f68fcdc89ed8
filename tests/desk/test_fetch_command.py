"""`tape fetch` as it is typed: it asks before it pays, continues after Ctrl-C, shows no key."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tape.cli import main
from tests.apps import ROOT
from tests.commands import on_terminal, plain
from tests.databento_faults import hanging, silent_after, slowly, status, untaken_and_unanswered
from tests.databento_server import KEY, DataBento, Handler

WHAT = ["--dataset", "XNAS.ITCH", "--symbols", "NVDA", "--start", "2024-11-26"]
ORDER = [*WHAT, "--end", "2024-12-26"]

JOB = "XNAS-20241227-TESTTESTAB"
CONTENT = bytes(range(256)) * 4000

Run = Callable[..., tuple[int, str, str]]


def ordered(**others: str) -> list[str]:
    """The words of an order, with other values of some options."""
    words = dict(zip(ORDER[::2], ORDER[1::2], strict=True))
    words |= {f"--{name}": value for name, value in others.items()}
    return [word for pair in words.items() for word in pair]


@pytest.fixture
def databento() -> Iterator[DataBento]:
    with DataBento().running() as server:
        yield server


@pytest.fixture
def run(
    databento: DataBento,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs `tape fetch` and returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    monkeypatch.setenv("DATABENTO_GATEWAY", databento.url)
    monkeypatch.setenv("FETCH_READ_S", "0.5")
    monkeypatch.setenv("TAPE_FORMAT", "json")

    def fetch(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tape", "fetch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert KEY not in out + err
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return fetch


def test_an_order_shows_its_price_is_paid_once_and_ends_in_a_folder_of_its_own(
    run: Run, databento: DataBento, tmp_path: Path
) -> None:
    databento.states_to_come = ["queued", "done"]
    databento.files_to_come = {"xnas-itch-20241126.trades.dbn.zst": CONTENT, "metadata.json": b"{}"}
    code, out, err = run(*ORDER, "--yes")
    assert code == 0, err
    assert "XNAS.ITCH trades of NVDA, 2024-11-26 to 2024-12-26 (not included)" in err
    assert "1.25 USD for 240.0 MB" in err
    told = json.loads(out)
    folder = tmp_path / "nasdaq" / told["job"]
    assert told["fetched"] == ["metadata.json", "xnas-itch-20241126.trades.dbn.zst"]
    assert (folder / "xnas-itch-20241126.trades.dbn.zst").read_bytes() == CONTENT
    for state in ("queued", "done"):
        assert f"{told['job']}: {state}" in err
    code, out, err = run(*ORDER, "--yes")
    assert (code, json.loads(out)["were_here"]) == (0, told["fetched"])
    assert "nothing is paid" in err
    assert len(databento.asked("submit_job")) == 1
    code, out, err = run(*ORDER, "--yes", "--new")
    assert (code, len(databento.asked("submit_job"))) == (0, 2)
    assert json.loads(out)["job"] != told["job"]


def test_nothing_is_ordered_without_a_yes(run: Run, databento: DataBento, tmp_path: Path) -> None:
    code, out, err = run(*ORDER)
    assert (code, out) == (1, "")
    assert "1.25 USD" in err
    assert err.strip().splitlines()[-1].startswith("error: nothing was ordered: there is no term")
    assert databento.asked("submit_job") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", ["y", ""])
def test_a_terminal_is_asked(answer: str, databento: DataBento, tmp_path: Path) -> None:
    databento.states_to_come = ["done"]
    words = [*ORDER, "-o", str(tmp_path)]
    asked = "Order and pay? [y/N]"
    code, shown = on_terminal("fetch", *words, at=asked, answer=answer, **environment(databento))
    assert code == (0 if answer == "y" else 1), shown
    assert KEY not in shown
    assert len(databento.asked("submit_job")) == (answer == "y")
    assert ("1 file, 0.0 MB" in "".join(plain(shown))) is (answer == "y")


def test_a_job_that_was_ordered_before_is_fetched_by_its_id(
    run: Run, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"a.csv": b"a"})
    code, out, _ = run("--job", JOB, "--output", "here")
    assert (code, json.loads(out)["folder"]) == (0, f"here/{JOB}")
    assert (tmp_path / "here" / JOB / "a.csv").read_bytes() == b"a"
    assert databento.asked("submit_job") == databento.asked("get_cost") == []


def test_the_list_shows_jobs_newest_first(run: Run, databento: DataBento) -> None:
    assert json.loads(run("--list")[1]) == {"jobs": []}
    databento.add_job("J-1", states=["expired"], query={"dataset": "XNAS.ITCH", "symbols": "NVDA"})
    databento.add_job("J-2", states=["processing"])
    jobs = json.loads(run("--list")[1])["jobs"]
    assert [(job["id"], job["state"]) for job in jobs] == [
        ("J-2", "processing"),
        ("J-1", "expired"),
    ]
    assert jobs[1]["dataset"] == "XNAS.ITCH"


def test_the_list_is_a_table_on_a_terminal_with_ids_to_be_copied(databento: DataBento) -> None:
    query = {"dataset": "XNAS.ITCH", "symbols": ",".join(f"[red]S{n}" for n in range(40))}
    databento.add_job(JOB, query=query)
    code, shown = on_terminal("fetch", "--list", columns=60, **environment(databento))
    assert code == 0
    assert JOB in shown
    assert "[red]S0" in shown
    assert max(map(len, plain(shown))) == 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing says what to fetch"),
        (["--job", "J", "--list"], "nothing says what to fetch"),
        (["--job", "J", *ORDER], "nothing says what to fetch"),
        (WHAT, "--end is missing"),
        ([*WHAT, "--end", "2024-11-26"], "is not before --end"),
        ([*WHAT, "--end", "tomorrow"], "--end: 'tomorrow' is no time"),
        (ordered(dataset="nasdaq"), "--dataset: 'nasdaq'"),
        (ordered(symbols="NV DA"), "--symbols: 'NV DA' is not a symbol"),
        (ordered(symbols=","), "--symbols: 0 symbols"),
        ([*ORDER, "--schema", "ohlcv-1d"], "--schema: 'ohlcv-1d' is not known; choose trades,"),
        ([*ORDER, "--encoding", "xml"], "--encoding: 'xml' is not known; choose dbn, csv"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_asked(
    words: list[str], told: str, run: Run, databento: DataBento
) -> None:
    code, out, err = run(*words)
    assert (code, out) == (4, "")
    assert told in err
    assert databento.requests == []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "is not set"),
        ("  ", "is not set"),
        ("db-a b", "is not a valid key"),
        ("db-\x07", "is not a valid key"),
    ],
)
def test_without_a_key_it_says_where_to_get_one(
    key: str, told: str, run: Run, databento: DataBento, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABENTO_API_KEY", key)
    code, _, err = run("--list")
    assert (code, told in err) == (4, True), err
    assert databento.requests == []
    assert "db-" not in err


def test_the_key_may_stand_in_a_dotenv_file_and_a_misspelt_name_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABENTO_API_KEY")
    (tmp_path / ".env").write_text(f"DATABENTO_API_KEY={KEY}\n")
    assert run("--list")[0] == 0
    (tmp_path / ".env").write_text(f"DATABENTO_APIKEY={KEY}\n")
    code, _, err = run("--list")
    assert (code, "the setting is called DATABENTO_API_KEY" in err) == (4, True), err


def test_a_key_with_a_line_end_from_a_file_is_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABENTO_API_KEY", KEY + "\n")
    assert run("--list")[0] == 0


@pytest.mark.parametrize(
    "gateway", ["http://hist.databento.com", "hist.databento.com", "https://a/b", "ftp://a"]
)
def test_the_key_is_not_sent_in_the_clear(
    gateway: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABENTO_GATEWAY", gateway)
    code, _, err = run("--list")
    assert (code, "DATABENTO_GATEWAY" in err) == (4, True), err


def test_refusals_have_their_exit_codes(
    run: Run, databento: DataBento, monkeypatch: pytest.MonkeyPatch
) -> None:
    databento.then("submit_job", status(402, "Account has insufficient funds."))
    code, _, err = run(*ORDER, "--yes")
    assert (code, "insufficient funds" in err) == (4, True)
    databento.add_job("J-1", states=["expired"])
    databento.add_job("J-2", states=["queued"])
    assert run("--job", "J-1")[0] == run("--job", "J-2", "--wait", "0")[0] == 1
    monkeypatch.setenv("DATABENTO_API_KEY", "db-of-somebody-else")
    code, _, err = run("--list")
    assert (code, "does not accept the key" in err) == (4, True)


def test_the_key_is_in_no_file_whatever_happens(
    run: Run, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"a.csv": b"a", "b.csv": CONTENT})
    databento.then("get_job_details", untaken_and_unanswered, hanging)
    databento.then("b.csv", silent_after(100_000), status(401, f"wrong key {KEY}"))
    code, _, err = run("--job", JOB)
    assert (code, "wrong key ***" in err) == (4, True)
    assert "next try in" in err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_ctrl_c_while_ordering_and_again_does_not_order_twice(
    run: Run, databento: DataBento
) -> None:
    def taking_and_hanging(handler: Handler, content: bytes) -> None:
        databento.submitted(handler.fields)
        hanging(handler, content)

    databento.states_to_come = ["done"]
    databento.then("submit_job", taking_and_hanging)
    process = started(databento, *ORDER, "--yes")
    until(lambda: bool(databento.jobs), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1].startswith("interrupted while ordering; call it again")
    code, out, _ = run(*ORDER, "--yes")
    assert (code, json.loads(out)["job"]) == (0, next(iter(databento.jobs)))
    assert len(databento.asked("submit_job")) == 1


def started(server: DataBento, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tape", "fetch", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment(server)},
    )


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + 30
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def environment(server: DataBento) -> dict[str, str]:
    return {"DATABENTO_API_KEY": KEY, "DATABENTO_GATEWAY": server.url, "FETCH_READ_S": "60"}


@pytest.mark.parametrize("how", ["slow", "silent"])
def test_ctrl_c_and_again_goes_on_where_it_stopped(
    how: str, run: Run, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"a.csv": CONTENT, "b.csv": b"b"})
    fault = slowly(20_000, 0.05) if how == "slow" else silent_after(500_000)
    databento.then("a.csv", fault)
    process = started(databento, "--job", JOB, "--output", str(tmp_path))
    part, other = tmp_path / JOB / "a.csv.part", tmp_path / JOB / "b.csv"
    until(lambda: other.exists() and part.exists() and part.stat().st_size >= 100_000, process)
    sent_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - sent_s < 5  # not the 60 s of the read timeout
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1] == (
        f"interrupted; `tape fetch --job {JOB}` continues where this stopped"
    )
    assert KEY not in err
    names = sorted(path.name for path in (tmp_path / JOB).iterdir())
    assert names == ["a.csv.part", "b.csv", "manifest.json"]
    kept = part.stat().st_size
    code, out, _ = run("--job", JOB, "--output", str(tmp_path))
    assert code == 0
    assert (tmp_path / JOB / "a.csv").read_bytes() == CONTENT
    assert databento.asked("a.csv")[-1].headers["Range"] == f"bytes={kept}-{len(CONTENT) - 1}"
    assert json.loads(out)["were_here"] == ["b.csv"]
