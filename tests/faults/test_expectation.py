"""What the fault bench expects is what the literal oracle says, read from the files by hand."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import zstandard

from tape.detection.parameters import Parameters
from tests import episode_oracle
from tests.episode_oracle import in_oracle_words
from tests.faults.bench import expected_of, write_steady_tape
from tests.oracle import Trade, judged


def nanoseconds(text: str) -> int:
    """The nanoseconds since 1970 of a time like 2025-03-03T14:00:00.123456789Z."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    assert len(fraction) == 9
    return int(datetime.fromisoformat(f"{second}+00:00").timestamp()) * 10**9 + int(fraction)


def tape_of(folder: Path) -> list[Trade]:
    """The trades of a folder's files, by Python's own csv reader."""
    trades = []
    for path in sorted(folder.glob("*.trades.csv.zst")):
        with zstandard.open(path, "rb") as file:
            for row in csv.DictReader(io.TextIOWrapper(file)):
                dollars, _, nanos = row["price"].partition(".")
                trades.append(
                    (
                        row["symbol"],
                        int(row["publisher_id"]),
                        nanoseconds(row["ts_event"]),
                        int(dollars) * 10**9 + int(nanos.ljust(9, "0")),
                        int(row["size"]),
                        ord(row["side"]),
                        int(row["sequence"]),
                    )
                )
    return trades


def test_the_expectation_of_the_fault_bench_is_the_oracles(tmp_path: Path) -> None:
    trades = write_steady_tape(tmp_path, 6)
    tape = tape_of(tmp_path)
    assert len(tape) == trades
    answers = judged(tape)
    by_oracle = {
        f"{symbol}-{publisher}-{ts}-{sequence}": (price, size, rules)
        for (symbol, publisher, ts, price, size, _, sequence), (_, rules) in zip(
            tape, answers, strict=True
        )
        if rules
    }
    expected = expected_of(tmp_path, Parameters())
    by_bench = {
        found["anomaly_id"]: (round(found["price"] * 1e9), found["size"], set(found["anomalies"]))
        for found in map(json.loads, expected.anomalies)
    }
    assert len(by_bench) == len(expected.anomalies)
    assert by_bench == by_oracle
    assert any("Isolation Forest" in rules for _, _, rules in by_oracle.values())

    ids, states = episode_oracle.told(tape, answers)
    for state in states:
        del state["at"]
    assert [in_oracle_words(value) for value in expected.episodes] == states
    assert {state["state"] for state in states} == {"opened", "extended", "closed"}
    in_anomalies = [json.loads(value)["episode_id"] for value in expected.anomalies]
    assert in_anomalies == [name for name in ids if name is not None]
