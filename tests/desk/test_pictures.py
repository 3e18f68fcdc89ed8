"""Pictures as a person asks for them: a day, and the anomalies of highest priority."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tape.archives import find_archives
from tape.desk.plots import day as day_module
from tape.desk.plots.anomaly import ShownTrade, shown_trades
from tape.desk.plots.day import Picture
from tape.desk.plots.top import TopAnomalies
from tape.detection.parameters import Parameters
from tape.judging.judge import Judge
from tape.judging.replay import Replay, Shown
from tape.model.counts import Counts
from tape.process.whole_file import OutputFile
from tape.synthetic import inject, make_day, write_day
from tests.commands import tape

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two symbols with anomalies put into it."""
    made = make_day(6, ["AAA", "BBB"], 12_000, anomalies=0)
    return write_day(inject(made, seed=2, anomalies=21), tmp_path_factory.mktemp("day"), "odd")


@pytest.fixture(scope="module")
def shown(day: Path) -> list[Shown]:
    judge = Judge(Parameters(profile="classic,calibrated"), 10, Counts())
    return list(Replay(find_archives(day).archives, judge).batches())


def best_by_episode(flagged: list[dict[str, Any]]) -> list[str]:
    """The ids of the highest priority of each episode, the highest first, as a table has them."""
    best: dict[str, dict[str, Any]] = {}
    for one in flagged:
        own = best.get(one["episode_id"])
        if own is None or one["priority"] > own["priority"]:
            best[one["episode_id"]] = one
    ranked = sorted(best.values(), key=lambda one: -one["priority"])
    return [one["anomaly_id"] for one in ranked]


