"""The clean tape is held against what `tape replay` writes, its bars against a literal oracle."""

import csv
import io
import json
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zstandard

from tape.archives import find_archives
from tape.desk.clean_tape.bar_making import BarMaking
from tape.desk.clean_tape.scored import Scoring
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay
from tape.market.bars import every_ns
from tape.model.counts import Counts
from tape.synthetic import inject, make_day, write_day
from tests import bar_oracle
from tests.commands import Ended, tape

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

pytest.importorskip("pyarrow")

NAMES = ["AAA", "BBB"]
PROFILES = ("calibrated", "classic", "classic,calibrated")
SENSITIVE = {"ALERTS_PER_10K": "20", "VOLUME_THRESHOLD": "2000"}
HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,"
    "ts_in_delta,sequence,symbol"
)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days with injected anomalies, and beside them what replay says by each profile."""
    folder = tmp_path_factory.mktemp("days")
    for seed, day in ((1, date(2025, 3, 3)), (2, date(2025, 3, 4))):
        write_day(inject(make_day(seed, NAMES, 12_000, day), seed=seed, anomalies=42), folder)
    return folder


def done(*words: str | Path, profile: str = "calibrated", code: int = 0) -> dict[str, Any]:
    """Run a command and return its summary."""
    ended = ran(*words, profile=profile)
    assert ended.returncode == code, ended.stderr
    summary: dict[str, Any] = json.loads(ended.stdout)
    return summary


def ran(*words: str | Path, profile: str = "calibrated") -> Ended:
    return tape(*words, PROFILE=profile, **SENSITIVE)


@pytest.fixture(scope="module", params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def replayed(days: Path, profile: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The anomalies and the states of episodes that replay writes."""
    to = {name: days / f"{profile}-{name}.jsonl" for name in ("anomalies", "episodes")}
    words = ["replay", days, "--output", to["anomalies"], "--episodes", to["episodes"]]
    done(*words, profile=profile)
    anomalies, episodes = (
        [json.loads(line) for line in path.read_bytes().splitlines()] for path in to.values()
    )
    assert len(anomalies) > 20
    return anomalies, episodes


