"""The README's recording is one of the README's commands, and its picture is made of it."""

import json
import re
from xml.etree import ElementTree

import pytest

pytest.importorskip("pyte")

from docs import animation, recording

CAST = recording.CAST.read_text("utf-8")
LONGEST_S = 30
"""Of the picture, waits cut: nobody watches longer."""


def screens() -> list[str]:
    """What is seen, one text per frame."""
    found = []
    for _, screen in animation.frames(CAST)[2]:
        lines = []
        for runs in screen:
            line = ""
            for column, text, _, _ in runs:
                line = line.ljust(column) + text
            lines.append(line)
        found.append("\n".join(lines))
    return found


def test_it_is_a_recording_in_the_form_that_players_know() -> None:
    header, *events = map(json.loads, CAST.splitlines())
    assert header["version"] == 2
    assert (header["width"], header["height"]) == (recording.COLUMNS, recording.ROWS)
    assert all(isinstance(at, float | int) and kind == "o" for at, kind, _ in events)
    assert all(isinstance(text, str) and text for _, _, text in events)
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    assert animation.frames(CAST)[2][-1][0] < LONGEST_S


def test_it_shows_the_commands_of_the_readme_and_what_they_find() -> None:
    seen = screens()
    typed = [re.escape(f"$ {command}") for command in recording.commands()]
    assert len(typed) == 3
    for command in typed:
        assert any(re.search(f"{command}$", screen, re.MULTILINE) for screen in seen), command
    together = "\n".join(seen)
    assert "trades on stocks" in together
    assert "of the last 60 trades" in together
    assert "error" not in together
    assert "Traceback" not in together


def test_it_names_no_place_of_the_machine_that_it_was_made_on() -> None:
    assert not re.search(r"/(home|root|work|tmp|Users)/", CAST)


def test_its_picture_is_made_of_it() -> None:
    text = recording.PICTURE.read_text("utf-8")
    assert text == animation.svg(CAST), "run: python -m docs.recording draw"
    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own picture
