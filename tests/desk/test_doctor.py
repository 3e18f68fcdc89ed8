"""What the doctor says, without a broker: each fault is made, and found."""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tape.kafka.group import Look, Member, assigned
from tape.kafka.local.broker import free_port
from tape.model.counts import Counts
from tape.ops.doctor.configuration import check_secrets, check_settings
from tape.ops.doctor.endpoint import check_metrics
from tape.ops.doctor.files import check_data, check_state
from tape.ops.doctor.installation import Wanted, check_packages, check_python, wanted
from tape.ops.doctor.pipeline import Watch, judge_instances, judge_lag, judge_transactions
from tape.ops.doctor.trial import judge_clock
from tape.process.app_metrics import SILENT_S
from tape.process.metrics import Metrics
from tape.settings.detector import DetectorSettings
from tape.settings.load import load
from tape.testing import SettableClock
from tests.apps import ROOT

CANARY = "canary-51c0-not-to-be-seen"


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def doctor(*words: str, **env: str) -> tuple[int, dict[str, dict[str, object]], str]:
    """Exit code, findings by check, and everything that was written."""
    done = subprocess.run(
        [sys.executable, "-m", "tape", "doctor", "--json", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["well"] else 1)
    return done.returncode, {f["check"]: f for f in report["checks"]}, done.stdout + done.stderr


def test_without_a_broker_one_line_says_so_and_soon() -> None:
    before_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "tape", "doctor", "--help"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    start_s = time.monotonic()
    code, found, said = doctor(Quix__Broker__Address="127.0.0.1:1", KAFKA_SASL_PASSWORD=CANARY)
    assert code == 1
    waited_s = time.monotonic() - start_s - (start_s - before_s)  # without Python's own start
    assert waited_s < 9
    assert [name for name, f in found.items() if f["verdict"] == "problem"] == ["broker"]
    assert "no Kafka broker answered at 127.0.0.1:1" in str(found["broker"]["text"])
    assert "tape broker start" in str(found["broker"]["fix"])
    for name in ("topics", "lag", "instances", "transactions", "clock", "trial"):
        assert found[name]["verdict"] == "not checked"
        assert found[name]["text"] == "the broker cannot be used"
    assert CANARY not in said


def test_a_wrong_setting_ends_what_needs_it_and_keeps_the_secret() -> None:
    for env in (
        {"KAFKA_SASL_PASWORD": CANARY},
        {"KAFKA_SASL_PASSWORD": CANARY, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
        {"KAFKA_SASL_PASSWORD": CANARY, "WINDOW": "one"},
    ):
        code, found, said = doctor(**env)
        assert (code, found["settings"]["verdict"]) == (1, "problem")
        assert found["broker"]["text"] == "the settings cannot be used"
        assert CANARY not in said


def test_settings_say_where_they_came_from_and_secrets_are_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(f"WINDOW=500\nSTRIDE=7\nKAFKA_SASL_PASSWORD={CANARY}\n")
    monkeypatch.setenv("STRIDE", "9")
    finding, detector, producer = check_settings()
    assert detector is not None
    assert producer is not None
    assert finding.is_well
    assert finding.details == (
        "KAFKA_SASL_PASSWORD=********** from .env",
        "WINDOW=500 from .env",
        "STRIDE=9 from environment (overrides a different value in .env)",
    )
    assert detector.stride == 9


def test_this_installation_is_as_the_project_asks_and_another_is_not() -> None:
    asked = wanted()
    assert asked is not None
    assert check_python(asked).is_well
    assert check_packages(asked).is_well
    newer = Wanted(
        SpecifierSet(">=4"),
        {"": [Requirement("numpy<1"), Requirement("no-such-thing"), Requirement("rich")]},
    )
    assert check_python(newer).verdict == "problem"
    found = check_packages(newer)
    assert found.verdict == "problem"
    assert found.text.startswith("2 not as pyproject.toml asks: numpy 2")
    assert "no-such-thing is missing" in found.text


def test_an_installation_without_the_file_asks_what_pip_noted(tmp_path: Path) -> None:
    by_pip, by_file = wanted(tmp_path), wanted()
    assert by_pip is not None
    assert by_file is not None
    assert {r.name for r in by_pip.packages[""]} >= {"quixstreams", "numba", "rich"}
    assert {r.name for r in by_pip.packages["desk"]} >= {"exchange-calendars", "textual"}
    assert by_pip.python == by_file.python


def test_the_data_folder_is_missing_empty_damaged_or_well(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert (check_data(folder).verdict, check_data(folder).fix[:12]) == ("warning", "set DATA_DIR")
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    found = check_data(folder)
    assert (found.verdict, found.details) == (
        "warning",
        ("skipped: 1 × .txt: neither CSV, JSON nor DBN",),
    )
    (folder / "a.csv").write_text("ts_recv\n")
    assert check_data(folder).is_well
    (folder / "b.csv.zst").write_bytes(b"<html>")
    (folder / "c.dbn").touch()
    found = check_data(folder)
    assert found.verdict == "problem"
    assert found.text.endswith("cannot be used: b.csv.zst (not zstd), c.dbn (empty)")


def test_a_state_directory_is_not_made_and_a_file_in_its_place_is_found(tmp_path: Path) -> None:
    missing = tmp_path / "deep/state"
    found = check_state(missing)
    assert (found.is_well, "will be made" in found.text, missing.exists()) == (True, True, False)
    (tmp_path / "file").touch()
    assert check_state(tmp_path / "file").verdict == "problem"
    assert check_state(tmp_path / "file/state").verdict == "problem"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_directory_without_rights_is_found(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert check_state(tmp_path).verdict == "problem"
    assert check_state(tmp_path / "state").verdict == "problem"


def look(at_s: float, end: int, committed: int | None, *members: str, first: int = 0) -> Look:
    return Look(
        at_s=at_s,
        first={0: first},
        end={0: end},
        committed={} if committed is None else {0: committed},
        members=tuple(Member(name, f"{name}-1", "10.0.0.1", 1) for name in members),
        moving=False,
    )


@pytest.mark.parametrize(
    ("first", "last", "verdict", "words"),
    [
        (look(0, 0, None), look(5, 0, None), "ok", "no detector of g is running"),
        (look(0, 9, 9), look(5, 9, 9), "ok", "no lag"),
        (look(0, 9, 4), look(5, 9, 4), "problem", "5 trades wait and no detector"),
        (look(0, 9, 9, "a"), look(5, 59, 59, "a"), "ok", "10 trades/s in and out"),
        (look(0, 9, 4, "a"), look(5, 9, 4, "a"), "problem", "none was committed within 5 s"),
        (look(0, 900, 0, "a"), look(5, 900, 500, "a"), "ok", "caught up in about 4 s"),
        (look(0, 900, 0, "a"), look(5, 9_000, 50, "a"), "warning", "the lag is growing"),
        (look(0, 900, 5, "a"), look(5, 900, 5, "a", first=25), "problem", "20 trades were deleted"),
    ],
)
def test_two_looks_tell_the_lag_and_its_trend(
    first: Look, last: Look, verdict: str, words: str
) -> None:
    found = judge_lag("g", Watch(first, last, {}, {}))
    assert (found.verdict, words in found.text) == (verdict, True), found


@pytest.mark.parametrize(("ids", "verdict"), [(1, "ok"), (2, "warning"), (4, "problem")])
def test_two_processes_by_one_name_are_found(ids: int, verdict: str) -> None:
    last = look(5, 9, 9, "a")
    seen = {"a": {str(n): Member("a", str(n), f"10.0.0.{n}", 1) for n in range(ids)}}
    found = judge_instances(Watch(look(0, 9, 9, "a"), last, {}, {}, seen))
    assert found.verdict == verdict
    assert ("10.0.0.0, 10.0.0.1" in found.text) is (ids > 1)


@pytest.mark.parametrize(
    ("before", "after", "well"),
    [({}, {}, True), ({0: 7}, {}, True), ({0: 7}, {0: 9}, True), ({0: 7, 1: 3}, {0: 7}, False)],
)
def test_a_transaction_that_stays_open_is_found(
    before: dict[int, int], after: dict[int, int], well: bool
) -> None:
    found = judge_transactions("anomalies", Watch(look(0, 9, 9), look(5, 9, 9), before, after))
    assert found.is_well is well


@pytest.mark.parametrize(
    ("ahead_s", "verdict"),
    [
        (None, "not checked"),
        (0.2, "ok"),
        (-1.4, "ok"),
        (1.6, "warning"),
        (-90, "warning"),
        (4_000, "problem"),
    ],
)
def test_a_clock_that_is_off_is_told_beyond_doubt_only(ahead_s: float | None, verdict: str) -> None:
    assert judge_clock(ahead_s, 0.5).verdict == verdict


def test_the_metrics_endpoint_answers_or_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_metrics(load(DetectorSettings)).verdict == "not checked"
    port = free_port()
    monkeypatch.setenv("METRICS_PORT", str(port))
    monkeypatch.setenv("METRICS_HOST", "0.0.0.0")  # noqa: S104 - set, not bound
    settings = load(DetectorSettings)
    found = check_metrics(settings)
    assert (found.verdict, "nobody answers" in found.text) == ("warning", True), found
    clock = SettableClock()
    metrics = Metrics("anomaly_detector", Counts(), clock)
    end = metrics.serve("127.0.0.1", port)
    found = check_metrics(settings)
    assert (found.verdict, "anomaly_detector: at work" in found.text) == ("ok", True), found
    clock.advance(SILENT_S + 1)
    found = check_metrics(settings)
    assert (found.verdict, "answers 503" in found.text) == ("problem", True), found
    end()


def test_another_program_on_the_metrics_port_is_not_taken_for_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello <b>")

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("METRICS_PORT", str(server.server_port))
        found = check_metrics(load(DetectorSettings))
        server.shutdown()
    assert (found.verdict, "is not Tapewatch's" in found.text) == ("warning", True), found


def test_an_assignment_is_read_in_kafkas_own_form() -> None:
    """Bytes by hand: version 1; "stocks" with partitions 0 and 3, "other" with 2; user data."""
    raw = (
        b"\x00\x01\x00\x00\x00\x02"
        b"\x00\x06stocks\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03"
        b"\x00\x05other\x00\x00\x00\x01\x00\x00\x00\x02"
        b"\xff\xff\xff\xff"
    )
    assert (assigned(raw, "stocks"), assigned(raw, "other"), assigned(raw, "none")) == (2, 1, 0)
    for end in range(len(raw)):
        assert assigned(raw[:end], "stocks") in (0, 2)
    assert assigned(None, "stocks") == 0


@pytest.mark.parametrize(
    ("mode", "verdict"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warning"), (0o644, "warning")]
)
def test_a_dotenv_that_others_can_read_is_a_warning_with_the_command_that_cures_it(
    mode: int, verdict: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=INFO\n")
    (tmp_path / ".env").chmod(mode)
    finding = check_secrets()
    assert finding.verdict == verdict
    assert (finding.fix == "chmod 600 .env") == (verdict == "warning")
    assert f"{mode:04o}" in finding.text or verdict == "ok"
    if verdict == "warning":
        subprocess.run(finding.fix.split(), check=True)
        assert check_secrets().verdict == "ok"


def test_the_doctor_looks_at_dotenv_also_where_it_cannot_use_the_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WINDOW=one\n")
    (tmp_path / ".env").chmod(0o644)
    code, found, _ = doctor()
    assert (code, found["secrets"]["verdict"]) == (1, "warning")