@pytest.fixture(scope="module")
def scored(days: Path, profile: str, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("scored") / "scores.parquet"
    summary = done("score", days, "--output", path, profile=profile)
    table = pd.read_parquet(path)
    assert summary["judged"] == summary["written"] == summary["rows"] == len(table)
    assert summary["flagged"] == table["flagged"].sum()
    assert summary["unusable"] == (~table["usable"]).sum()
    return table


def known(value: object) -> object:
    return None if pd.isna(value) else value  # type: ignore[call-overload]


def test_flagged_rows_are_the_anomalies_of_replay(
    scored: pd.DataFrame, replayed: tuple[list[dict[str, Any]], list[dict[str, Any]]]
) -> None:
    flagged = scored[scored["flagged"]]
    assert len(flagged) == len(replayed[0])
    for row, said in zip(flagged.to_dict("records"), replayed[0], strict=True):
        for name in ("symbol", "publisher_id", "sequence", "side", "price", "size", "episode_id"):
            assert row[name] == said[name]
        assert row["ts_event"] == pd.Timestamp(said["ts_event"])
        assert row["rules"] == "; ".join(said["anomalies"])
        for name in ("severity", "priority", "context"):
            if name in said:
                assert row[name] == said[name], name


def test_every_trade_is_a_row_in_the_order_of_the_tape(days: Path, scored: pd.DataFrame) -> None:
    rows = pd.concat([pd.read_csv(file) for file in sorted(days.glob("*.trades.csv.zst"))])
    for name in ("symbol", "publisher_id", "sequence", "side", "price", "size"):
        assert scored[name].tolist() == rows[name].tolist()
    assert scored["ts_event"].tolist() == pd.to_datetime(rows["ts_event"]).tolist()


def test_marks_are_those_of_the_episodes_when_they_closed(
    scored: pd.DataFrame, replayed: tuple[list[dict[str, Any]], list[dict[str, Any]]]
) -> None:
    marks = {one["episode_id"]: one["mark"] for one in replayed[1] if one["state"] == "closed"}
    flagged = scored[scored["flagged"]]
    said = [known(mark) for mark in flagged["mark"]]
    assert said == [marks.get(episode) for episode in flagged["episode_id"]]
    assert len(set(said)) > 2
    assert scored[~scored["flagged"]][["mark", "episode_id", "rules"]].isna().all(axis=None)


def test_a_trade_is_unusable_if_its_flagged_price_came_back_and_it_lies_on_the_far_side(
    scored: pd.DataFrame, replayed: tuple[list[dict[str, Any]], list[dict[str, Any]]], profile: str
) -> None:
    closed = {one["episode_id"]: one for one in replayed[1] if one["state"] == "closed"}
    expected = []
    for said in replayed[0]:
        of_price = said.get("family") == "price" or not {
            "Rapid Price Change",
            "Isolation Forest",
        }.isdisjoint(said["anomalies"])
        end = closed.get(said["episode_id"], {})
        if of_price and end.get("mark") == "bad print":
            way = abs(end["price_extreme"] - end["price_before"])
            expected.append(2 * abs(said["price"] - end["price_before"]) < way)
        else:
            expected.append(True)
    assert scored[scored["flagged"]]["usable"].tolist() == expected
    assert 0 < expected.count(False) < len(expected)
    assert scored[~scored["flagged"]]["usable"].all()


def test_what_a_profile_does_not_know_is_empty_and_it_says_so(
    scored: pd.DataFrame, profile: str, days: Path, tmp_path: Path
) -> None:
    of_calibrated = ["severity", "severity_price", "severity_size", "severity_feed", "lower"]
    ended = ran("score", days, "--limit", "100", "-o", tmp_path / "a.csv", profile=profile)
    if profile == "classic":
        assert scored[of_calibrated].isna().all(axis=None)
        for name in ("priority", "context"):  # of flagged trades their messages say it
            assert (scored[name].notna() == scored["flagged"]).all(), name
        assert "PROFILE=classic gives no severity" in ended.stderr
    else:
        assert scored[[*of_calibrated[:4], "priority", "context"]].notna().all(axis=None)
        assert scored["lower"].notna().mean() > 0.98
        known_band = scored[scored["lower"].notna()]
        assert known_band["price"].between(known_band["lower"], known_band["upper"]).mean() > 0.98
        assert "gives no severity" not in ended.stderr


@pytest.mark.parametrize("command", ["score", "bars"])
def test_a_tape_too_short_to_be_judged_does_not_look_clean(command: str, tmp_path: Path) -> None:
    """60 trades of a symbol are needed, by docs/clean-tape.md."""
    path, out = tmp_path / "in.trades.csv", tmp_path / "out.csv"
    lines = [*some_lines(59), *some_lines(3, at="15:01")]
    for trades, unjudged in ((1, 1), (10, 10), (62, 60)):
        path.write_text("\n".join([HEADER, *lines[:trades], ""]))
        ended = ran(command, path, "-o", out)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["unjudged"] == unjudged
        assert f"not judged: {unjudged} of {trades} trade" in ended.stderr
    assert "unjudged" not in ran(command, path, "-o", out, profile="classic").stdout


def unpacked(path: Path) -> list[str]:
    raw = io.BytesIO(path.read_bytes())
    with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
        return stream.read().decode().splitlines()


def test_the_clean_tape_is_the_input_without_its_unusable_trades(
    days: Path, tmp_path: Path
) -> None:
    done("score", days, "--output", tmp_path / "scores.parquet")
    summary = done("score", days, "--clean", "--output", tmp_path / "clean.trades.csv.zst")
    usable = pd.read_parquet(tmp_path / "scores.parquet")["usable"].tolist()
    lines = [line for file in sorted(days.glob("*.trades.csv.zst")) for line in unpacked(file)[1:]]
    kept = [line for line, is_usable in zip(lines, usable, strict=True) if is_usable]
    assert len(kept) < len(lines)
    assert unpacked(tmp_path / "clean.trades.csv.zst") == [HEADER, *kept]
    assert summary["written"] == len(kept) == len(lines) - summary["unusable"]
    again = done("replay", tmp_path / "clean.trades.csv.zst")
    assert again["trades"] == len(kept)
    done("score", days, "--clean", "--output", tmp_path / "clean.parquet")
    table = pd.read_parquet(tmp_path / "clean.parquet")
    assert list(table.columns) == HEADER.split(",")
    assert table["price"].tolist() == [float(line.split(",")[8]) for line in kept]
    assert [at.value for at in table["ts_recv"][:3]] == [
        pd.Timestamp(line.split(",")[0]).value for line in kept[:3]
    ]


def oracle_bars(scores: pd.DataFrame, every: str) -> list[dict[str, Any]]:
    trades = [
        {
            "symbol": row["symbol"],
            "ns": row["ts_event"].value,
            "price": row["price"],
            **{name: row[name] for name in ("size", "flagged", "usable")},
            **{name: known(row[name]) for name in ("lower", "upper")},
        }
        for row in scores.to_dict("records")
    ]
    return bar_oracle.bars(trades, every)


def bars_in(path: Path) -> list[dict[str, Any]]:
    table = pd.read_parquet(path)
    table["start"] = [at.value for at in table["start"]]
    return [{str(k): known(v) for k, v in row.items()} for row in table.to_dict("records")]


@pytest.mark.parametrize("every", ["1s", "1m", "1d"])
def test_bars_are_those_of_the_scored_trades(
    every: str, days: Path, scored: pd.DataFrame, profile: str, tmp_path: Path
) -> None:
    path = tmp_path / "bars.parquet"
    summary = done("bars", days, "--every", every, "--output", path, profile=profile)
    expected = oracle_bars(scored, every)
    assert bars_in(path) == expected
    assert summary["bars"] == len(expected)
    assert summary["unusable"] == (~scored["usable"]).sum() > 0
    assert sum(bar["volume_clean"] for bar in expected) < sum(bar["volume"] for bar in expected)


def cut(days: Path, folder: Path, parts: int) -> Path:
    """Write the same tape in other pieces."""
    lines = [line for file in sorted(days.glob("*.trades.csv.zst")) for line in unpacked(file)[1:]]
    ends = [len(lines) * n // parts for n in range(parts + 1)]
    folder.mkdir()
    for n, (first, end) in enumerate(pairwise(ends)):
        text = "\n".join([HEADER, *lines[first:end], ""])
        (folder / f"{n}.trades.csv").write_text(text)
    return folder


def test_any_cut_of_files_gives_the_same_rows_and_bars(days: Path, tmp_path: Path) -> None:
    pieces = cut(days, tmp_path / "pieces", 5)
    for name, words in (("score", []), ("bars", ["--every", "5s"])):
        done(name, days, *words, "-o", tmp_path / f"{name}1.parquet")
        done(name, pieces, *words, "-o", tmp_path / f"{name}2.parquet")
        one, other = (pd.read_parquet(tmp_path / f"{name}{n}.parquet") for n in (1, 2))
        pd.testing.assert_frame_equal(one, other)


def test_a_part_of_the_tape_has_the_rows_and_marks_of_the_whole(days: Path, tmp_path: Path) -> None:
    done("score", days, "-o", tmp_path / "whole.parquet")
    words = ["--symbols", "BBB", "--from", "2025-03-03T18:00", "--to", "2025-03-04T16:00"]
    summary = done("score", days, *words, "-o", tmp_path / "part.parquet")
    whole = pd.read_parquet(tmp_path / "whole.parquet")
    at = whole["ts_event"]
    wanted = (whole["symbol"] == "BBB") & (at >= "2025-03-03T18:00Z") & (at < "2025-03-04T16:00Z")
    part = pd.read_parquet(tmp_path / "part.parquet")
    closed = part["mark"].notna() | ~part["flagged"]  # the last episode may end behind the part
    expected = whole[wanted].reset_index(drop=True)
    pd.testing.assert_frame_equal(part[closed], expected[closed])
    assert summary["written"] == len(expected)


def some_lines(count: int, *, at: str = "15:00") -> list[str]:
    return [
        f"2025-03-05T{at}:{n:02d}.000000000Z,2025-03-05T{at}:{n:02d}.000000000Z,0,2,1,T,B,0,"
        f"80.010000000,100,0,0,{n + 1},ACME"
        for n in range(count)
    ]


def test_duplicates_and_rejected_rows_are_no_rows_and_are_reported(tmp_path: Path) -> None:
    lines = some_lines(30)
    bad = lines[5].replace("80.01", "eighty")
    for name, some in (("a", lines), ("b", [lines[3], bad])):  # of one file both would be trades
        (tmp_path / f"{name}.trades.csv").write_text("\n".join([HEADER, *some, ""]))
    out = tmp_path / "out"
    summary = done("score", tmp_path, "-o", out / "scores.csv", code=2)
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert [int(row["sequence"]) for row in rows] == list(range(1, 31))
    assert (summary["rows"], summary["written"], summary["duplicates"]) == (32, 30, 1)
    assert sum(summary["rejected"].values()) == 1
    bars = done("bars", tmp_path, "-o", out / "bars.csv", code=2)
    assert (bars["bars"], bars["duplicates"]) == (1, 1)
    (bar,) = csv.DictReader((out / "bars.csv").read_text().splitlines())
    assert (bar["trades"], bar["volume"], bar["close"]) == ("30", "3000", "80.010000000")
    assert bar["start"] == "2025-03-05T15:00:00.000000000Z"


@pytest.mark.parametrize("words", [["score"], ["score", "--clean"], ["bars"]])
def test_where_nothing_is_judged_nothing_is_written(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.trades.csv").write_text("\n".join([HEADER, "x", ""]))
    ended = ran(*words, tmp_path / "a.trades.csv", "-o", tmp_path / "out.parquet")
    assert ended.returncode == 2
    assert "nothing was judged, and nothing is written" in ended.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["a.trades.csv"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["score", "-o", "a.xlsx"], "no known suffix"),
        (["score", "-o", "clean.csv", "--clean"], "no known suffix"),
        (["bars", "-o", "a.csv", "--every", "90x"], "--every '90x' is no length of a bar"),
        (["bars", "-o", "in.trades.csv", "--every", "1m"], "is an input"),
        (["score", "-o", "in.trades.csv"], "is an input"),
        (["score", "-o", "a.csv", "--from", "2025-03-06", "--to", "2025-03-05"], "swap them"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence_before_any_work(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.trades.csv").write_text("\n".join([HEADER, *some_lines(3), ""]))
    ended = ran(words[0], "in.trades.csv", *words[1:])
    assert ended.returncode in (1, 4)
    assert told in ended.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["in.trades.csv"]


def test_our_tables_are_no_trades(days: Path, tmp_path: Path) -> None:
    """They lie beside the trades of a folder without being read as such, packed or not."""
    (tmp_path / "in.trades.csv").write_text("\n".join([HEADER, *some_lines(30), ""]))
    for name in ("scores.csv", "scores.csv.zst", "scores.parquet"):
        done("score", tmp_path / "in.trades.csv", "-o", tmp_path / name)
        done("bars", tmp_path / "in.trades.csv", "-o", tmp_path / f"bars-{name}")
    summary = done("replay", tmp_path)
    assert summary["trades"] == 30
    for name in ("scores.csv", "scores.csv.zst", "scores.parquet"):  # and replaced without --force
        done("score", tmp_path / "in.trades.csv", "-o", tmp_path / name)
        done("bars", tmp_path / "in.trades.csv", "-o", tmp_path / f"bars-{name}")


def test_late_trades_land_in_their_bar_until_its_day_was_written(tmp_path: Path) -> None:
    """Three days; of each the last trades come behind those of the next day, and once too late."""
    first = [line.replace("2025-03-05", "2025-03-03") for line in some_lines(40)]
    second = [line.replace("2025-03-05", "2025-03-04") for line in some_lines(50, at="16:00")]
    late, too_late = first[30:35], first[35:]
    tape_lines = [*first[:30], *second[:10], *late, *second[10:], *too_late]
    (tmp_path / "a.trades.csv").write_text("\n".join([HEADER, *tape_lines, ""]))
    for kept, in_bars in ((39, 35), (1_000, 40)):
        judge = Judge(Parameters(), 10, Counts(), tells_each=True)
        scoring = Scoring(Replay(find_archives([tmp_path]).archives, judge))
        length_ns = every_ns("1d")
        assert length_ns is not None
        making = BarMaking(scoring, length_ns, kept_trades=kept)
        bars = np.concatenate(list(making.bars()))
        assert bars["every"]["trades"].tolist() == [in_bars, 50]
        assert making.too_late == 40 - in_bars
        assert making.counted + making.too_late == scoring.made == len(tape_lines)


MISPRINTS = ("fat finger", "small misprint")


def test_the_priority_of_the_clean_tape_ranks_injected_misprints_first(
    days: Path, tmp_path: Path
) -> None:
    done("score", days, "-o", tmp_path / "scores.parquet")
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    labels = pd.concat([pd.read_csv(file) for file in sorted(days.glob("*.labels.csv"))])
    is_misprint, is_other = np.zeros((2, len(scores)), np.bool_)
    for label in labels.to_dict("records"):
        ends = [pd.Timestamp(label[name]) for name in ("first_ts_event", "last_ts_event")]
        of = (scores["symbol"] == label["symbol"]) & scores["ts_event"].between(*ends)
        of &= scores["sequence"].between(label["first_sequence"], label["last_sequence"])
        (is_misprint if label["kind"] in MISPRINTS else is_other)[of] = True
    judged = scores[~is_other]
    positive = is_misprint[~is_other]
    assert positive.sum() > 20
    hits = np.flatnonzero(positive[np.argsort(-judged["priority"].to_numpy(), kind="stable")])
    precision = np.mean(np.arange(1, len(hits) + 1) / (hits + 1))
    found = (~judged["usable"][positive]).mean()
    lost = (~judged["usable"][~positive]).sum()
    assert precision > 0.5
    assert found > 0.7
    assert lost == 0
