"""The pages show the figures that were kept, and no others."""

from pathlib import Path

import pytest

from benchmarks import evaluation, evaluation_page, real_labels
from benchmarks.evaluation import KEPT, PICTURES, RUNS
from benchmarks.evaluation_page import (
    BLOCK,
    BUDGETS,
    PAGES,
    PARTS,
    RANKINGS,
    REAL,
    SPEED,
    TITLES,
    filled,
    kept_figures,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_has_the_tables_of_the_last_evaluation(page: Path) -> None:
    text = page.read_text()
    assert text.count("<!-- figures:") == len(BLOCK.findall(text)) > 0
    assert filled(text, kept_figures(KEPT)) == text, "run: make evaluate"


def test_every_part_and_every_comparison_is_shown() -> None:
    shown = {name for page in PAGES for name in BLOCK.findall(page.read_text())}
    assert shown == set(PARTS)
    kept = kept_figures(KEPT)
    assert set(kept) == {*TITLES, BUDGETS, RANKINGS, SPEED}
    for name in TITLES.keys() - REAL.keys():
        assert (PICTURES / f"evaluation-{name}.png").is_file()


def test_without_the_real_days_it_says_so_and_their_figures_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, pages = tmp_path / "kept.json", tuple(tmp_path / page.name for page in PAGES)
    kept.write_text(KEPT.read_text())
    for copy, page in zip(pages, PAGES, strict=True):
        copy.write_text(
            BLOCK.sub(r"<!-- figures: \1 -->\nold\n<!-- end of figures -->", page.read_text())
        )
    monkeypatch.setattr(evaluation, "KEPT", kept)
    monkeypatch.setattr(evaluation_page, "PAGES", pages)
    missing = tmp_path / "no data"
    of_real_days = [name for name in RUNS if name != "synthetic"]
    assert evaluation.main(["--data", str(missing), "--only", *of_real_days]) == 0
    said = capsys.readouterr().out
    for name in of_real_days:
        assert f"{name}: no such days in {missing}; the last figures stay" in said
    assert kept.read_text() == KEPT.read_text()
    assert [page.read_text() for page in pages] == [page.read_text() for page in PAGES]
    monkeypatch.setattr("sys.argv", ["real_labels", str(missing)])
    assert real_labels.main() == 2
    assert f"no labelled day in {missing}" in capsys.readouterr().err
