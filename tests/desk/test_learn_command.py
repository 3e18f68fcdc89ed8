"""`tape learn`, and what RANKING_FILE does to other commands."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tape.process.origin import own_output
from tape.synthetic import make_day, write_day
from tests.commands import Ended, on_terminal, tape
from tests.rankings import message, ranking, ranking_file, review, weight

HOSTILE = "x\x1b[31my\x9b31m\u202e"


def written(folder: Path, many: int = 60, *more: str) -> tuple[Path, Path]:
    """Return reviews by somebody who wants prices only, and the anomalies that they are about."""
    anomalies, reviews = folder / "anomalies.jsonl", folder / "reviews.jsonl"
    lines, said = [], []
    for n in range(many):
        oddest = "stuck run" if n % 3 else "jump in one trade"
        day, priority = 3 + n % 2, 3.0 + (n * 7 % 11) / 10
        lines.append(message(n, day=day, oddest=oddest, priority=priority))
        said.append(review(f"NVDA-2-{n}-1", "dismissed" if n % 3 else "confirmed"))
    anomalies.write_bytes(b"\n".join([*lines, b""]))
    reviews.write_text("\n".join([*said, *more, ""]))
    return reviews, anomalies


def learnt(folder: Path, reviews: Path, anomalies: Path, *words: str) -> Ended:
    return tape("learn", reviews, "-o", folder / "r.json", "--anomalies", anomalies, *words)


def test_reviews_become_a_file_that_explains_itself(tmp_path: Path) -> None:
    ended = learnt(tmp_path, *written(tmp_path))
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)
    assert figures["reviews"] == figures["learnt_from"]["alerts"] == 60
    assert figures["unknown"] == figures["contradictory"] == figures["at_odds"] == []
    held = figures["held_out"]
    assert held["days"] == ["2025-03-04"]
    assert held["average_precision"] == 1.0 > held["average_precision_of_priority"]
    sentences = re.split(r"(?<=[.:]) +", " ".join(ended.stderr.split()))
    first, second, third, *_ = sentences
    assert first == "Tested on 2025-03-04, with a ranking learnt from the days before."
    assert second == f"There you confirmed {held['confirmed']} of {held['alerts']} alerts."
    assert third == "The ranking puts them nearer to the top than the priority does:"
    assert "average precision 1.000, the priority's 0." in ended.stderr
    assert "From now on alerts below rank 4 are suppressed." in sentences
    assert "Of the alerts you reviewed, 40 were that low." in sentences
    assert max(len(sentence.split()) for sentence in sentences) <= 16
    text = (tmp_path / "r.json").read_text()
    assert "dismissed 40 of 40 times: stuck, side B, 7 shares" in text
    assert json.loads(text)["explained"] == figures["explained"]
    again = learnt(tmp_path, *written(tmp_path))  # our own file is replaced without --force
    assert again.returncode == 0
    assert (tmp_path / "r.json").read_text() == text
    assert own_output(text.encode()) == "a ranking written by tape learn, not trades"
    assert own_output(written(tmp_path)[0].read_bytes()) == "reviews of alerts, not trades"


def test_a_person_reads_which_numbers_count(tmp_path: Path) -> None:
    reviews, anomalies = written(tmp_path)
    words = ("learn", reviews, "-o", tmp_path / "r.json", "--anomalies", anomalies)
    code, shown = on_terminal(*words, columns=120, TERM="dumb")
    assert code == 0
    assert "Learnt from 60 alerts, 20 confirmed and 40 dismissed" in shown
    assert "lower" in shown
    assert "dismissed 40 of 40 times: stuck, side B, 7 shares" in shown


def test_several_files_are_one(tmp_path: Path) -> None:
    reviews, anomalies = written(tmp_path)
    lines, said = anomalies.read_bytes().splitlines(), reviews.read_text().splitlines()
    for name, part in (("a", slice(0, 20)), ("b", slice(20, None))):
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(lines[part]))
        (tmp_path / f"{name}.reviews").write_text("\n".join(said[part]))
    parts = [tmp_path / name for name in ("a.reviews", "b.reviews")]
    anomaly_files = [tmp_path / name for name in ("b.jsonl", "a.jsonl")]
    both = tape("learn", *parts, "--anomalies", *anomaly_files, "-o", tmp_path / "both.json")
    assert both.returncode == 0, both.stderr
    learnt(tmp_path, reviews, anomalies)
    assert (tmp_path / "both.json").read_bytes() == (tmp_path / "r.json").read_bytes()


def test_what_cannot_be_used_is_counted_and_the_rest_counts(tmp_path: Path) -> None:
    more = [
        review("of-another-day", "confirmed"),
        review("NVDA-2-1-1", "confirmed"),
        review("NVDA-2-2-1", "confirmed", by="bob", at="2025-03-09T00:00:00Z"),
        "no review",
    ]
    ended = learnt(tmp_path, *written(tmp_path, 60, *more))
    assert ended.returncode == 2
    assert "unknown: 1 reviewed id is not among these anomalies" in ended.stderr
    assert "of-another-day" in ended.stderr
    assert "contradictory: 1 reviewed id is answered in two ways" in ended.stderr
    assert "at odds: 1 alert was answered differently" in ended.stderr
    assert "NVDA-2-2-1 (bob confirmed, ann dismissed)" in ended.stderr
    assert "rejected: 1 × message_not_json; the first: reviews.jsonl:64" in ended.stderr
    figures = json.loads(ended.stdout)
    assert figures["unknown"] == ["of-another-day"]
    assert figures["contradictory"] == ["NVDA-2-1-1"]
    assert figures["learnt_from"]["alerts"] == 59
    assert figures["rejected"] == {"message_not_json": 1}
    assert (tmp_path / "r.json").exists()


def test_a_line_is_one_line_and_a_sentence_one_sentence_however_long(tmp_path: Path) -> None:
    reviews, anomalies = written(tmp_path, 60, review("N" * 1_000_000, "confirmed"), "[" * 9)
    anomalies.write_bytes(b'{"x":"' + b"y" * 300_000 + b'"}\n' + anomalies.read_bytes())
    ended = learnt(tmp_path, reviews, anomalies)
    assert ended.returncode == 2
    figures = json.loads(ended.stdout)
    assert figures["rejected"] == {"message_too_large": 1, "message_not_json": 1}
    assert figures["learnt_from"]["alerts"] == 60
    assert "unknown: 1 reviewed id" in ended.stderr
    assert max(map(len, ended.stderr.splitlines())) < 500
    assert "--suggest-columns" not in ended.stderr, "reviews have no columns"


def no_reviews(place: Path) -> tuple[Path, Path]:
    reviews, anomalies = written(place)
    reviews.write_text("ts_event,price\n1,2\n")
    return reviews, anomalies


def of_another_day(place: Path) -> tuple[Path, Path]:
    reviews, anomalies = written(place)
    anomalies.write_bytes(message(900))
    return reviews, anomalies


def no_anomalies(place: Path) -> tuple[Path, Path]:
    reviews, anomalies = written(place)
    anomalies.write_text(reviews.read_text())
    return reviews, anomalies


def in_a_table(place: Path) -> tuple[Path, Path]:
    reviews, anomalies = written(place)
    return reviews, anomalies.rename(place / "anomalies.parquet")


def not_there(place: Path) -> tuple[Path, Path]:
    return written(place)[0], place / "none.jsonl"


REFUSED: dict[str, tuple[Any, int, str]] = {
    "no reviews": (no_reviews, 2, "there is no review in reviews.jsonl, 2 lines rejected"),
    "of another day": (of_another_day, 2, "none of the 60 reviewed ids is in anomalies.jsonl"),
    "no anomalies": (no_anomalies, 2, "none of the 60 reviewed ids is in anomalies.jsonl"),
    "too few": (lambda place: written(place, 19), 2, "19 alerts have an answer that counts"),
    "in a table": (in_a_table, 4, "anomalies.parquet does not end in .jsonl"),
    "not there": (not_there, 2, "none.jsonl (No such file or directory)"),
    "a folder": (lambda place: (written(place)[0], place), 4, "does not end in .jsonl"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_teaches_nothing_is_refused_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    given, code, words = REFUSED[case]
    ended = learnt(tmp_path, *given(tmp_path))
    last = ended.stderr.strip().splitlines()[-1]
    assert (ended.returncode, last.startswith("error: "), words in last) == (code, True, True), last
    assert ended.stdout == ""
    assert not (tmp_path / "r.json").exists()


def test_an_output_is_never_an_input_or_somebody_elses(tmp_path: Path) -> None:
    reviews, anomalies = written(tmp_path)
    other = tmp_path / "package.json"
    other.write_text('{\n  "name": "made by Tapewatch"\n}')
    ended = tape("learn", reviews, "-o", other, "--anomalies", anomalies)
    assert (ended.returncode, "was not made by tape" in ended.stderr) == (4, True)
    ended = tape("learn", reviews, "-o", tmp_path / "r.toml", "--anomalies", anomalies)
    assert (ended.returncode, "does not end in .json" in ended.stderr) == (4, True)
    as_json = reviews.rename(tmp_path / "reviews.json")
    ended = tape("learn", as_json, "-o", as_json, "--anomalies", anomalies)
    assert (ended.returncode, "is an input" in ended.stderr) == (4, True)


def test_what_others_wrote_steers_no_terminal(tmp_path: Path) -> None:
    more = [review(HOSTILE, "confirmed", by=HOSTILE), review("NVDA-2-1-1", HOSTILE)]
    more.append(review("NVDA-2-2-1", "confirmed", by=HOSTILE, at="2025-03-09T00:00:00Z"))
    reviews, anomalies = written(tmp_path, 60, *more)
    words = ("learn", reviews, "-o", tmp_path / "r.json", "--anomalies", anomalies)
    _, shown = on_terminal(*words, columns=200, TERM="dumb")
    assert not [one for one in ("\x1b[31m", "\x9b", "\u202e") if one in shown]
    assert "x\\x1b[31my" in shown


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_day(make_day(7, ["AAA"], 12_000), tmp_path_factory.mktemp("day"))


def quiet(folder: Path) -> str:
    """Return a ranking by which what the forest flags is never confirmed."""
    learnt = ranking(
        weight("forest", -20.0),
        suppress_below=4.0,
        suppress_kinds=frozenset({("Isolation Forest", side) for side in "ABN"}),
        suppress_up_to_priority=14.0,
    )
    return str(ranking_file(learnt, folder / "ranking.json"))


def test_replay_marks_counts_and_lists_what_is_suppressed(day: Path, tmp_path: Path) -> None:
    env = {"RANKING_FILE": quiet(tmp_path)}
    plain, marked = tmp_path / "plain.jsonl", tmp_path / "marked.jsonl"
    before = tape("replay", day, "-o", plain)
    after = tape("replay", day, "-o", marked, **env)
    assert after.returncode == 0, after.stderr
    lines = [json.loads(line) for line in marked.read_text().splitlines()]
    hidden = [one["anomaly_id"] for one in lines if one["suppressed"]]
    summary, was = json.loads(after.stdout), json.loads(before.stdout)
    assert summary["suppressed"] == len(hidden) > 20
    assert f"suppressed {len(hidden):,};" in " ".join(after.stderr.split())
    assert was["suppressed"] == 0
    assert "suppressed" not in before.stderr
    assert {name: summary[name] for name in ("flagged", "by_rule", "episodes")} == {
        name: was[name] for name in ("flagged", "by_rule", "episodes")
    }
    ids = [json.loads(line)["anomaly_id"] for line in plain.read_text().splitlines()]
    assert [one["anomaly_id"] for one in lines] == ids
    ranks = [one["rank"] for one in summary["telling"]]
    assert ranks == sorted(ranks, reverse=True)
    assert not any(one["suppressed"] for one in summary["telling"])
    listed = json.loads(tape("replay", day, "--suppressed", **env).stdout)["telling"]
    assert listed
    assert {one["anomaly_id"] for one in listed} <= set(hidden)
    for name in ("csv", "parquet"):
        assert tape("replay", day, "-o", tmp_path / f"a.{name}", **env).returncode == 0
    header, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert ",rank,suppressed,reasons" in header
    assert sum(",True," in row for row in rows) == len(hidden)


def test_the_table_shows_the_rank_it_is_sorted_by(day: Path, tmp_path: Path) -> None:
    """Beside the priority: without it the order of the rows could not be understood."""
    words = ("replay", day, "--suppressed")
    env = {"RANKING_FILE": quiet(tmp_path), "TERM": "dumb"}
    ranks = [one["rank"] for one in json.loads(tape(*words, **env).stdout)["telling"]]
    code, shown = on_terminal(*words, columns=140, **env)
    assert code == 0
    table = shown.partition("Suppressed anomalies")[2].partition("Flagged trades")[0]
    lines = [re.split("[┃│]", line) for line in table.splitlines()]
    head, *rows = ([cell.strip() for cell in line] for line in lines if len(line) > 2)
    at = head.index("rank")
    assert head[at + 1] == "priority"
    assert [row[at] for row in rows if row[at]] == [f"{rank:.1f}" for rank in ranks] != []
    _, plain = on_terminal("replay", day, columns=140, TERM="dumb")
    assert "priority" in plain
    assert " rank " not in plain


def test_suppressed_without_a_ranking_is_a_mistake(day: Path) -> None:
    ended = tape("replay", day, "--suppressed")
    assert (ended.returncode, "--suppressed needs a RANKING_FILE" in ended.stderr) == (4, True)


@pytest.mark.parametrize("command", ["replay", "evaluate", "tune", "doctor"])
def test_a_damaged_ranking_is_refused_before_anything_is_done(
    command: str, day: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ranking.json"
    path.write_text("{")
    words: dict[str, list[str | Path]] = {
        "replay": ["replay", day, "-o", tmp_path / "a.jsonl"],
        "evaluate": ["evaluate", day],
        "tune": ["tune", day, "-o", tmp_path / "t.toml"],
        "doctor": ["doctor"],
    }
    env = {"RANKING_FILE": str(path), "Quix__Broker__Address": "127.0.0.1:1"}
    ended = tape(*words[command], **env)
    assert ended.returncode == (1 if command == "doctor" else 4)
    told = " ".join((ended.stdout + ended.stderr).split())
    assert "is damaged, or no JSON" in told
    assert "write one with `tape learn`, or unset it" in told
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ranking.json"]
