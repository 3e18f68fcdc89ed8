"""The supervised detector: the model's own scores, gated, explained, kept and restored."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xgboost

from tape.codec.symbols import SymbolTable
from tape.detection.parameters import Parameters, SymbolThresholds
from tape.detection.protocol import DUPLICATE
from tape.detection.registry import lineup, make_detector
from tape.detection.supervised.columns import NAMES as FEATURE_NAMES
from tape.detection.supervised.features import Features
from tape.detection.supervised.limits import GATE, limit_of
from tape.detection.supervised.models import MANIFEST, MODEL, load_model
from tape.errors import SettingsError, StateError
from tape.judging.judge import Judge
from tape.judging.state_fields import fields_of
from tape.model.counts import Counts
from tape.model.rules import SUPERVISED
from tape.testing import laws
from tape.testing.laws import NAMES, maker, odd_trades
from tape.testing.trades import a_day, messages
from tests.small_model import small_model

pytestmark = pytest.mark.no_cover  # literal Python on many trades: tracing would double it

SOME = 4_000


@pytest.fixture(scope="module")
def model() -> Path:
    return small_model()[0]


def run_of(model: Path, profile: str = "supervised", **changes: object) -> Parameters:
    return Parameters(profile=profile, model=str(model), alerts_per_10k=100.0, **changes)  # type: ignore[arg-type]


def test_a_score_is_xgboosts_own_through_the_tail_of_ordinary_trades(model: Path) -> None:
    trades = odd_trades(3, SOME)
    verdicts = maker(run_of(model))(NAMES).detect(trades)
    features = Features().of(trades)
    booster = xgboost.Booster(model_file=str(model / MODEL))
    matrix = xgboost.DMatrix(features.values, feature_names=list(FEATURE_NAMES))
    margins = booster.predict(matrix, output_margin=True)
    expected = load_model(model).tail.severity(margins)
    new = features.outcome < DUPLICATE
    assert verdicts.score is not None
    np.testing.assert_array_equal(verdicts.score[new], expected[new])
    assert (verdicts.score[~new] == -1).all()
    assert (~new).sum() > 50
    flagged = np.flatnonzero(new & (expected >= 2.0))
    np.testing.assert_array_equal(verdicts.flagged, flagged)
    assert 10 < len(flagged) < SOME / 2
    assert set(verdicts.rules[flagged]) == {SUPERVISED.bit}


@pytest.mark.parametrize("profile", ["supervised", "classic,calibrated,supervised"])
def test_it_obeys_all_laws_alone_and_with_others(profile: str, model: Path) -> None:
    laws.check_laws(profile, model=str(model), alerts_per_10k=100.0, trades=2_000)


def test_where_calibrated_judges_before_only_its_odd_trades_are_scored(model: Path) -> None:
    trades = odd_trades(3, SOME)
    alone = maker(run_of(model))(NAMES).detect(trades)
    both = maker(run_of(model, "calibrated,supervised"))(NAMES).detect(trades)
    of_calibrated, gated = (part.verdicts for part in both.parts)
    assert of_calibrated.score is not None
    assert gated.score is not None
    assert alone.score is not None
    # Duplicates never reach the second one; what is left of the whole batch is the same trades.
    positions = both.parts[1].positions
    rows = np.arange(SOME) if positions is None else positions
    odd = of_calibrated.score[rows] >= GATE
    np.testing.assert_array_equal(gated.score[odd], alone.score[rows][odd])
    assert (gated.score[~odd] == 0).all()
    assert (alone.score[rows][~odd] > 0).any(), "the gate shuts nothing out"
    assert 0 < odd.sum() < len(rows) / 2
    turned = maker(run_of(model, "supervised,calibrated"))(NAMES).detect(trades)
    np.testing.assert_array_equal(turned.parts[0].verdicts.score, alone.score)


def test_a_flag_is_explained_by_what_counted(model: Path) -> None:
    trades = odd_trades(3, SOME)
    detector = maker(run_of(model))(NAMES)
    verdicts = detector.detect(trades)
    booster = xgboost.Booster(model_file=str(model / MODEL))
    values = Features().of(trades).values[verdicts.flagged]
    matrix = xgboost.DMatrix(values, feature_names=list(FEATURE_NAMES))
    counted = booster.predict(matrix, pred_contribs=True, approx_contribs=True)[:, :-1]
    counted[np.isnan(values)] = 0
    assert verdicts.score is not None
    for nth, row in enumerate(verdicts.flagged.tolist()):
        found = detector.explain(trades, verdicts, nth)
        (reason,) = found.reasons
        severity = min(float(verdicts.score[row]), 8.0)
        assert (reason.rule, reason.value) == ("Supervised Model", severity)
        assert reason.threshold == pytest.approx(2.0)
        assert f"1 in 10^{severity:.1f} ordinary trades" in reason.text
        features = found.extras["features"]
        best = sorted(counted[nth][counted[nth] > 0])[::-1][:6]
        shares = [one.share for one in features]
        np.testing.assert_allclose(shares, np.array(best) / sum(best), atol=0.002)
        assert sum(shares) == pytest.approx(1, abs=0.01)
        assert found.extras["severity"] == severity
        assert found.extras["family"] in ("price", "size", "feed")


def test_budgets_are_limits_of_severity_also_for_one_symbol(model: Path) -> None:
    trades = odd_trades(3, SOME)
    own = {"BB": SymbolThresholds(alerts_per_10k=1.0)}
    verdicts = maker(run_of(model, overrides=own))(NAMES).detect(trades)
    assert verdicts.score is not None
    limits = np.where(trades.symbol == 1, limit_of(1.0), limit_of(100.0))
    np.testing.assert_array_equal(verdicts.flagged, np.flatnonzero(verdicts.score >= limits))


def test_its_fingerprint_has_the_model_and_its_state_does_not(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_changed(model, other)
    one, two = run_of(model), run_of(other)
    kind = lineup("supervised").kinds[0]
    prints = [lineup("supervised").fingerprint(run) for run in (one, two)]
    assert prints[0] != prints[1]
    more = lineup("supervised").fingerprint(replace(one, alerts_per_10k=2.0))
    assert len({*prints, more}) == 3
    renamed = tmp_path / "renamed"
    shutil.copytree(model, renamed)
    assert lineup("supervised").fingerprint(run_of(renamed)) == prints[0]
    learnt = [kind.parameters.of(run).learnt_fingerprint() for run in (one, two)]
    assert learnt[0] == learnt[1]
    before, after = maker(one)(NAMES), maker(two)(NAMES)
    before.detect(odd_trades(1, 500))
    after.restore(0, before.snapshot(0))
    assert after.snapshot(0) == before.snapshot(0)
    with pytest.raises(StateError):
        maker(Parameters(profile="calibrated"))(NAMES).restore(0, before.snapshot(0))


def write_changed(model: Path, folder: Path) -> None:
    """Write the same model with a tail that is a little wider."""
    from tape.detection.supervised.models import manifest_bytes, read_manifest

    told = read_manifest(model)
    tail = load_model(model).tail
    for name in ("checksum", "tail", "files", "features", "format"):
        del told[name]
    data = (model / MODEL).read_bytes()
    folder.mkdir()
    (folder / MODEL).write_bytes(data)
    wider = replace(tail, scale=tail.scale * 1.1)
    (folder / MANIFEST).write_bytes(manifest_bytes(told, data, wider))


def refused(folder: Path) -> str:
    with pytest.raises(SettingsError) as error:
        make_detector(run_of(folder), SymbolTable())
    assert error.value.exit_code == 4
    assert error.value.remedy
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("MODEL: ")
    return text


def test_a_model_that_cannot_be_used_is_refused_in_one_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="PROFILE has supervised, and MODEL is not set"):
        make_detector(Parameters(profile="supervised"), SymbolTable())
    assert "there is no such folder" in refused(tmp_path / "nowhere")
    assert "is not a model" in refused(tmp_path)
    spoilt = tmp_path / "spoilt"
    for name, change, said in (
        (MANIFEST, lambda old: b"", "is not the manifest of a model"),
        (MANIFEST, lambda old: b"[" * 100_000, "is not the manifest of a model"),
        (MANIFEST, lambda old: b"{}", "is not the manifest of a model"),
        (MANIFEST, lambda old: old.replace(b'"scale": ', b'"scale": 1'), "its checksum"),
        (MANIFEST, lambda old: old.replace(b'"format": 1', b'"format": 2'), "of format 2"),
        (MODEL, lambda old: old[:-100], "not the file that the manifest speaks of"),
        (MODEL, lambda old: old.replace(b"1", b"2", 1), "not the file that the manifest"),
    ):
        shutil.copytree(model, spoilt)
        old = (spoilt / name).read_bytes()
        (spoilt / name).write_bytes(change(old))
        assert old != change(old)
        assert said in refused(spoilt), name
        shutil.rmtree(spoilt)
    shutil.copytree(model, spoilt)
    (spoilt / MODEL).unlink()
    assert "is not a model (model.json" in refused(spoilt)
    monkeypatch.setattr("tape.detection.supervised.models.VERSION", 2)
    other = tmp_path / "newer"
    shutil.copytree(model, other)
    assert "has other features (version 1, " in refused(other)


def test_a_batch_without_trades_is_judged(model: Path) -> None:
    nothing = odd_trades(1, 0 + 1)
    empty = laws.taken(nothing, slice(0, 0))
    for profile in ("supervised", "calibrated,supervised"):
        assert len(maker(run_of(model, profile))(NAMES).detect(empty).rules) == 0


def test_a_person_is_shown_what_is_kept_of_a_symbol(model: Path) -> None:
    judge = Judge(run_of(model), 10, Counts())
    keys, values = messages(a_day(200, ["NVDA"]))
    judge.judge(keys, values)
    ((_, blob),) = judge.changed()
    shown = fields_of(blob)
    assert shown["trades"] == 200
    assert shown["publishers"] == 1
    assert "damaged" not in shown