def test_a_replay_draws_the_anomalies_of_highest_priority_in_the_same_pass(
    day: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "pictures"
    words = ("--output", tmp_path / "a.jsonl", "--plots", folder, "--top", "4")
    done = tape("replay", day, *words, PROFILE="calibrated")
    assert done.returncode == 0, done.stderr
    flagged = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    expected = best_by_episode(flagged)[:4]
    assert len(expected) == 4
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{nth}-{one}.png" for nth, one in enumerate(expected, 1)]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in folder.iterdir())
    assert f"written: 4 pictures in {folder}" in done.stderr.replace("\n", "")
    (folder / "photo.png").write_text("no picture of ours")
    fewer = tape("replay", day, "--plots", folder, "--top", "2", PROFILE="calibrated")
    assert "2 other pictures are in that folder, of earlier runs" in fewer.stderr
    (folder / names[0]).write_text("somebody else's")
    refused = tape("replay", day, "--plots", folder, "--top", "4", PROFILE="calibrated")
    assert refused.returncode == 4
    assert names[0] in refused.stderr.replace("\n", "")
    assert (folder / names[0]).read_text() == "somebody else's"


def test_each_has_the_trades_of_its_symbol_around_it(shown: list[Shown]) -> None:
    trades = [one for part in shown for one in shown_trades(part.values, part.flagged)]
    whole, parts = TopAnomalies(7), TopAnomalies(7)
    whole.add(trades)
    for part in shown:
        parts.add(shown_trades(part.values, part.flagged))
    assert whole.pictures() == parts.pictures()
    kept = whole._ranked()
    assert [one.anomaly.anomaly_id for one in kept] == best_by_episode(
        [json.loads(value) for part in shown for value in part.flagged]
    )[:7]
    for one in kept:
        own = [trade for trade in trades if trade.trade.symbol == one.anomaly.trade.symbol]
        (place,) = [
            nth
            for nth, trade in enumerate(own)
            if trade.anomaly and trade.anomaly.anomaly_id == one.anomaly.anomaly_id
        ]
        assert one.shown == own[max(place - 100, 0) : place + 101]


def test_reviews_decide_what_is_drawn_as_they_decide_what_is_listed(shown: list[Shown]) -> None:
    """The lower the priority, the higher the rank; every third is suppressed."""
    trades = [one for part in shown for one in shown_trades(part.values, part.flagged)]
    flagged = 0
    for nth, one in enumerate(trades):
        if one.anomaly is not None:
            flagged += 1
            told = replace(
                one.anomaly, rank=14.0 - (one.anomaly.priority or 0.0), suppressed=flagged % 3 == 0
            )
            trades[nth] = ShownTrade(one.trade, told)
    lists = {hidden: TopAnomalies(5, of_suppressed=hidden) for hidden in (False, True)}
    for hidden, top in lists.items():
        top.add(trades)
        of = [one.anomaly for one in trades if one.anomaly and one.anomaly.suppressed == hidden]
        drawn = [one for _, one in top.pictures()]
        assert {one.suppressed for one in drawn} == {hidden}
        assert drawn[0].rank == max(one.rank or 0.0 for one in of)
        ranks = [one.rank or 0.0 for one in drawn]
        assert len(ranks) == 5
        assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--top", "5"], "--top needs --plots"),
        (["--plots", "{file}"], "is a file; name a folder"),
        (["--plots", "{file}/below"], "is a file; name a folder"),
    ],
)
def test_a_mistake_is_told_before_any_work(words: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    given = [word.format(file=tmp_path / "file") for word in words]
    done = tape("replay", tmp_path / "none.csv", *given)
    assert done.returncode == 4
    assert told in done.stderr.replace("\n", " ")
    assert done.stderr.count("error:") == 1


def auctions(shown: list[Shown], symbol: str) -> list[str]:
    """The labels of the largest prints within three minutes of 09:30 and 16:00 in New York."""
    trades = [json.loads(value) for part in shown for value in part.values]
    found = []
    for name, bell in (("opening", "T14:3"), ("closing", "T21:0")):  # UTC, in winter
        sizes = [
            one["size"]
            for one in trades
            if one["symbol"] == symbol
            and one["size"] >= 50_000
            and one["side"] == "N"
            and one["ts_event"][10:15] == bell
            and one["ts_event"][15] in "012"
        ]
        found += [f"{name} auction\n{max(sizes):,} shares"] if sizes else []
    return found


def test_a_day_has_its_rules_auctions_and_episodes_named(
    shown: list[Shown], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(day_module, "save_figure", lambda figure, _: figures.append(figure))
    picture = Picture()
    for part in shown:
        picture.add(part.values, part.flagged, [step.value for step in part.episodes])
    picture.save(OutputFile(tmp_path / "day.png"))
    (figure,) = figures
    flagged = [json.loads(value) for part in shown for value in part.flagged]
    assert len(figure.subfigs) == 2
    for panel, symbol in zip(figure.subfigs, ("AAA", "BBB"), strict=True):
        price, volume, words = panel.axes
        own = [one for one in flagged if one["symbol"] == symbol]
        episodes = {one["episode_id"] for one in own}
        title = price.get_title(loc="left")
        assert title.startswith(f"{symbol}, Monday 2025-03-03: ")
        assert title.endswith(f" {len(own):,} flagged, {len(episodes):,} episodes")
        legend = [text.get_text() for text in price.get_legend().get_texts()]
        by_rule = [one for one in own if "High Volume" in one["anomalies"]]
        assert f"High Volume: {len(by_rule):,}" in legend
        of_price = [one for one in own if one.get("family") == "price"]
        of_price = [one for one in of_price if "Calibrated" in one["anomalies"]]
        assert f"Calibrated, price: {len(of_price):,}" in legend
        named = [text.get_text() for text in price.texts]
        assert [text for text in named if "auction" in text] == auctions(shown, symbol)
        numbers = [text for text in named if text.isdigit()]
        assert numbers == [str(nth) for nth in range(1, min(len(episodes), 12) + 1)]
        lines = words.texts[0].get_text().splitlines()
        assert len(lines) == len(numbers)
        assert price.get_ylabel() == "dollars per share"
        hours = [label.get_text().split("\n") for label in volume.get_xticklabels()]
        assert ["09:00", "14:00"] in hours  # New York is five hours behind in March's first days
