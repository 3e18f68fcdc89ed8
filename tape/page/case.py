"""An episode as one document for who has to judge it later: all facts, and where they come from."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

import tape

STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1c20}h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2rem;border-bottom:1px "
    "solid #ccc}table{border-collapse:collapse;width:100%;font-size:.85rem}th,td{text-align:left;"
    "padding:.2rem .6rem;border-bottom:1px solid #e4e4e4;font-variant-numeric:tabular-nums}"
    ".flagged{background:#fff3d6;font-weight:600}pre{white-space:pre-wrap;overflow-wrap:anywhere;"
    "background:#f5f5f5;padding:1rem;font-size:.8rem}.reason{font-size:1.15rem}"
)
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
FACTS: Final = (
    ("id", "episode"),
    ("symbol", "symbol"),
    ("first", "first flagged trade (UTC)"),
    ("last", "last flagged trade (UTC)"),
    ("severity", "severity"),
    ("priority", "priority"),
    ("rules", "rules"),
    ("context", "circumstances"),
    ("mark", "what it may have been"),
    ("flags", "flagged trades"),
    ("shares", "shares"),
    ("notional", "dollars"),
    ("before", "price before"),
    ("extreme", "farthest price"),
    ("after", "price after"),
    ("state", "state of the episode"),
    ("review", "decision"),
)
AROUND: Final = ("ts", "price", "size", "side", "publisher", "sequence")
FEATURES: Final = ("name", "unit", "value", "median", "one_in_10k", "share")
STEPS: Final = ("at", "by", "state", "reason", "note", "tags")


def case_of(detail: Mapping[str, Any], around: Mapping[str, Any], kind: str) -> bytes:
    """Return an episode with the trades around it as `html` or `json`.

    The HTML loads nothing and runs nothing; all that strangers wrote is text.
    """
    document = {"made_by": f"tapewatch {tape.__version__}", "episode": detail, "around": around}
    if kind == "json":
        return msgspec.json.format(msgspec.json.encode(document), indent=2)
    return _as_html(detail, around).encode()


def _as_html(detail: Mapping[str, Any], around: Mapping[str, Any]) -> str:
    title = _text(f"{detail.get('symbol', '')} {detail.get('first', '')}")
    facts = [(label, detail.get(name)) for name, label in FACTS]
    trades: Sequence[Mapping[str, Any]] = detail.get("trades", ())
    reasons = [reason["text"] for trade in trades for reason in trade.get("reasons", ())]
    features = trades[0]["features"] if trades else []
    detector = trades[0]["detector"] if trades else {}
    near = around.get("trades", [])
    parts = [
        f"<h1>{title}</h1>",
        f'<p class="reason">{_text(detail.get("reason", ""))}</p>',
        _table(("fact", "value"), facts),
        "<h2>Decisions</h2>",
        _table(STEPS, [[one.get(n) for n in STEPS] for one in detail.get("history", ())])
        if detail.get("history")
        else "<p>Nobody has decided yet.</p>",
        "<h2>Why each trade was flagged</h2>",
        "".join(f"<p>{_text(text)}</p>" for text in reasons),
        "<h2>What was odd about the first one</h2>",
        _table(
            ("feature", "unit", "value", "median", "1 in 10,000 reach", "share"),
            [[one[name] for name in FEATURES] for one in features],
        ),
        "<h2>The trades around it</h2>",
        _near(near) if near else f"<p>{_text(around.get('error', 'They are not kept.'))}</p>",
        "<h2>Detector and settings</h2>",
        _table(("fact", "value"), list(detector.items())),
        "<h2>The first flagged trade as it lies on the topic</h2>",
        f"<pre>{_text(detail.get('raw', ''))}</pre>",
        f"<p>made by tapewatch {_text(tape.__version__)}</p>",
    ]
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style>'
    )
    return f"{head}</head><body>{''.join(parts)}</body></html>\n"


def _near(trades: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr{' class=flagged' if one.get('flagged') else ''}>"
        + "".join(f"<td>{_text(one.get(name))}</td>" for name in AROUND)
        + "</tr>"
        for one in trades
    )
    head = "".join(f"<th>{name}</th>" for name in AROUND)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    names = "".join(f"<th>{_text(name)}</th>" for name in head)
    return f"<table><tr>{names}</tr>{lines}</table>"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return html.escape(", ".join(map(str, value)))
    return html.escape(str(value))
