"""Files come whole, checked and under their name, or not at all: each fault on a real socket."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from tape.archives import find_archives
from tape.archives.databento import Fetched, JobFolder, Patience, Service
from tape.archives.databento.patience import retry_after_s
from tape.archives.sidecars import manifest_fault
from tape.errors import AccountError, ArchiveError, FetchError, SettingsError, TapeError
from tests import small_disk
from tests.databento_faults import (
    cut_after,
    early_end,
    ignoring_range,
    ignoring_range_and_cut_after,
    other_range,
    redirect,
    sending,
    silent_after,
    slowly,
    status,
)
from tests.databento_server import KEY, DataBento, Fault

QUICK = Patience(
    connect_s=2, read_s=0.5, tries=4, first_pause_s=0.01, longest_pause_s=0.2, poll_s=0.01
)
JOB = "XNAS-20241227-TESTTESTAB"
NAME = "xnas-itch-20241129.trades.dbn.zst"
CONTENT = bytes(range(256)) * 1200  # 307,200 bytes: several reads


@pytest.fixture
def databento() -> Iterator[DataBento]:
    with DataBento().running() as server:
        yield server


def fetch(
    server: DataBento, output: Path, *, patience: Patience = QUICK, only: str = ""
) -> Fetched:
    service = Service(server.url, SecretStr(KEY), patience)
    folder = JobFolder(service, JOB, output, threads=3)
    return folder.fetch(folder.prepare(only))


def ranges(server: DataBento, name: str = NAME) -> list[str | None]:
    return [request.headers.get("Range") for request in server.asked(name)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_of_a_job_arrive_with_a_manifest_that_the_reader_checks_by(
    databento: DataBento, tmp_path: Path
) -> None:
    files = {f"xnas-itch-2024110{n}.trades.csv": b"%d" % n * 1000 for n in range(9)}
    databento.add_job(JOB, files | {"metadata.json": b"{}", "empty.csv": b""})
    done = fetch(databento, tmp_path)
    assert names(tmp_path / JOB) == sorted([*files, "metadata.json", "empty.csv", "manifest.json"])
    for name, content in files.items():
        assert (tmp_path / JOB / name).read_bytes() == content
    assert (len(done.fetched), done.were_here) == (11, [])
    assert done.bytes_here == done.bytes_total == 9002
    listed = json.loads((tmp_path / JOB / "manifest.json").read_bytes())
    assert listed == {"job_id": JOB, "files": list(databento.jobs[JOB].listed.values())}
    archive = find_archives(tmp_path / JOB / "xnas-itch-20241103.trades.csv").archives[0]
    assert manifest_fault(archive) is None
    (tmp_path / JOB / "xnas-itch-20241103.trades.csv").write_bytes(b"4" * 1000)
    archive = find_archives(tmp_path / JOB / "xnas-itch-20241103.trades.csv").archives[0]
    assert manifest_fault(archive) is not None


def test_only_the_wanted_files_come_and_what_explains_them(
    databento: DataBento, tmp_path: Path
) -> None:
    days = [f"xnas-itch-202411{day}.trades.csv" for day in range(25, 30)]
    databento.add_job(JOB, dict.fromkeys([*days, "symbology.json"], b"x"))
    done = fetch(databento, tmp_path, only="*-2024112[67]*")
    assert sorted(done.fetched) == ["symbology.json", *days[1:3]]
    assert (done.files, done.bytes_total) == (3, 3)
    with pytest.raises(
        FetchError, match=r"no file of the job fits '\*2025\*'; choose from xnas-itch"
    ):
        fetch(databento, tmp_path, only="*2025*")


def test_the_services_own_manifest_is_kept_as_it_is(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT, "manifest.json": b'{"files": []}'})
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / "manifest.json").read_bytes() == b'{"files": []}'


def test_good_files_are_left_alone_and_bad_ones_fetched_again(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {"good.csv": b"good", "short.csv": b"whole", "other.csv": b"right"})
    fetch(databento, tmp_path)
    written = (tmp_path / JOB / "good.csv").stat().st_mtime_ns
    (tmp_path / JOB / "short.csv").write_bytes(b"who")
    (tmp_path / JOB / "other.csv").write_bytes(b"wrong")
    done = fetch(databento, tmp_path)
    assert (sorted(done.fetched), done.were_here) == (["other.csv", "short.csv"], ["good.csv"])
    assert (tmp_path / JOB / "other.csv").read_bytes() == b"right"
    assert (tmp_path / JOB / "good.csv").stat().st_mtime_ns == written
    assert len(databento.asked("good.csv")) == 1


def test_a_cut_connection_is_resumed_where_it_ended(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, cut_after(150_000), cut_after(100_000))
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    first, second, third = ranges(databento)
    assert first is None
    for asked, sent in ((second, 150_000), (third, 250_000)):
        assert asked is not None
        start, end = map(int, asked.removeprefix("bytes=").split("-"))
        assert sent - (1 << 17) < start <= sent  # what lay in a buffer at the cut may come again
        assert end == len(CONTENT) - 1


def test_a_part_left_by_a_run_before_is_resumed(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    (tmp_path / JOB).mkdir()
    (tmp_path / JOB / f"{NAME}.part").write_bytes(CONTENT[:200_000])
    done = fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert ranges(databento) == ["bytes=200000-307199"]
    assert done.bytes_here == len(CONTENT)


@pytest.mark.parametrize("answer", [ignoring_range, other_range, status(416)])
def test_an_answer_that_is_not_the_part_asked_for_starts_the_file_again(
    answer: Fault, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, cut_after(150_000), answer)
    done = fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert done.bytes_here == len(CONTENT)
    asked = ranges(databento)
    assert asked[1] is not None
    assert asked[2:] == ([] if answer is ignoring_range else [None])


def test_a_wrong_part_from_before_is_thrown_away(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    (tmp_path / JOB).mkdir()
    (tmp_path / JOB / f"{NAME}.part").write_bytes(b"x" * 200_000)
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert ranges(databento) == ["bytes=200000-307199", None]


def test_a_part_longer_than_the_file_is_thrown_away(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    (tmp_path / JOB).mkdir()
    (tmp_path / JOB / f"{NAME}.part").write_bytes(CONTENT + b"more")
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert ranges(databento) == [None]


def test_a_wrong_hash_is_tried_once_more(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, sending(CONTENT[::-1]))
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert ranges(databento) == [None, None]


def test_a_wrong_hash_twice_names_both_and_keeps_nothing_but_the_good_files(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT, "good.csv": b"good"})
    wrong = CONTENT[::-1]
    databento.then(NAME, sending(wrong), sending(wrong), sending(wrong))
    with pytest.raises(ArchiveError) as told:
        fetch(databento, tmp_path)
    for content in (CONTENT, wrong):
        assert hashlib.sha256(content).hexdigest() in str(told.value)
    assert told.value.exit_code == 2
    assert names(tmp_path / JOB) == ["good.csv", "manifest.json"]
    assert len(databento.asked(NAME)) == 2


def test_a_body_that_ends_early_without_a_length_is_not_taken_for_the_file(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, early_end(50_000))
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert ranges(databento) == [None, "bytes=50000-307199"]


def test_a_body_longer_than_listed_is_not_kept(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, *[sending(CONTENT + b"more")] * 9)
    with pytest.raises(FetchError, match="sent more than the 307,200 bytes listed"):
        fetch(databento, tmp_path)
    assert names(tmp_path / JOB) == ["manifest.json"]


def test_a_silent_server_is_left_after_the_read_timeout(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, silent_after(100_000))
    start_s = time.monotonic()
    fetch(databento, tmp_path)
    assert 0.5 <= time.monotonic() - start_s < 5
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert len(databento.asked(NAME)) == 2


def test_a_server_that_is_always_silent_ends_it_with_a_sentence(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, *[silent_after(0)] * 9)
    with pytest.raises(FetchError, match=r"failed 2 times in a row, at last: silent for 0.2 s"):
        fetch(databento, tmp_path, patience=Patience(1, 0.2, 2, 0.01, 0.02))


def test_progress_between_failures_keeps_it_going(databento: DataBento, tmp_path: Path) -> None:
    content = CONTENT * 40  # 12 MB, cut seven times, though four failures in a row end it
    databento.add_job(JOB, {NAME: content})
    databento.then(NAME, *[cut_after(1_500_000)] * 7)
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == content
    assert len(databento.asked(NAME)) == 8


def test_bytes_that_come_again_and_again_are_no_progress(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT * 10})
    databento.then(NAME, *[ignoring_range_and_cut_after(2_000_000)] * 9)
    with pytest.raises(FetchError, match="failed 4 times in a row, at last: the connection was"):
        fetch(databento, tmp_path)


def test_failures_without_progress_end_it_and_keep_the_part(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, cut_after(150_000), *[status(503)] * 9)
    with pytest.raises(FetchError, match="failed 4 times in a row, at last: answered 503"):
        fetch(databento, tmp_path)
    assert names(tmp_path / JOB) == ["manifest.json", f"{NAME}.part"]
    databento.faults.clear()
    fetch(databento, tmp_path)
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT
    assert ranges(databento)[-1] is not None


def test_an_overloaded_server_is_asked_again_later_and_later(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, status(503), status(504), status(500))
    start_s = time.monotonic()
    fetch(databento, tmp_path, patience=Patience(2, 2, 4, first_pause_s=0.2))
    assert time.monotonic() - start_s >= (0.2 + 0.4 + 0.8) / 2
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT


def test_both_forms_of_retry_after_are_obeyed_within_bounds(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    databento.then(NAME, status(429, Retry_After="1"), status(429, Retry_After=later))
    start_s = time.monotonic()
    fetch(databento, tmp_path, patience=Patience(2, 2, 9, 0.01, longest_pause_s=1.5))
    assert 2.4 <= time.monotonic() - start_s < 20  # 1 s as asked, then 1.5 s instead of 60
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("value", "date", "asked_s"),
    [
        ("120", None, 120.0),
        ("Fri, 01 Jan 2100 00:01:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", 60.0),
        ("Fri, 01 Jan 2010 00:00:00 GMT", None, 0.0),
        ("soon", None, None),
        ("-5", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_retry_after_in_any_form_is_seconds_or_nothing(
    value: str | None, date: str | None, asked_s: float | None
) -> None:
    assert retry_after_s(value, date) == asked_s


def test_pauses_double_differ_and_stay_below_the_longest() -> None:
    patience = Patience(first_pause_s=1, longest_pause_s=10)
    for failures, ceiling_s in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (50, 10)):
        pauses = {patience.pause_s(failures) for _ in range(50)}
        assert len(pauses) > 40
        assert ceiling_s / 2 <= min(pauses) <= max(pauses) <= ceiling_s
    assert patience.pause_s(1, asked_s=3600) == 10


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [(401, AccountError, 4), (403, AccountError, 4), (404, FetchError, 1), (410, FetchError, 1)],
)
def test_an_answer_that_time_does_not_fix_is_not_asked_again(
    code: int, kind: type[TapeError], exit_code: int, databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, status(code, "the reason"))
    with pytest.raises(kind, match="the reason") as told:
        fetch(databento, tmp_path)
    assert told.value.exit_code == exit_code
    assert len(databento.asked(NAME)) == 1
    assert names(tmp_path / JOB) == ["manifest.json"]


def test_a_redirect_in_a_circle_ends_with_a_sentence(databento: DataBento, tmp_path: Path) -> None:
    job = databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, *[redirect(job.listed[NAME]["urls"]["https"])] * 40)
    with pytest.raises(FetchError, match="TooManyRedirects"):
        fetch(databento, tmp_path)


def test_files_come_side_by_side(databento: DataBento, tmp_path: Path) -> None:
    databento.add_job(JOB, {f"{n}.csv": b"x" * 10 for n in range(6)})
    together = threading.Barrier(3, timeout=5)

    def wait_for_others(handler: object, content: bytes) -> None:
        together.wait()
        slowly(10, 0)(handler, content)  # type: ignore[arg-type]

    for n in range(6):
        databento.then(f"/{n}.csv", wait_for_others)
    fetch(databento, tmp_path)
    assert len(names(tmp_path / JOB)) == 7


def test_two_fetches_of_one_job_do_not_write_over_each_other(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: CONTENT})
    databento.then(NAME, slowly(30_000, 0.1))
    first = threading.Thread(target=fetch, args=(databento, tmp_path))
    first.start()
    while not databento.asked(NAME):
        time.sleep(0.01)
    with pytest.raises(FetchError, match="another `tape fetch` is at work"):
        fetch(databento, tmp_path)
    first.join()
    assert (tmp_path / JOB / NAME).read_bytes() == CONTENT


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    databento: DataBento, tmp_path: Path
) -> None:
    databento.add_job(JOB, {NAME: b"\0" * 3_000_000})
    with small_disk.mounted(tmp_path / "small", 2) as disk:
        with pytest.raises(SettingsError, match=r"bytes free, but the files need 3,000,000 more"):
            fetch(databento, disk)
        assert databento.asked(NAME) == []


def test_a_disk_that_fills_up_on_the_way_is_told_and_the_next_run_goes_on(
    databento: DataBento, tmp_path: Path
) -> None:
    content = CONTENT * 10
    databento.add_job(JOB, {NAME: content})
    with small_disk.mounted(tmp_path / "small", 8) as disk:

        def filling(handler: object, body: bytes) -> None:
            small_disk.fill(disk, leave_bytes=1_000_000)
            slowly(1 << 20, 0)(handler, body)  # type: ignore[arg-type]

        databento.then(NAME, filling)
        with pytest.raises(OSError, match="No space left on device") as told:
            fetch(databento, disk)
        assert str(told.value.filename).endswith(f"{NAME}.part")
        assert not (disk / JOB / NAME).exists()
        (disk / "ballast").unlink()
        fetch(databento, disk)
        assert (disk / JOB / NAME).read_bytes() == content
        assert ranges(databento)[-1] is not None
