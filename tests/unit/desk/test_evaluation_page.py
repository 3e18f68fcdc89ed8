"""The page on detection shows the figures that were kept, and no others."""

import json

from benchmarks.evaluation import BUDGETS, END, KEPT, PAGE, PICTURES, START, TITLES, page


def test_the_page_has_the_tables_of_the_last_evaluation() -> None:
    kept = json.loads(KEPT.read_text())
    assert "synthetic" in kept
    text = PAGE.read_text()
    assert text.count(START) == text.count(END) == 1
    assert text.split(START)[1].split(END)[0].strip() == page(kept)
    assert set(kept) <= {*TITLES, BUDGETS}
    for name in TITLES.keys() & kept.keys():
        assert (PICTURES / f"evaluation-{name}.png").is_file()
