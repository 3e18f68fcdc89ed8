"""Files of another vendor through the apps: overlapping, packed, and with the apps killed."""

import gzip
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tape.archives import find_archives, read_tape
from tape.kafka.local.broker import LocalKafka
from tape.model.fields import NANOS, TIME_MAX_NS
from tests.apps import Pipeline
from tests.commands import tape
from tests.made_files import Row, changed, walk, written

pytestmark = pytest.mark.broker

COLUMNS = """
[columns]
ts_event = "Zeit"
price = "Kurs"
size = "Stück"
symbol = "Wert"
sequence = "Nummer"

[time]
unit = "iso"
order = "DMY"
zone = "Europe/Berlin"
"""
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def pipeline(
    kafka: LocalKafka, topic_names: Callable[[str], str], tmp_path: Path
) -> Iterator[Pipeline]:
    running = Pipeline(kafka.address, topic_names, tmp_path)
    yield running
    running.end()


def german(rows: list[Row]) -> str:
    lines = ["Nummer;Zeit;Kurs;Stück;Wert"]
    for nth, row in enumerate(rows):
        at = datetime.fromtimestamp(row.ts_event_ns // NANOS, BERLIN)
        time_text = f"{at:%d.%m.%Y %H:%M:%S},{row.ts_event_ns % NANOS:09d}"
        price = f"{row.price_nanos / NANOS:.2f}".replace(".", ",")
        number = row.sequence if nth % 5 else ""  # what is not numbered has an empty cell
        lines.append(f"{number};{time_text};{price};{row.size};{row.symbol}")
    return "\r\n".join([*lines, ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of two symbols that overlap all day, plain, in gzip and in a zip archive."""
    acme = changed(walk(4_000, symbol="ACME", every_s=1.5), 2_500, times=1.2)
    bolt = changed(walk(4_000, symbol="BOLT", cents=2_010, every_s=1.5), 3_000, size=400_000)
    rows = sorted([*acme, *bolt], key=lambda row: row.ts_event_ns)
    parts = [german(rows[n::3]).encode() for n in range(3)]
    data = tmp_path / "data"
    written(data / "tapewatch.toml", COLUMNS)
    written(data / "z.csv", parts[0])
    written(data / "a.csv.gz", gzip.compress(parts[1]))
    with zipfile.ZipFile(data / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/b.csv", parts[2])
    return data


@pytest.mark.full
def test_foreign_files_give_what_a_replay_gives_though_both_apps_are_killed(
    pipeline: Pipeline, folder: Path, tmp_path: Path
) -> None:
    batches = read_tape(find_archives(folder).archives, latest_ns=TIME_MAX_NS)
    expected = Counter(value for batch in batches for value in batch.values)
    assert expected.total() == 8_000
    ended = tape("replay", folder, "--output", tmp_path / "replayed.jsonl")
    assert ended.returncode == 0, ended.stderr
    flagged = (tmp_path / "replayed.jsonl").read_bytes().splitlines()
    assert any(b"Rapid Price Change" in value for value in flagged)
    assert any(b"High Volume" in value for value in flagged)

    for app in (pipeline.produce(folder, REPLAY_SPEED="600"), pipeline.detect()):
        pipeline.wait_until(lambda written, done: written > 500)
        if app is pipeline.started[1]:
            pipeline.wait_until(lambda written, done: done > 100)
        app.kill()
    count = len(pipeline.stocks())
    assert 0 < count < 8_000, "killed in the middle"
    pipeline.detect()
    assert pipeline.produce(folder).wait() == 0
    pipeline.wait_all_judged()
    assert Counter(pipeline.stocks()) == expected
    assert sorted(pipeline.anomalies()) == sorted(flagged)
