"""What our own commands wrote is told by its content, and is no day of trades."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tape.archives import find_archives
from tape.errors import ArchiveError
from tape.process.origin import made_here, own_output
from tape.process.own_folder import make_own
from tape.synthetic import inject, make_day, write_day
from tests.commands import tape

TRADES = 4_000
SHORT = {"ALERTS_PER_10K": "50", "VOLUME_THRESHOLD": "300"}


@pytest.fixture(scope="module")
def wrote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a day, and beside it all that our commands write about it."""
    place = tmp_path_factory.mktemp("wrote")
    day = place / "days" / "synthetic-20250303.trades.csv.zst"
    write_day(make_day(trades=TRADES, symbols=["ACME"]), day.parent)
    for suffix in ("jsonl", "csv", "parquet"):
        out = place / f"anomalies.{suffix}"
        words = ["replay", day, "--output", out, "--episodes", place / "episodes.jsonl"]
        assert tape(*words, "--force", "--plot", place / "day.png", **SHORT).returncode == 0
        assert out.stat().st_size > 2_000
    (place / "replay.json").write_text(tape("replay", day, **SHORT).stdout)
    (place / "inspect.json").write_text(tape("inspect", day).stdout)
    assert tape("tune", day, "--output", place / "thresholds.toml").returncode == 0
    ended = tape("inspect", day, "--suggest-columns", "--output", place / "suggested.toml")
    assert ended.returncode in (0, 2)
    return place


OUTPUTS = {
    "anomalies.jsonl": "anomalies written by tape replay",
    "anomalies.csv": "anomalies written by tape replay",
    "anomalies.parquet": "anomalies written by tape replay",
    "episodes.jsonl": "episodes written by tape replay",
    "days/synthetic-20250303.labels.csv": "labels",
    "day.png": "a picture drawn by tape",
    "replay.json": "a report of tape",
    "inspect.json": "a report of tape",
    "thresholds.toml": "thresholds written by tape tune",
    "suggested.toml": "a columns file suggested by tape inspect",
}


def as_it_is(data: bytes) -> bytes:
    return data


def by_a_spreadsheet(data: bytes) -> bytes:
    text = data.replace(b",", b";") if data.startswith(b"ts_recv") else data
    return b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "as it is": (as_it_is, ""),
    "gzip": (gzip.compress, ".gz"),
    "zstd": (zstandard.compress, ".zst"),
}


@pytest.mark.parametrize("named", ["own", "trades.csv", "trades.json", "csv", "dat", ""])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_beside_a_day_is_skipped_by_its_content_whatever_its_name(
    output: str, change: str, named: str, wrote: Path, tmp_path: Path
) -> None:
    pack, suffix = CHANGES[change]
    if output.endswith((".parquet", ".png")) and suffix:
        pytest.skip("packed tables and pictures are no trades by their names")
    name = Path(output).name if named == "own" else f"other{'.' if named else ''}{named}"
    (tmp_path / f"{name}{suffix}").write_bytes(pack((wrote / output).read_bytes()))
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path, "good")
    (tmp_path / "good.labels.csv").unlink()
    found = find_archives(tmp_path)
    assert [one.path.name for one in found.archives] == ["good.trades.csv.zst"]
    (skipped,) = found.skipped
    assert skipped.reason.startswith(OUTPUTS[output])
    assert found.is_whole


@pytest.mark.parametrize("output", ["anomalies.csv", "anomalies.jsonl", "episodes.jsonl"])
def test_an_output_that_was_saved_again_by_another_program_is_still_ours(
    output: str, wrote: Path
) -> None:
    data = by_a_spreadsheet((wrote / output).read_bytes())
    assert str(own_output(data)).startswith(OUTPUTS[output])


