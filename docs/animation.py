"""Makes a picture that moves, an SVG, of a terminal recording in the form of asciinema.

Frames lie one above the other, and CSS shows one at a time; a line that several frames have is
drawn once.
"""

import json
from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Final

import pyte

TICK_S: Final = 0.1
"""What comes within this time is one frame: more often nobody can read."""
STILL_S: Final = 0.25
"""How long a screen is shown at most: waiting for a broker is nothing to watch."""
PROMPT_S: Final = 1.5
"""The same of one that waits for the next command: what was found can be read."""
LAST_S: Final = 4.0
"""For how long the last frame stays before all begins again: time to read the summary."""
CELL_W: Final = 8.4
CELL_H: Final = 18
BASE: Final = 13
"""Pixels: a monospaced character of 14 px, a line, and the base line within it."""
MARGIN: Final = 12
COLOURS: Final = {
    "default": "#d0d7de",
    "black": "#484f58",
    "red": "#ff7b72",
    "green": "#3fb950",
    "brown": "#d29922",
    "blue": "#58a6ff",
    "magenta": "#bc8cff",
    "cyan": "#39c5cf",
    "white": "#f0f6fc",
}
"""pyte's names of the eight colours, as GitHub's dark theme has them."""
BACKGROUND: Final = "#0d1117"

Run = tuple[int, str, str, bool]
"""First column, text, colour and whether it is bold."""


def frames(cast: str) -> tuple[int, int, list[tuple[float, tuple[tuple[Run, ...], ...]]]]:
    """Return columns, rows, and when which screen is seen, waits cut."""
    header, *events = map(json.loads, cast.splitlines())
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    found: list[tuple[float, tuple[tuple[Run, ...], ...]]] = []
    newest_s = 0.0
    for at, _, text in events:
        stream.feed(text)
        seen = tuple(tuple(_runs(screen, row)) for row in range(screen.lines))
        if not found:
            found.append((0.0, seen))
        elif seen != (before := found[-1])[1]:
            if at - newest_s < TICK_S:
                found[-1] = (before[0], seen)
                continue
            longest = PROMPT_S if _asks(before[1]) else STILL_S
            found.append((before[0] + min(at - newest_s, longest), seen))
            newest_s = at
    return header["width"], header["height"], found


def _asks(screen: tuple[tuple[Run, ...], ...]) -> bool:
    """Return whether the shell waits for a command."""
    lines = [runs for runs in screen if runs]
    return bool(lines) and lines[-1][-1][1].endswith("$")


def _runs(screen: pyte.Screen, row: int) -> Iterator[Run]:
    cells = [(n, screen.buffer[row][n]) for n in range(screen.columns)]
    for (colour, bold), group in groupby(cells, key=lambda cell: (cell[1].fg, cell[1].bold)):
        found = list(group)
        text = "".join(cell.data for _, cell in found)
        if text.strip():
            left = len(text) - len(text.lstrip())
            yield found[0][0] + left, text.strip(), colour, bold


def svg(cast: str) -> str:
    """Return the recording as an SVG."""
    columns, rows, shown = frames(cast)
    width, height = round(columns * CELL_W) + 2 * MARGIN, rows * CELL_H + 2 * MARGIN
    total_s = shown[-1][0] + LAST_S
    lines: dict[tuple[Run, ...], int] = {}
    strip, steps = [], []
    for number, (at, screen) in enumerate(shown):
        steps.append(f"{100 * at / total_s:.2f}%{{transform:translateY(-{number * height}px)}}")
        for row, runs in enumerate(screen):
            if runs:
                line = lines.setdefault(runs, len(lines))
                strip.append(f'<use href="#l{line}" y="{number * height + row * CELL_H}"/>')
    steps.append(f"100%{{transform:translateY(-{(len(shown) - 1) * height}px)}}")
    drawn = [f'<g id="l{n}">{"".join(map(_text, runs))}</g>' for runs, n in lines.items()]
    style = (
        f"text{{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        f"white-space:pre}}.b{{font-weight:bold}}"
        f"@keyframes k{{{''.join(steps)}}}"
        f"#s{{animation:k {total_s:.1f}s steps(1,end) infinite}}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}">',
            f"<style>{style}</style>",
            f"<defs>{''.join(drawn)}</defs>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
            f'<svg x="{MARGIN}" y="{MARGIN}" width="{width}" height="{height}">',
            f'<g id="s">{"".join(strip)}</g>',
            "</svg>",
            "</svg>",
            "",
        ]
    )


def _text(run: Run) -> str:
    column, text, name, bold = run
    colour = COLOURS.get(name, f"#{name}" if len(name) == 6 else COLOURS["default"])
    weight = ' class="b"' if bold else ""
    return (
        f'<text x="{column * CELL_W:.1f}" y="{BASE}" textLength="{len(text) * CELL_W:.1f}" '
        f'fill="{colour}"{weight}>{escape(text, quote=False)}</text>'
    )
