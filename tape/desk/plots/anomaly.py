"""A picture of one anomaly: the trades around it, and what made it odd."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tape.desk.plots.saving import save_figure
from tape.desk.plots.style import FLAGGED, ORDINARY, VOLUME, behind
from tape.market.new_york import NEW_YORK
from tape.model.anomaly import (
    Anomaly,
    Feature,
    decode_anomaly,
    verdict_begins,
)
from tape.model.fields import dollars
from tape.process.whole_file import OutputFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AROUND: Final = 100
"""Trades of the symbol that are shown before the anomaly, and as many after it."""
TICKS: Final = 25
"""Trades from one time on the axis to the next."""
WIDTH: Final = 150
"""Letters of a line of the reasons."""
OTHER: Final = "tab:orange"
NOTHING: Final = 0.001
"""What a property may differ from 0 by rounding."""


class _Trade(msgspec.Struct):
    ts_event: str
    symbol: str
    price: float
    size: int
    publisher_id: int = 0
    sequence: int | None = None


@dataclass(slots=True)
class ShownTrade:
    """A trade of a close-up, with what was found if it is flagged."""

    trade: _Trade
    anomaly: Anomaly | None = None


_trades = msgspec.json.Decoder(list[_Trade])


def shown_trades(values: Sequence[bytes], flagged: list[bytes]) -> Iterator[ShownTrade]:
    """Yield trades with what is flagged of them, both given as messages in the tape's order."""
    waiting = iter(flagged)
    told = next(waiting, None)
    trades = _trades.decode(b"[" + b",".join(values) + b"]")
    for trade, value in zip(trades, values, strict=True):
        anomaly = None
        if told is not None and told.startswith(verdict_begins(value)):
            found = decode_anomaly(told)
            assert isinstance(found, Anomaly)  # noqa: S101 - the judge has made it
            anomaly, told = found, next(waiting, None)
        yield ShownTrade(trade, anomaly)


def save_close_up(shown: list[ShownTrade], place: int, output: OutputFile) -> None:
    """Draw the anomaly in this place among trades of its symbol, into a file."""
    save_figure(close_up_figure(shown, place), output)


def close_up_figure(shown: list[ShownTrade], place: int) -> "Figure":
    """Draw the anomaly in this place among trades of its symbol."""
    from matplotlib.figure import Figure

    anomaly = shown[place].anomaly
    assert anomaly is not None  # noqa: S101 - the place is that of an anomaly
    rows = len(anomaly.features)
    figure = Figure(figsize=(12, 6 + 0.35 * rows), layout="constrained")
    heights = [1.0, 0.08 * rows] if rows else [1.0]
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    told = _told(shown[place].trade, anomaly)
    figure.suptitle(told, x=0.01, ha="left", size="medium", parse_math=False)
    _draw_trades(panels[0], shown, place, anomaly.episode_id)
    if rows:
        _draw_shares(panels[1], anomaly.features)
    return figure


def _told(trade: _Trade, anomaly: Anomaly) -> str:
    """Return what stands above the picture: the trade, and why it was flagged."""
    head = (
        f"{trade.symbol}, {trade.ts_event}: {trade.size:,} shares at {dollars(trade.price)} "
        f"dollars, {_new_york(trade.ts_event)} in New York"
    )
    facts = [] if anomaly.severity is None else [f"severity {anomaly.severity:.1f}"]
    facts += [] if anomaly.priority is None else [f"priority {anomaly.priority:.1f}"]
    facts += [anomaly.context] if anomaly.context else []
    if facts:
        head += f"; {', '.join(facts)}"
    lines = [textwrap.fill(reason.text, WIDTH) for reason in anomaly.reasons]
    return "\n".join([head, *lines])


def _new_york(ts_event: str) -> str:
    """Return New York's time of day.

    >>> _new_york("2025-05-05T14:30:00.123456789Z")
    '10:30:00'
    """
    at = datetime.fromisoformat(ts_event[: len("2025-05-05T14:30:00")]).replace(tzinfo=UTC)
    return f"{at.astimezone(NEW_YORK):%H:%M:%S}"


def _draw_trades(panel: Any, shown: list[ShownTrade], place: int, episode: str) -> None:
    """Draw price and size of each trade, flagged ones marked, by their number from the anomaly."""
    at = [n - place for n in range(len(shown))]
    usd = [one.trade.price for one in shown]
    sizes = behind(panel, "shares of the trade")
    sizes.bar(at, [one.trade.size for one in shown], width=0.8, color=VOLUME)
    panel.plot(at, usd, color=ORDINARY, linewidth=0.8, marker=".", markersize=4)
    for its, color, label in (
        (False, OTHER, "flagged, of other episodes"),
        (True, FLAGGED, "flagged, of its episode"),
    ):
        flagged = [(n, one.anomaly) for n, one in enumerate(shown) if one.anomaly is not None]
        own = [n for n, anomaly in flagged if (anomaly.episode_id == episode) is its]
        if own:
            points = ([at[n] for n in own], [usd[n] for n in own])
            panel.scatter(*points, s=22, color=color, zorder=3, label=f"{label}: {len(own)}")
    panel.scatter(
        [0], [usd[place]], s=140, facecolors="none", edgecolors=FLAGGED, zorder=4, label="the trade"
    )
    panel.legend(loc="best")
    panel.ticklabel_format(axis="y", useOffset=False)
    panel.set_ylabel("dollars per share")
    panel.set_xlabel("trades before and after the anomaly, and their time (UTC)")
    ticks = [n for n in range(len(shown)) if at[n] % TICKS == 0]
    times = _times([shown[n].trade.ts_event for n in ticks])
    labels = [f"{at[n]:+d}\n{time}" for n, time in zip(ticks, times, strict=True)]
    panel.set_xticks([at[n] for n in ticks], labels, size="small")
    panel.margins(x=0.02)


def _times(texts: list[str]) -> list[str]:
    """Return times of day, with microseconds where milliseconds do not tell them apart.

    >>> _times(["2025-05-05T14:30:00.123456789Z", "2025-05-05T14:30:00.123499999Z"])
    ['14:30:00.123456', '14:30:00.123499']
    """
    start, second = len("2025-05-05T"), len("2025-05-05T14:30:00")
    coarse = [text[start : second + len(".123")] for text in texts]
    if len(set(coarse)) == len(set(texts)):
        return coarse
    return [text[start : second + len(".123456")] for text in texts]


def _draw_shares(panel: Any, features: Sequence[Feature]) -> None:
    """Draw each property's contribution, with what was seen and what is ordinary."""
    names = [feature.name for feature in features]
    bars = panel.barh(names, [100 * feature.share for feature in features], color=FLAGGED)
    texts = [
        f"{_short(f.value)} (ordinary {_short(f.median)}, 1 in 10,000: {_short(f.one_in_10k)})"
        for f in features
    ]
    panel.bar_label(bars, texts, padding=4)
    panel.invert_yaxis()
    panel.set_xlim(0, 140)
    panel.set_xticks(range(0, 101, 20))
    panel.set_xlabel("contribution, %")


def _short(value: float) -> str:
    """Return a value as a person reads it.

    >>> _short(14_360.4), _short(5.2984), _short(1e-12)
    ('14,360', '5.3', '0')
    """
    if abs(value) < NOTHING:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"
