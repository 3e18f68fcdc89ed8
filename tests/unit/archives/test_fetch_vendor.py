"""The vendor's own client understands the tests' server, and its faults are the faults we fear.

The client is installed apart by `make test-vendor`, because it wants an older databento-dbn.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apps import ROOT
from tests.certificates import Authority
from tests.databento_faults import cut_after, early_end, ignoring_range, sending, status
from tests.databento_server import KEY, DataBento

CLIENT = ROOT / ".vendor"
JOB = "XNAS-20241227-TESTTESTAB"
CONTENT = bytes(range(256)) * 1200

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        not (CLIENT / "databento").is_dir(), reason="no vendor's client: run `make test-vendor`"
    ),
]

PROLOGUE = """
import json, sys, warnings
import databento
warnings.simplefilter("always")
client = databento.Historical(sys.argv[1], gateway=sys.argv[2])
batch, metadata = client.batch, client.metadata
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "keys", "authority")


@pytest.fixture
def databento(authority: Authority) -> Iterator[DataBento]:
    with DataBento(authority.server("databento")).running() as server:
        yield server


def client(
    server: DataBento, authority: Authority, code: str, key: str = KEY
) -> tuple[Any, str, int]:
    """Return what the client's code printed as JSON, its errors, and its exit code."""
    env = {**os.environ, "PYTHONPATH": str(CLIENT), "REQUESTS_CA_BUNDLE": str(authority.file)}
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + code, key, server.url],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
    )
    return json.loads(done.stdout or "null"), done.stderr, done.returncode


def test_it_asks_for_prices_orders_lists_and_downloads(
    databento: DataBento, authority: Authority, tmp_path: Path
) -> None:
    databento.files_to_come = {"a.dbn.zst": CONTENT}
    databento.states_to_come = ["done"]
    code = f"""
what = dict(dataset="XNAS.ITCH", symbols="NVDA", schema="trades", start="2024-11-26",
            end="2024-12-26")
cost, size = metadata.get_cost(**what), metadata.get_billable_size(**what)
job = batch.submit_job(**what)
listed = batch.list_jobs(since="2024-01-01")
short = batch.list_jobs(states="done,expired", short=True)
details = batch.get_job_details(job["id"])
files = batch.list_files(job["id"])
(path,) = batch.download(job["id"], {str(tmp_path)!r}, filename_to_download="a.dbn.zst")
print(json.dumps([cost, size, job, listed, short, details, files, str(path)]))
"""
    told, err, exit_code = client(databento, authority, code)
    assert exit_code == 0, err
    cost, size, job, listed, short, details, files, path = told
    assert (cost, size) == (1.25, 240_000_000)
    assert details["state"] == job["state"] == "done"
    assert details["symbols"] == "NVDA"
    assert [set(one) for one in listed + short] == [{"id", "state", "ts_received"}] * 2
    assert [file["size"] for file in files] == [len(CONTENT)]
    assert Path(path).read_bytes() == CONTENT
    assert "Warning" not in err


def test_it_resumes_what_was_cut(
    databento: DataBento, authority: Authority, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"a.csv": CONTENT})
    databento.then("a.csv", cut_after(150_000))
    path, err, _ = client(databento, authority, download("a.csv", tmp_path))
    assert Path(path).read_bytes() == CONTENT, err
    assert databento.asked("a.csv")[1].headers["Range"].endswith("-307199")


def test_a_wrong_key_is_refused(databento: DataBento, authority: Authority) -> None:
    _, err, exit_code = client(databento, authority, "batch.list_jobs()", key="db-wrong")
    assert exit_code == 1
    assert "BentoClientError: 401 case_401\nAuthentication failed.\n" in err
    databento.then("list_jobs", status(503, "Overloaded."))
    _, err, _ = client(databento, authority, "batch.list_jobs()")
    assert "BentoServerError: 503 case_503\nOverloaded.\n" in err


def test_it_keeps_a_file_of_wrong_size_or_content(
    databento: DataBento, authority: Authority, tmp_path: Path
) -> None:
    """What `tape fetch` refuses, the client returns as success: so the faults are real."""
    databento.add_job(JOB, dict.fromkeys(("range.csv", "hash.csv", "early.csv"), CONTENT))
    databento.then("range.csv", cut_after(150_000), ignoring_range)
    databento.then("hash.csv", sending(CONTENT[::-1]))
    databento.then("early.csv", early_end(50_000))
    for name in databento.jobs[JOB].files:
        path, err, exit_code = client(databento, authority, download(name, tmp_path))
        assert exit_code == 0, err
        assert "failed checksum validation" in err
        assert Path(path).read_bytes() != CONTENT


def download(name: str, folder: Path) -> str:
    return f"""
(path,) = batch.download({JOB!r}, {str(folder)!r}, filename_to_download={name!r})
print(json.dumps(str(path)))
"""
