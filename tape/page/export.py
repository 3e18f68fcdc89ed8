"""A day as a page that needs no server: files for any place that serves files."""

from pathlib import Path
from typing import Any, Final

from tape.errors import TapeError
from tape.model.bar import seconds_of
from tape.page.board import Board
from tape.page.filters import Wanted
from tape.page.frames import BarRow, bar_row, encode
from tape.page.near import Around
from tape.page.rows import Row
from tape.process.whole_folder import check_new_folder, write_folder

LIVE: Final = Path(__file__).with_name("live")
CHART: Final = "lightweight-charts.standalone.production.mjs"
LICENCE: Final = "LICENSE-lightweight-charts.txt"
EPISODES_MAX: Final = 500
"""The worst ones; with the trades around each that is 15 MB."""
AROUND: Final = 30
"""Trades before and after: fewer than a server tells, for all of them are in the file."""
BARS_EACH_S: Final = 120
"""Seconds before and after an episode of which the bars are in the file."""
SERVED: Final = (
    "A browser runs this page only from a server: python -m http.server in this folder, "
    "then http://127.0.0.1:8000"
)
"""What is read where the page is opened as a file; it goes as soon as the page runs."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def export(board: Board, around: Around, title: str, folder: Path) -> tuple[int, int]:
    """Write what a board knows as a page; return how many episodes are on it, and were in all.

    Raises `SettingsError` where the folder cannot be written.
    """
    check_new_folder(folder)
    rows, count = board.wanted(Wanted(), EPISODES_MAX)
    details = {row["id"]: board.detail(row["id"]) for row in rows}
    kept = {
        "start": {
            "title": title,
            "user": "",
            "may_review": False,
            "replayed": True,
            "reasons": [],
            "symbols": board.symbols(),
            "facts": {"state": "idle", "problem": f"A day that is over: {title}."},
        },
        "overview": {"minutes": board.overview(), "recent": board.recent(), "budget": 0.0},
        "bars": {one: _seconds(board, one, rows) for one in board.symbols()},
        "minutes": {one: [bar_row(bar) for bar in board.minutes(one)] for one in board.symbols()},
        "each_s": BARS_EACH_S,
        "details": details,
        "around": {name: _around(around, name) for name in details},
        "trades": {
            str(trade.get("anomaly_id")): name
            for name, detail in details.items()
            for trade in (detail or {}).get("trades", ())
        },
    }
    vendor = LIVE / "vendor"
    files = {
        "index.html": _index(title),
        "data.js": b"globalThis.TAPEWATCH=" + encode(kept).replace(b"</", b"<\\/") + b";\n",
        "live.js": (LIVE / "live.js").read_bytes(),
        "static.js": (LIVE / "static.js").read_bytes(),
        CHART: (vendor / CHART).read_bytes(),
        LICENCE: (vendor / LICENCE).read_bytes(),
    }
    write_folder(folder, files)
    return len(rows), count + board.lost


def _seconds(board: Board, symbol: str, rows: list[Row]) -> list[BarRow]:
    """Return a symbol's bars of seconds around its episodes, by time."""
    found: dict[int, BarRow] = {}
    for row in rows:
        if row["symbol"] != symbol:
            continue
        at = row["first"][:19] + "Z"
        for bar in map(bar_row, board.bars(symbol, at, BARS_EACH_S)):
            if abs(bar[0] - seconds_of(at)) <= BARS_EACH_S:
                found[bar[0]] = bar
    return [found[second] for second in sorted(found)]


def _around(around: Around, name: str) -> dict[str, Any]:
    try:
        return around(name, AROUND)
    except TapeError as error:
        return {"error": error.cause}


def _index(title: str) -> bytes:
    import html

    css, body = (LIVE / "live.css").read_text("utf-8"), (LIVE / "live.html").read_text("utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tapewatch: '
        f'{html.escape(title)}</title><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"></head><body>'
        f'<template id="style"><style>{css}</style></template><template id="body">{body}</template>'
        f'<div id="root"><p id="served">{SERVED}</p></div><script src="data.js"></script>'
        '<script type="module" src="static.js"></script></body></html>\n'
    ).encode()