def test_outputs_in_a_zip_archive_beside_a_day_are_skipped(wrote: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "job.zip", "w") as archive:
        for output in OUTPUTS:
            archive.write(wrote / output, output)
        archive.write(next(wrote.glob("days/*.zst")), "a.trades.csv.zst")
    found = find_archives(tmp_path)
    assert len(found.archives) == 1
    assert found.is_whole
    assert len(found.skipped) == len(OUTPUTS)


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_that_is_named_itself_is_refused_in_one_sentence(
    output: str, wrote: Path
) -> None:
    ended = tape("replay", wrote / output)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert OUTPUTS[output] in line


@pytest.mark.parametrize(
    "words",
    [
        ["replay"],
        ["inspect"],
        ["tune", "--force", "--output", "{}/t.toml"],
        ["inject", "--output", "{}/injected", "--anomalies", "7"],
        ["evaluate", "--profiles", "classic", "--anomalies", "7", "--draws", "0"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_reads_the_day_among_outputs_and_ends_with_0(
    words: list[str], wrote: Path, tmp_path: Path
) -> None:
    command, *options = (word.format(tmp_path) for word in words)
    ended = tape(command, wrote, *options)
    assert ended.returncode == 0, ended.stderr
    for reason in set(OUTPUTS.values()) - {"labels"}:
        assert reason in ended.stderr, reason


def test_an_injected_day_stays_an_input(tmp_path: Path) -> None:
    made = inject(make_day(trades=3_000, symbols=["ACME"]), seed=1, anomalies=7)
    path = write_day(made, tmp_path)
    assert made_here(path)
    assert [one.path for one in find_archives(path).archives] == [path]
    assert [one.path for one in find_archives(tmp_path).archives] == [path]


def test_a_message_of_stocks_is_a_trade_and_one_of_anomalies_is_none(wrote: Path) -> None:
    line = (wrote / "anomalies.jsonl").read_bytes().partition(b"\n")[0]
    trade = line[: line.index(b',"anomaly_id"')] + b"}"
    assert own_output(line) is not None
    assert own_output(trade) is None


def test_what_a_run_left_in_its_folder_is_not_entered(tmp_path: Path) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path, "good")
    make_own(tmp_path / "demo")
    write_day(make_day(trades=1_000, symbols=["ACME"], seed=2), tmp_path / "demo" / "synthetic")
    assert [one.path.parent for one in find_archives(tmp_path).archives] == [tmp_path]
    (told,) = [one for one in find_archives(tmp_path).skipped if one.path.name == "demo"]
    assert "made by a run of tape" in told.reason
    assert not told.may_hold_trades
    (named,) = find_archives(tmp_path / "demo").archives
    assert named.path.parent.name == "synthetic"


def test_what_a_killed_command_left_half_written_is_said_to_be_that(tmp_path: Path) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path, "good")
    (tmp_path / ".a.jsonl.0123456789abcdef.part").write_text("half")
    reasons = {one.reason for one in find_archives(tmp_path).skipped}
    assert "an output of tape that was not finished" in reasons
    assert find_archives(tmp_path).is_whole


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path / "days")
    (tmp_path / "link").symlink_to(tmp_path)
    out, same = tmp_path / "a.jsonl", tmp_path / "link" / "a.jsonl"
    ended = tape("replay", tmp_path / "days", "--output", out, "--episodes", same)
    assert (ended.returncode, "name two files" in ended.stderr) == (4, True)
    assert not out.exists()


def test_an_output_in_the_folder_of_the_days_is_replaced_by_the_next_run(tmp_path: Path) -> None:
    write_day(make_day(trades=1_000, symbols=["ACME"]), tmp_path)
    out = tmp_path / "anomalies.csv"
    for _ in range(2):
        assert tape("replay", tmp_path, "--output", out, **SHORT).returncode == 0
    named = tape("replay", tmp_path / "synthetic-20250303.trades.csv.zst", out, "--output", out)
    assert (named.returncode, "is an input" in named.stderr) == (4, True)


def test_nothing_but_outputs_is_no_input(wrote: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((wrote / "anomalies.csv").read_bytes())
    with pytest.raises(ArchiveError, match="anomalies written by tape replay"):
        find_archives(tmp_path)
