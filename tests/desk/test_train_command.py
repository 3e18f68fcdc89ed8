"""`tape train` and `tape models`: what is written, what is refused, and what is told."""

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from sklearn.metrics import average_precision_score, roc_auc_score

from tape.desk.train.measures import pr_auc, precision_at, roc_auc
from tape.desk.train.split import split_by_day
from tape.detection.supervised.columns import NAMES
from tape.detection.supervised.models import MANIFEST, MODEL, load_model, manifest_bytes
from tape.errors import ArchiveError
from tests.commands import on_terminal, tape
from tests.small_model import DAYS, injected_days, small_model, write_features


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    return write_features(injected_days(folder / "days"), folder / "features.parquet")


@pytest.fixture(scope="module")
def model(features: Path) -> Path:
    folder = features.parent / "models/a"
    done = tape("train", features, "-o", folder, "--depth", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((folder / MANIFEST).read_text())
    return folder


def test_the_folder_is_xgboosts_model_and_a_manifest_that_tells_all(
    features: Path, model: Path
) -> None:
    assert sorted(file.name for file in model.iterdir()) == [".tapewatch", MANIFEST, MODEL]
    told = json.loads((model / MANIFEST).read_text())
    assert told["data"]["days"] == {
        "training": [str(DAYS[0])],
        "validation": str(DAYS[1]),
        "test": str(DAYS[2]),
    }
    assert told["comparison"][0]["scale_pos_weight"] == 1
    assert len(told["comparison"]) == 3
    table = pq.read_table(features)
    test = table.filter(pa.compute.equal(table["day"], DAYS[2]))
    labelled = np.array(test["label"].to_pylist())
    values = np.stack([test[name].to_numpy().astype(np.float32) for name in NAMES], axis=1)
    booster = xgboost.Booster(model_file=str(model / MODEL))
    margins = booster.predict(
        xgboost.DMatrix(values, feature_names=list(NAMES)), output_margin=True
    )
    found = told["metrics"]["test"]
    assert found["roc_auc"] == pytest.approx(roc_auc_score(labelled, margins), abs=1e-5)
    assert found["pr_auc"] == pytest.approx(average_precision_score(labelled, margins), abs=1e-3)
    first = labelled[np.argsort(-margins, kind="stable")]
    assert found["precision_at"]["100"] == pytest.approx(first[:100].mean(), abs=0.02)
    assert found["events"] == 28
    assert sum(one["events"] for one in found["by_kind"].values()) == 28
    assert set(found["by_kind"]) == set(told["data"]["kinds"])
    assert all(json.loads((model / name).read_text()) for name in (MANIFEST, MODEL)), "no pickle"


def test_the_same_file_and_seed_give_the_same_model(model: Path) -> None:
    """`small_model` was trained on the same days, in another folder."""
    assert (small_model()[0] / MODEL).read_bytes() == (model / MODEL).read_bytes()


def test_a_folder_is_never_replaced(features: Path, model: Path, tmp_path: Path) -> None:
    done = tape("train", features, "-o", model)
    assert done.returncode == 4
    assert "exists, and is never replaced" in done.stderr
    assert done.stderr.count("\n") == 1
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("")
    assert tape("train", features, "-o", tmp_path / "theirs").returncode == 4
    assert [one.name for one in (tmp_path / "theirs").iterdir()] == ["file"]


def test_models_are_listed_shown_and_compared(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(model, folder / "a")
    shutil.copytree(model, folder / "b")
    (folder / "no model").mkdir()
    done = tape("models", "list", folder, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["models"]
    assert [Path(one["model"]).name for one in found] == ["a", "b"]
    told = json.loads((model / MANIFEST).read_text())
    assert found[0]["pr_auc"] == told["metrics"]["test"]["pr_auc"]
    shown = json.loads(tape("models", "show", folder / "a", "--json").stdout)
    assert shown["data"] == told["data"]
    compared = tape("models", "compare", folder / "a", folder / "b", "--json")
    assert json.loads(compared.stdout)["models"] == found
    (folder / "b" / MODEL).write_bytes(b"{}")
    damaged = tape("models", "list", folder, "--json")
    assert damaged.returncode == 2
    assert len(json.loads(damaged.stdout)["models"]) == 1
    assert "not the file that the manifest speaks of" in damaged.stderr
    for words in (("show", folder / "b"), ("show", folder), ("list", folder / "nowhere")):
        wrong = tape("models", *words)
        assert wrong.returncode == 4
        assert wrong.stderr.count("\n") == 1


@pytest.mark.parametrize("part", ["data", "metrics"])
@pytest.mark.parametrize("put", [None, {}, "a text"])
def test_a_manifest_without_what_is_shown_is_refused(
    model: Path, tmp_path: Path, part: str, put: object
) -> None:
    """Its checksum fits: somebody wrote it on purpose."""
    folder = rewritten(model, tmp_path / "a", **{part: put})
    for command in ("show", "compare"):
        wrong = tape("models", command, folder)
        assert (wrong.returncode, wrong.stdout) == (4, ""), command
        assert "lacks data or metrics" in wrong.stderr


def rewritten(model: Path, folder: Path, **told: object) -> Path:
    """Return a copy of a model of which somebody wrote the manifest, with a checksum that fits."""
    shutil.copytree(model, folder)
    known = json.loads((folder / MANIFEST).read_text())
    content, tail = (folder / MODEL).read_bytes(), load_model(folder).tail
    (folder / MANIFEST).write_bytes(manifest_bytes({**known, **told}, content, tail))
    return folder


def test_a_models_own_words_steer_no_terminal(model: Path, tmp_path: Path) -> None:
    hostile = "2025\x1b[31m\x9b31m\u202e"
    data = json.loads((model / MANIFEST).read_text())["data"]
    data["days"] = {**data["days"], "test": hostile}
    rewritten(model, tmp_path / "a", xgboost=hostile, data={**data, "kinds": [hostile]})
    for words in (("list", tmp_path), ("show", tmp_path / "a"), ("compare", tmp_path / "a")):
        code, shown = on_terminal("models", *words, columns=200, TERM="dumb")
        assert code == 0
        assert not [one for one in ("\x1b[31m", "\x9b", "\u202e") if one in shown], words
        assert "2025\\x1b[31m" in shown


def test_a_number_that_no_float_holds_is_refused(model: Path, tmp_path: Path) -> None:
    metrics = json.loads((model / MANIFEST).read_text())["metrics"]
    metrics["test"]["pr_auc"] = 10**400
    folder = rewritten(model, tmp_path / "a", metrics=metrics)
    done = tape("models", "show", folder)
    assert (done.returncode, "in a form that is not known" in done.stderr) == (4, True)


def test_half_a_model_is_listed_with_its_fault(model: Path, tmp_path: Path) -> None:
    for nth, name in enumerate((MANIFEST, MODEL)):
        folder = shutil.copytree(model, tmp_path / f"without-{nth}")
        (folder / name).unlink()
    shutil.copytree(model, tmp_path / "whole")
    (tmp_path / "notes.txt").write_text("mine")
    done = tape("models", "list", tmp_path, "--json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert [Path(one["model"]).name for one in found["models"]] == ["whole"]
    assert [f"without-{nth} is not a model" in found["faults"][nth] for nth in (0, 1)] == [True] * 2


def test_a_model_is_no_folder_of_models(model: Path) -> None:
    done = tape("models", "list", model)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert f"{model} is a model itself; name the folder above it" in done.stderr


def test_what_is_no_features_file_with_labels_is_refused(features: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), other)
    table = pq.read_table(features)
    plain = tmp_path / "plain.parquet"
    about = json.loads(table.schema.metadata[b"tapewatch.features"]) | {"labels": []}
    metadata = {b"tapewatch.features": json.dumps(about).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), plain)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(features.read_bytes()[:-1_000])
    for file, said in (
        (other, "is not a features file"),
        (plain, "has no labels, so there is nothing to learn"),
        (damaged, "is not a features file"),
        (tmp_path / "none.parquet", "cannot read"),
    ):
        done = tape("train", file, "-o", tmp_path / "model")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "model").exists()


def refused(days: list[int], labelled: list[bool], events: list[int]) -> str:
    when = np.array([date(2025, 3, day) for day in days], "datetime64[D]")
    with pytest.raises(ArchiveError) as error:
        split_by_day(when, np.array(labelled), np.array(events), "f.parquet")
    return str(error.value)


def test_one_class_one_day_and_few_labels_are_answered_with_a_reason() -> None:
    assert "one class only: every trade has none" in refused([3] * 9, [False] * 9, [-1] * 9)
    assert "one class only: every trade has a label" in refused([3] * 9, [True] * 9, [1] * 9)
    few = refused([3] * 9, [True] + [False] * 8, [0] + [-1] * 8)
    assert "has 1 day, 1 of them with labels" in few
    days = [3, 4, 5] * 3_000
    labels = [n < 9 for n in range(9_000)]
    events = [n if n < 9 else -1 for n in range(9_000)]
    assert "the days of training have 3 labelled events" in refused(days, labels, events)
    short = [3] * 8_000 + [4, 5] * 400
    labels = [n % 20 < 2 for n in range(8_800)]
    events = list(range(8_800))
    assert "validation, 2025-03-04 have 40 labelled events and 360 ordinary" in refused(
        short, labels, events
    )


def test_of_days_with_labels_the_last_ones_are_held_out() -> None:
    """A day without labels has ordinary trades to learn from, wherever it lies."""
    days = np.repeat(
        np.array(["2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06"], "M8[D]"), 2_000
    )
    labelled = np.tile(np.arange(2_000) < 20, 4)
    labelled[days == np.datetime64("2025-03-06")] = False
    found = split_by_day(days, labelled, np.arange(8_000), "f")
    assert (str(found.validation), str(found.test)) == ("2025-03-04", "2025-03-05")
    assert [str(day) for day in found.training] == ["2025-03-03", "2025-03-06"]


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    labelled = random.random(3_000) < 0.05
    scores = np.round(random.normal(size=3_000) + 2 * labelled, 1).astype(np.float32)
    assert roc_auc(labelled, scores) == pytest.approx(roc_auc_score(labelled, scores))
    assert pr_auc(labelled, scores) == pytest.approx(average_precision_score(labelled, scores))
    assert precision_at(labelled, scores, 3_000) == pytest.approx(labelled.mean())
    top = np.sort(scores)[::-1][:50]
    cut = top[-1]
    sure, tied = labelled[scores > cut], labelled[scores == cut]
    expected = (sure.sum() + (50 - len(sure)) * tied.mean()) / 50
    assert precision_at(labelled, scores, 50) == pytest.approx(expected)
