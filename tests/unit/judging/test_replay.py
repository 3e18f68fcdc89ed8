"""`tape replay` as a user runs it; answers come from the whole tape's messages and from pandas."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tape.cli import app
from tape.desk.summary import findings
from tape.errors import SettingsError
from tape.synthetic import make_day, write_day
from tests import episode_oracle

NAMES = ["AAA", "BBB"]


def replay(*words: str | Path, code: int = 0) -> dict[str, object]:
    """Run the command and return its summary."""
    done = CliRunner().invoke(app, ["replay", *map(str, words), "--json"])
    assert done.exit_code == code, done.output
    summary: dict[str, object] = json.loads(done.stdout)
    return summary


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    for seed, day in ((1, date(2025, 3, 3)), (2, date(2025, 3, 4))):
        write_day(make_day(seed, NAMES, 12_000, day), folder)
    return folder


@pytest.fixture(scope="module")
def rows(days: Path) -> pd.DataFrame:
    files = sorted(p for p in days.glob("*.csv.zst"))
    return pd.concat([pd.read_csv(file, dtype={"ts_event": str}) for file in files])


@pytest.fixture(scope="module")
def whole(days: Path) -> list[bytes]:
    """Every anomaly of the two days; tests/pipeline holds these bytes against the oracle."""
    replay(days, "--output", days / "whole.jsonl")
    lines = (days / "whole.jsonl").read_bytes().splitlines()
    assert len(lines) > 100
    return lines


def test_one_symbol_is_judged_as_in_the_whole_tape(
    days: Path, whole: list[bytes], rows: pd.DataFrame, tmp_path: Path
) -> None:
    summary = replay(days, "--symbols", "BBB", "--output", tmp_path / "b.jsonl")
    expected = [line for line in whole if json.loads(line)["symbol"] == "BBB"]
    assert (tmp_path / "b.jsonl").read_bytes().splitlines() == expected
    assert summary["trades"] == (rows["symbol"] == "BBB").sum()


def test_a_part_of_the_tape_has_the_verdicts_of_the_whole(
    days: Path, whole: list[bytes], rows: pd.DataFrame, tmp_path: Path
) -> None:
    start, end = "2025-03-03T18:00", "2025-03-04T16:00"
    output = tmp_path / "part.jsonl"
    summary = replay(days, "--from", start, "--to", end, "--output", output)
    expected = [line for line in whole if start <= json.loads(line)["ts_event"] < end]
    assert 0 < len(expected) < len(whole)
    assert output.read_bytes().splitlines() == expected
    assert summary["trades"] == rows["ts_event"].between(start, end, inclusive="left").sum()


def test_a_bare_day_is_included(days: Path, rows: pd.DataFrame) -> None:
    summary = replay(days, "--from", "2025-03-03", "--to", "2025-03-03")
    assert summary["trades"] == rows["ts_event"].str.startswith("2025-03-03").sum() > 0


def test_a_limit_counts_the_trades_of_the_part(
    days: Path, whole: list[bytes], rows: pd.DataFrame, tmp_path: Path
) -> None:
    output = tmp_path / "some.jsonl"
    summary = replay(days, "--from", "2025-03-04", "--limit", "5000", "--output", output)
    assert summary["trades"] == 5_000
    part = rows[rows["ts_event"] >= "2025-03-04"].head(5_000)
    wanted = set(zip(part["symbol"], part["ts_event"], part["sequence"], strict=True))
    fields = ("symbol", "ts_event", "sequence")
    expected = [w for w in whole if tuple(json.loads(w)[name] for name in fields) in wanted]
    assert output.read_bytes().splitlines() == expected != []


def test_csv_and_parquet_say_what_the_messages_say(
    days: Path, whole: list[bytes], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    for suffix in ("csv", "parquet"):
        replay(days, "--output", tmp_path / f"a.{suffix}")
    said = [json.loads(line) for line in whole]
    table = pd.read_csv(tmp_path / "a.csv", keep_default_na=False)
    parquet = pd.read_parquet(tmp_path / "a.parquet")
    for name in ("anomaly_id", "symbol", "price", "size", "sequence"):
        values = [one[name] for one in said]
        assert table[name].tolist() == values
        assert parquet[name].tolist() == values
    assert table["ts_event"].tolist() == [one["ts_event"] for one in said]
    assert table["anomalies"].tolist() == ["; ".join(one["anomalies"]) for one in said]
    times = pd.to_datetime([one["ts_event"] for one in said])
    assert [t.value for t in parquet["ts_event"]] == [t.value for t in times]
    assert [list(a) for a in parquet["anomalies"]] == [one["anomalies"] for one in said]
    texts = [[reason["text"] for reason in one] for one in parquet["reasons"]]
    assert texts == [[reason["text"] for reason in one["reasons"]] for one in said]


def test_the_summary_counts_rules_and_symbols(days: Path, whole: list[bytes]) -> None:
    summary = replay(days, days)  # named twice, judged once
    said = [json.loads(line) for line in whole]
    assert summary["flagged"] == len(said)
    assert summary["by_rule"] == Counter(rule for one in said for rule in one["anomalies"])
    for name in NAMES:
        mine = Counter(r for one in said if one["symbol"] == name for r in one["anomalies"])
        assert summary["by_symbol"][name] == mine  # type: ignore[index]
    assert summary["telling"] == told(said)


def told(said: list[dict[str, object]]) -> list[dict[str, object]]:
    """The ten most telling, the slow way: sort everything, keep one per episode."""

    def rank(one: dict) -> tuple[float, float, int, float]:  # type: ignore[type-arg]
        beyond = [abs(r["value"] / r["threshold"]) for r in one["reasons"] if r["threshold"]]
        more = len(one["anomalies"]), max(beyond, default=0.0)
        return one["priority"], one.get("severity", -1.0), *more

    kept: dict[str, dict[str, object]] = {}
    for one in sorted(said, key=rank, reverse=True):
        kept.setdefault(str(one["episode_id"]), one)
    return list(kept.values())[:10]


def test_the_most_telling_are_the_same_in_any_amount(whole: list[bytes]) -> None:
    for count in (1, 7, 50, len(whole)):
        said = [json.loads(line) for line in whole[:count]]
        found = findings(whole[:count])
        assert [json.loads(bytes(one)) for one in found.messages] == told(said)
        assert found.episodes == len({one["episode_id"] for one in said})


def test_a_picture_is_made(days: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    replay(days, "--plot", tmp_path / "day.png")
    assert (tmp_path / "day.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert (tmp_path / "day.png").stat().st_size > 10_000


def test_a_picture_of_one_anomaly_marks_what_is_flagged_around_it(
    days: Path, whole: list[bytes], rows: pd.DataFrame, tmp_path: Path
) -> None:
    """Points, bars and words are read back from the picture, as SVG holds them."""
    pytest.importorskip("matplotlib")
    said = [json.loads(line) for line in whole]
    episodes = Counter(one["episode_id"] for one in said)
    several = {name for name, count in episodes.items() if 3 <= count <= 60}
    middle = [n for n, one in enumerate(said) if one["episode_id"] in several]
    one = said[middle[len(middle) // 2]]
    replay(days, "--anomaly", one["anomaly_id"], "--plot", tmp_path / "one.svg")
    own = rows[rows["symbol"] == one["symbol"]].reset_index(drop=True)
    place = own.index[(own["ts_event"] == one["ts_event"]) & (own["sequence"] == one["sequence"])]
    around = own.loc[max(place[0] - 100, 0) : place[0] + 100]
    keys = set(zip(around["ts_event"], around["sequence"], strict=True))
    near = [
        s for s in said if s["symbol"] == one["symbol"] and (s["ts_event"], s["sequence"]) in keys
    ]
    picture = (tmp_path / "one.svg").read_text()
    in_episode = sum(s["episode_id"] == one["episode_id"] for s in near)
    assert f"<!-- flagged, of its episode: {in_episode} -->" in picture
    if in_episode < len(near):
        assert f"<!-- flagged, of other episodes: {len(near) - in_episode} -->" in picture
    assert f"<!-- {one['symbol']}, {one['ts_event']}: " in picture
    assert one["reasons"][0]["text"].split(";")[0] in picture


def test_a_picture_of_a_calibrated_anomaly_shows_the_shares_of_the_rarity(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("PROFILE", "calibrated")
    replay(days, "--output", tmp_path / "a.jsonl")
    one = json.loads((tmp_path / "a.jsonl").read_bytes().splitlines()[-1])
    replay(days, "--anomaly", one["anomaly_id"], "--plot", tmp_path / "one.svg")
    picture = (tmp_path / "one.svg").read_text()
    assert len(one["features"]) == 6
    for feature in one["features"]:
        assert f"<!-- {feature['name']} -->" in picture
    worth = f"severity {one['severity']:.1f}, priority {one['priority']:.1f}, {one['context']}"
    assert worth in picture


def test_a_wrong_id_is_told_with_the_nearest(
    days: Path, whole: list[bytes], rows: pd.DataFrame, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    said = [json.loads(line) for line in whole]
    last = [one for one in said if one["symbol"] == "BBB"][-1]["anomaly_id"]
    count = sum(one["symbol"] == "BBB" for one in said)
    flagged = {(one["ts_event"], one["sequence"]) for one in said}
    ordinary = next(
        row
        for row in rows[rows["symbol"] == "BBB"].itertuples()
        if (row.ts_event, row.sequence) not in flagged
    )
    at_ns = pd.Timestamp(ordinary.ts_event).value
    there = f"BBB-{ordinary.publisher_id}-{at_ns}-{ordinary.sequence}"
    for wrong, told in (
        (last + "1", f"no such trade in these files; {count:,} of BBB are flagged"),
        (last + "1", f"the nearest in time is {last}"),
        (there, "the trade is in these files but not flagged with these settings"),
        ("ZZZ-1-1-1", "of ZZZ none is flagged at all"),
        ("NVDA", "is not the id of an anomaly"),
    ):
        words = ["replay", str(days), "--anomaly", wrong, "--plot", str(tmp_path / "a.png")]
        with pytest.raises(SettingsError) as caught:
            CliRunner().invoke(app, words, catch_exceptions=False)
        assert told in str(caught.value)
        assert not (tmp_path / "a.png").exists()
    with pytest.raises(SettingsError, match="--anomaly needs --plot"):
        CliRunner().invoke(app, ["replay", str(days), "--anomaly", last], catch_exceptions=False)


def test_a_damaged_file_is_named_and_the_rest_judged(days: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.trades.csv.zst"
    first = min(days.glob("*.csv.zst"))
    cut.write_bytes(first.read_bytes()[:-1_000])
    summary = replay(cut, code=2)
    assert summary["rejected"] == {"archive_truncated": 1}
    assert "cut.trades.csv.zst" in summary["damaged"][0]  # type: ignore[index]
    assert summary["trades"] > 0  # type: ignore[operator]


@pytest.fixture(scope="module")
def states(days: Path, rows: pd.DataFrame, whole: list[bytes]) -> list[dict[str, Any]]:
    """Every state of every episode of the two days, as the literal oracle tells them."""
    rules = {one["anomaly_id"]: set(one["anomalies"]) for one in map(json.loads, whole)}
    tape = []
    row: Any
    for row in rows.itertuples():
        ns = pd.Timestamp(row.ts_event).value
        price = round(row.price * 1e9)
        side = ord(row.side)
        tape.append((row.symbol, row.publisher_id, ns, price, row.size, side, row.sequence))
    answers = [("NEW", rules.get(f"{t[0]}-{t[1]}-{t[2]}-{t[6]}", set())) for t in tape]
    ids, told_states = episode_oracle.told(tape, answers)
    named = [name for name in ids if name is not None]
    assert named == [json.loads(one)["episode_id"] for one in whole]
    assert 10 < len(set(named)) < len(named)
    return told_states


def test_the_episodes_written_are_those_of_the_oracle(
    days: Path, states: list[dict[str, Any]], tmp_path: Path
) -> None:
    summary = replay(days, "--episodes", tmp_path / "e.jsonl")
    lines = (tmp_path / "e.jsonl").read_bytes().splitlines()
    assert [episode_oracle.in_oracle_words(line) for line in lines] == [
        {name: value for name, value in state.items() if name != "at"} for state in states
    ]
    counts = Counter(s["state"] for s in states) + Counter(s["mark"] for s in states)
    names = ("opened", "closed", "bad print", "spike", "move")
    assert summary["episodes"] == {name: counts[name] for name in names}


def test_a_part_of_the_tape_has_the_episodes_of_the_whole(days: Path, tmp_path: Path) -> None:
    """An episode that began before the part continues in it."""
    replay(days, "--episodes", tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_bytes().splitlines()
    middle = next(
        state["last_ts_event"]
        for state in map(json.loads, whole)
        if state["state"] == "extended" and state["first_ts_event"] < state["last_ts_event"]
    )
    replay(days, "--from", middle, "--episodes", tmp_path / "part.jsonl")
    part = (tmp_path / "part.jsonl").read_bytes().splitlines()
    assert b'"extended"' in part[0]
    assert part == whole[-len(part) :]


def test_a_table_of_episodes_has_the_closed_ones_of_the_lines(days: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for suffix in ("jsonl", "csv", "parquet"):
        replay(days, "--episodes", tmp_path / f"e.{suffix}")
    said = map(json.loads, (tmp_path / "e.jsonl").read_bytes().splitlines())
    closed = [one for one in said if one["state"] == "closed"]
    table = pd.read_csv(tmp_path / "e.csv", keep_default_na=False)
    parquet = pd.read_parquet(tmp_path / "e.parquet")
    for name in ("episode_id", "reason", "priority", "shares", "notional_usd", "duration_s"):
        values = [one[name] for one in closed]
        assert table[name].tolist() == values
        assert parquet[name].tolist() == values
    assert table["mark"].tolist() == [one["mark"] or "" for one in closed]
    assert [dict(one) for one in parquet["rules"]] == [one["rules"] for one in closed]


@pytest.mark.parametrize("name", ["e.xlsx", "a.jsonl"])
def test_a_file_that_cannot_take_episodes_is_named(days: Path, name: str, tmp_path: Path) -> None:
    words = ["--output", tmp_path / "a.jsonl", "--episodes", tmp_path / name]
    with pytest.raises(SettingsError, match=name):
        CliRunner().invoke(app, ["replay", str(days), *map(str, words)], catch_exceptions=False)
