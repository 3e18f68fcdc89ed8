"""What the service lists is not believed: names, hashes and addresses are checked first."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tape.archives.databento import JobFolder, Patience, Service
from tape.errors import FetchError
from tests.databento_faults import redirect
from tests.databento_server import KEY, DataBento, send_file

JOB = "XNAS-20241227-TESTTESTAB"
NAME = "xnas-itch-20241129.trades.dbn.zst"
CONTENT = bytes(range(256)) * 1200


@pytest.fixture
def databento() -> Iterator[DataBento]:
    with DataBento().running() as server:
        yield server


def fetch(server: DataBento, output: Path) -> None:
    folder = JobFolder(Service(server.url, SecretStr(KEY), Patience(2, 2, 2, 0.01)), JOB, output)
    folder.fetch(folder.prepare())


@pytest.mark.parametrize(
    "name",
    ["../evil.csv", "a/b.csv", "..", ".hidden", "a\\b.csv", "a\nb", "", "a.part", "C:a", "x" * 300],
)
def test_a_name_that_could_leave_the_folder_is_refused_before_anything_is_fetched(
    name: str, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"good.csv": b"good"}).listed["evil"] = {
        "filename": name,
        "size": 4,
        "hash": "sha256:" + hashlib.sha256(b"evil").hexdigest(),
        "urls": {"https": f"{databento.url}/v0/batch/download/U/{JOB}/good.csv"},
    }
    with pytest.raises(FetchError, match="refused"):
        fetch(databento, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_same_name_twice_is_refused(databento: DataBento, tmp_path: Path) -> None:
    job = databento.add_job(JOB, {"good.csv": b"good"})
    job.listed["again"] = job.listed["good.csv"] | {"filename": "GOOD.csv"}
    with pytest.raises(FetchError, match="twice"):
        fetch(databento, tmp_path / "out")


@pytest.mark.parametrize("digest", ["", "md5:" + "0" * 32, "sha256:xyz", "0" * 64])
def test_a_file_without_a_sha256_is_refused(
    digest: str, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"a.csv": b"a"}).listed["a.csv"]["hash"] = digest
    with pytest.raises(FetchError, match="not with a sha256"):
        fetch(databento, tmp_path / "out")


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/a.csv",
        "http://hist.databento.com/a.csv",
        "https://databento.com.example/a.csv",
        "https://hist.databento.com@elsewhere.example/a.csv",
        "ftp://ftp.databento.com/a.csv",
        "",
    ],
)
def test_the_key_goes_to_the_service_only(url: str) -> None:
    service = Service("https://hist.databento.com", SecretStr(KEY))
    assert not service.trusts(url)
    assert service.trusts("https://api.databento.com/v0/batch/download/U/J/a.csv")
    assert not Service("http://127.0.0.1:1", SecretStr(KEY)).trusts("http://127.0.0.1:2/a")


def test_a_file_listed_elsewhere_is_refused(databento: DataBento, tmp_path: Path) -> None:
    job = databento.add_job(JOB, {"a.csv": b"a"})
    job.listed["a.csv"]["urls"]["https"] = "https://elsewhere.example/a.csv"
    with pytest.raises(FetchError, match=r"elsewhere\.example"):
        fetch(databento, tmp_path / "out")


def test_a_redirect_to_another_host_brings_the_file_there_without_the_key(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    with DataBento().running() as other:
        other.add_job(JOB, {NAME: CONTENT})
        elsewhere = f"http://localhost:{other.port}/v0/batch/download/U/{JOB}/{NAME}"
        other.then(NAME, send_file)
        databento.then(NAME, redirect(elsewhere))
        fetch(databento, tmp_path)
        (request,) = other.asked(NAME)
    assert "Authorization" in databento.asked(NAME)[0].headers
    assert "Authorization" not in request.headers
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
