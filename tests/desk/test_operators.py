"""What an operator gets wrong is answered with one sentence, an exit code and no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tape.errors import BrokerAwayError, BrokerError, StateError
from tape.kafka.connect import ready_broker
from tape.kafka.local.broker import LocalKafka
from tape.streaming.detector_app import ensure_writable

ROOT = Path(__file__).resolve().parents[2]


def tape(*words: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tape", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


def one_sentence(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    one_sentence(tape("replay", str(tmp_path / "missing")), 2, "missing", "does not exist")


def test_a_folder_without_a_trade_file(tmp_path: Path) -> None:
    remedy = f"tape synth --output {tmp_path}"
    one_sentence(tape("replay", str(tmp_path)), 2, str(tmp_path), "holds no trade file", remedy)


def test_a_misspelt_flag_and_a_misspelt_setting(tmp_path: Path) -> None:
    one_sentence(tape("replay", str(tmp_path), "--ouput", "x"), 2, "--ouput")
    misspelt = tape("replay", str(tmp_path), VOLUME_TRESHOLD="5")
    one_sentence(misspelt, 4, "VOLUME_THRESHOLD")


def test_the_apps_refuse_a_wrong_setting_before_anything_else(tmp_path: Path) -> None:
    for app, name in (("producer", "REPLAY_SPEED"), ("anomaly_detector", "WINDOW")):
        done = subprocess.run(
            [sys.executable, str(ROOT / app / "main.py")],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, name: "-1"},
        )
        one_sentence(done, 4, name)


def test_the_producer_says_that_its_folder_is_empty_before_it_waits_for_a_broker(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "producer" / "main.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "DATA_DIR": str(tmp_path)},
    )
    one_sentence(done, 2, str(tmp_path))


def test_a_broker_that_does_not_answer_is_named_after_the_limit() -> None:
    with pytest.raises(BrokerAwayError, match=r"127\.0\.0\.1:1 within 1 s.*Quix__Broker__Address"):
        ready_broker({"bootstrap.servers": "127.0.0.1:1"}, [], wait_s=1)


def test_a_busy_port_is_named_before_kafka_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port}.*taken"):
            LocalKafka(tmp_path, port).start()


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_text("a file")
    with pytest.raises(StateError, match="Quix__Deployment__State__Path"):
        ensure_writable(in_the_way)


@pytest.mark.parametrize(
    "words",
    [["tune", "-o", "t.toml"], ["evaluate", "--plot", "p.png"], ["inspect", "--plot", "p.png"]],
)
def test_an_output_that_cannot_be_written_is_told_before_any_work(
    tmp_path: Path, words: list[str]
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    command, option, name = words
    done = tape(command, "no such day", option, str(in_the_way / name))
    one_sentence(done, 4, f"cannot write {in_the_way / name}")


def test_an_output_that_cannot_be_written_leaves_nothing_half_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert tape("synth", "--output", str(folder), "--trades", "2000").returncode == 0
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    done = tape("replay", str(folder), "--output", str(in_the_way / "out.jsonl"))
    one_sentence(done, 4, "cannot write")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("words", "env", "code"),
    [
        (["replay", "x" * 300], {}, 2),
        (["replay", ".", "--output", "x" * 300 + ".jsonl"], {}, 4),
        (["replay", "."], {"KAFKA_SSL_CA_FILE": "x" * 300}, 4),
    ],
)
def test_a_name_that_no_disk_takes_is_one_sentence(
    words: list[str], env: dict[str, str], code: int, tmp_path: Path
) -> None:
    place = tmp_path if words[1] == "." else tmp_path / words[1]
    one_sentence(tape("replay", str(place), *words[2:], **env), code, "too long")


@pytest.mark.parametrize("app", ["producer", "anomaly_detector"])
@pytest.mark.parametrize("word", ["--help", "day.csv.zst"])
def test_a_word_behind_an_app_is_not_passed_over(app: str, word: str, tmp_path: Path) -> None:
    """The producer would send another folder than the file that was named."""
    done = subprocess.run(
        [sys.executable, str(ROOT / app / "main.py"), word],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    one_sentence(done, 4, word, "tape settings", "DATA_DIR")


@pytest.mark.parametrize(
    "words",
    [
        ["--day", "9999-12-31"],
        ["--day", "1600-03-03"],
        ["--day", "1969-03-03"],
        ["--day", "2099-12-30", "--days", "3"],
        ["--days", "1000000"],
    ],
)
def test_no_synthetic_day_is_made_that_nothing_reads(words: list[str], tmp_path: Path) -> None:
    done = tape("synth", "-o", str(tmp_path / "out"), "--trades", "100", *words)
    one_sentence(done, 4, "days from 2000-01-03 to 2099-12-30")
    assert not (tmp_path / "out").exists()


def test_a_time_beyond_all_that_is_read_is_not_held_against_an_option_not_given(
    tmp_path: Path,
) -> None:
    done = tape("replay", str(tmp_path), "--from", "9999-12-31")
    one_sentence(done, 4, "--from 9999-12-31: no trade is read of that time")
    assert "--to" not in done.stderr
