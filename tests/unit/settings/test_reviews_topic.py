"""The topic of decisions is looked at where somebody may decide, and nowhere else."""

import pytest

from tape.settings.page import reviews_topic


@pytest.mark.parametrize(
    ("env", "topic"),
    [
        ({}, None),
        ({"BARS_TOPIC": "seconds"}, None),
        ({"REVIEWS_TOPIC": "decided"}, "decided"),
        ({"REVIEWS_TOPIC": "reviews"}, "reviews"),
        ({"PAGE_PORT": "8600"}, "reviews"),
        ({"PAGE_REVIEWERS": "ann"}, "reviews"),
    ],
)
def test_the_topic_of_reviews_is_wanted_where_there_is_a_page(
    env: dict[str, str], topic: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert reviews_topic() == topic
