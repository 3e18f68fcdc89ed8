"""The tables of `make evaluate` as they stand in the pages, between marks with their names."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import budgets
from tape.desk.evaluate.baselines import BASELINES, NINE
from tape.desk.evaluate.tables import (
    day_rows,
    family_rows,
    markdown,
    markdown_tables,
    share,
    within_rows,
)
from tape.detection.parameters import Parameters

Kept = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = (ROOT / "README.md", ROOT / "docs/detection.md", ROOT / "docs/evaluation.md")
BUDGETS: Final = "budgets"
RANKINGS: Final = "rankings"
SPEED: Final = "speed"
REAL: Final = {"real-10bp": 10, "real-20bp": 20}
"""Comparisons on the day with real labels: prints this many bp outside the best bid and offer."""
TITLES: Final = {
    "synthetic": "Three synthetic days of four symbols, 60,000 trades each",
    "real-10bp": "Real prints more than 10 bp outside the best bid and offer (AIG, BAC, IBM, "
    "2013-10-08), from a cold start",
    "real-20bp": "The same day, prints more than 20 bp outside",
    "four-symbols": "A real day of four symbols (consolidated tape, 2013-10-08), of which no other "
    "day is at hand: judged from a cold start",
    "nvda": "Four real days of NVDA (XNAS.ITCH, 2024-11-29 to 2025-07-03)",
}
"""The comparisons, quick ones first."""
SHORT: Final = {
    "real-10bp": "real prints > 10 bp outside the quotes, 2013-10-08",
    "real-20bp": "the same, > 20 bp",
    "nvda": "injected into four real NVDA days",
    "four-symbols": "injected into a real day of four symbols",
    "synthetic": "injected into three synthetic days",
}
SHOWN: Final = ("calibrated", *BASELINES, "classic")
ROUND: Final = 100_000


def summary(kept: Kept) -> str:
    """Return how the profiles and the baselines rank, over trades and over events."""
    rows = [
        [SHORT[name], *(f"{share(o['pr_auc'])}, {share(o['event_pr_auc'])}" for o in shown)]
        for name, shown in _shown(kept)
    ]
    return markdown(("PR-AUC by trade, by event", *SHOWN), rows)


def live(kept: Kept) -> str:
    """Return which share of events is flagged live, at how many false alarms."""
    rows = [
        [SHORT[name], *(f"{share(o['recall'])} at {o['alarms_per_10k']:.1f}" for o in shown)]
        for name, shown in _shown(kept)
    ]
    return markdown(("events found, at false alarms per 10,000 trades", *SHOWN), rows)


def _shown(kept: Kept) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name in SHORT:
        if name in kept:
            yield name, [kept[name][one] for one in SHOWN]


def families(kept: Kept) -> str:
    """Return the families apart, on the days with anomalies put into them."""
    parts = []
    for name in ("nvda", "four-symbols", "synthetic"):
        if name in kept:
            own = {one: kept[name][one] for one in SHOWN}
            parts += [f"{SHORT[name][:1].upper()}{SHORT[name][1:]}:", markdown(*family_rows(own))]
    return "\n\n".join(parts)


def kinds(kept: Kept) -> str:
    """Return how many events of each kind `calibrated` finds, and after how many trades."""
    sets = [name for name in ("nvda", "four-symbols", "synthetic") if name in kept]
    found = {name: kept[name]["calibrated"]["by_kind"] for name in sets}
    rows = []
    for kind in found[sets[0]]:
        cells = []
        for name in sets:
            one = found[name][kind]
            delay = one["median_delay_trades"]
            after = "" if delay is None else f", after {delay:g}"
            cells.append(f"{one['found']} of {one['events']}{after}")
        rows.append([kind, *cells])
    head = ("found by `calibrated`, after (median, trades)", *(SHORT[name] for name in sets))
    return markdown(head, rows)


def real(kept: Kept) -> str:
    """Return what the real prints outside the quotes say of each profile and baseline."""
    ten, twenty = (kept[name] for name in REAL)
    head = (
        "",
        "> 10 bp: PR-AUC, by event",
        "> 20 bp: PR-AUC, by event",
        f"events > 10 bp flagged, of {ten['calibrated']['events']}",
        f"> 20 bp, of {twenty['calibrated']['events']}",
        "alarms per 10,000",
        "flags outside the quotes",
    )
    rows = []
    for one, figures in ten.items():
        alarms = 10_000 * (figures["true_alarms"] + figures["false_alarms"]) / figures["trades"]
        rows.append(
            [
                one,
                f"{share(figures['pr_auc'])}, {share(figures['event_pr_auc'])}",
                f"{share(twenty[one]['pr_auc'])}, {share(twenty[one]['event_pr_auc'])}",
                str(figures["found"]),
                str(twenty[one]["found"]),
                f"{alarms:.1f}",
                f"{100 * figures['outside']:.0f} %",
            ]
        )
    price = kept[RANKINGS]["flags of price"]
    cells = (str(price["events_10bp"]), str(price["events_20bp"]))
    alarms, outside = f"{price['alarms_per_10k']:.1f}", f"{100 * price['outside']:.0f} %"
    rows.append(["calibrated, its flags of the price", "", "", *cells, alarms, outside])
    return markdown(head, rows)


def rankings(kept: Kept) -> str:
    """Return what the parts of `calibrated` rank on the same day."""
    rows = {name: one for name, one in kept[RANKINGS].items() if "ap_10bp" in one}
    head = ("ranked by", "PR-AUC > 10 bp", "by event", "PR-AUC > 20 bp", "by event")
    keys = ("ap_10bp", "event_ap_10bp", "ap_20bp", "event_ap_20bp")
    return markdown(head, [[n, *(share(one[key]) for key in keys)] for n, one in rows.items()])


def speed(kept: Kept) -> str:
    """Return a sentence about trades per second and bytes per symbol."""
    one = kept[SPEED]["calibrated"]
    per_s = round(one["trades_per_s"] / ROUND) * ROUND / 1e6
    return (
        f"`calibrated` judges {per_s:.1f} million trades/s in batches of 10,000 ({one['symbols']} "
        f"symbols, thread CPU time, median of seven runs, {one['machine']}; `python -m "
        f"benchmarks.calibrated`). Its state takes at most {one['bytes_per_symbol']:,} bytes per "
        "symbol, less while it has traded little."
    )


def budget(kept: Kept) -> str:
    """Return what a budget asks for and what comes, in a sentence."""
    pairs = kept[BUDGETS].values()
    per_10k, a_day, rare = (
        [one[key] for one in pairs]
        for key in ("alerts_per_10k", "alerts_a_day", "trades_per_10k_of_severity_4")
    )
    return (
        f"Asked for 1 alert per 10,000 trades, `calibrated` gives {min(per_10k):.1f} to "
        f"{max(per_10k):.1f} on the {len(per_10k)} pairs of NVDA days, each judged after one "
        f"other. Asked for 20 per day, it gives {min(a_day)} to {max(a_day)}. Trades of severity "
        f"4 or more are {min(rare):.1f} to {max(rare):.1f} in 10,000; 1 would be exact."
    )


def settings(kept: Kept) -> str:
    """Return under which settings the figures were measured."""
    return (
        "The real prints are labelled by their quotes. Into each of the other days "
        f"{_injected(kept)} anomalies of seven kinds were put. Settings come from other days only. "
        f"The budget of `calibrated` is {Parameters().alerts_per_10k:g} per 10,000 trades, its "
        "default; the two baselines of the price have as many alarms on the days they are tuned "
        f"on. `{NINE}` is the distance from the median of the last nine prices. Where no other "
        "day of the same symbols is at hand, a day is judged from a cold start. There the "
        "baselines are tuned on the day itself, in their favour."
    )


def _injected(kept: Kept) -> int:
    days = kept["synthetic"]["calibrated"]["days"]
    return round(int(kept["synthetic"]["calibrated"]["events"]) / len(days))


def full(kept: Kept) -> str:
    """Return all tables of all comparisons."""
    parts = []
    for name, title in TITLES.items():
        if name not in kept:
            continue
        parts += [f"## {title}", markdown_tables(kept[name])]
        if name in REAL:
            continue
        parts += ["Events found within:", markdown(*within_rows(kept[name]))]
        if len(next(iter(kept[name].values()))["days"]) > 1:
            parts.append(markdown(*day_rows(kept[name])))
        parts.append(of_severity(kept[name]["calibrated"]))
        parts.append(
            f"![Precision over recall, one panel per profile](pictures/evaluation-{name}.png)"
        )
    if BUDGETS in kept:
        parts += [
            "## Budget and severity out of sample",
            "Real NVDA days as they are, after one other day was judged; an alert is a flagged "
            "trade and the 29 trades behind it.",
            budgets.table(kept[BUDGETS]),
        ]
    return "\n\n".join(parts)


def of_severity(one: dict[str, Any]) -> str:
    """Return how true the calibrated profile's severities are, and what it does to auctions."""
    seen = one["ordinary_per_10k_at_severity"]
    told = ", ".join(f"{severity}: {share:.2g}" for severity, share in seen.items())
    return (
        "`calibrated`, ordinary trades per 10,000 at or above a severity (10, 1 and 0.1 would be "
        f"exact; real days have oddities of their own): {told}. "
        f"Auction prints flagged: {one['auction_prints_flagged']} of {one['auction_prints']}."
    )


PARTS: Final[dict[str, Callable[[Kept], str]]] = {
    one.__name__: one
    for one in (
        summary,
        live,
        families,
        kinds,
        real,
        rankings,
        speed,
        budget,
        settings,
        full,
    )
}
"""What may stand between marks, by their names."""
BLOCK: Final = re.compile(r"<!-- figures: (\w+) -->\n.*?<!-- end of figures -->", re.DOTALL)


def filled(text: str, kept: Kept) -> str:
    """Return a page with the figures between its marks."""
    return BLOCK.sub(
        lambda found: (
            f"<!-- figures: {found[1]} -->\n{PARTS[found[1]](kept)}\n<!-- end of figures -->"
        ),
        text,
    )


def write(kept: Kept) -> Iterator[Path]:
    """Replace what stands between the marks of the pages; yield these."""
    for path in PAGES:
        path.write_text(filled(path.read_text(), kept))
        yield path


def kept_figures(path: Path) -> Kept:
    """Return what the last run kept."""
    kept: Kept = json.loads(path.read_text())
    return kept
