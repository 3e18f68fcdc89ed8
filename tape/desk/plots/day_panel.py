"""A day of a symbol as a picture: what is collected of it, and drawing it."""

import textwrap
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from tape.desk.plots.style import ORDINARY
from tape.market.auctions import CLOSE_S, EARLY_S, HALF_DAY_CLOSE_S, OPEN_S
from tape.market.new_york import NEW_YORK
from tape.model.rules import RULES

NUMBERED: Final = 12
"""Episodes of a panel that have a number."""
NUMBER_WIDTH: Final = 0.018
"""Of the axis, that a number takes up."""
LEVELS: Final = 6
"""Numbers one below another where they would overlap."""
LETTERS: Final = 150
"""Of a line about an episode."""

EPISODE: Final = "tab:orange"
AUCTION: Final = "black"
OF_RULE: Final[dict[tuple[str, str], tuple[str, str]]] = {
    (rule.name, family if len(rule.families) > 1 else ""): style
    for rule in RULES
    for family, style in zip(rule.families, rule.pictures, strict=True)
}
"""Colour and mark of a rule, and of what it looks at where it looks at several things."""
OTHERS: Final = (("magenta", "P"), ("olive", "X"), ("brown", "v"), ("navy", "*"))
"""Of rules that this program does not know."""
REPORTED_S: Final = 180
"""Seconds after the bell within which an auction's print may be reported."""
BEYOND: Final = 0.35
"""How far the axis reaches beyond the prices at the minutes' ends, in parts of their range."""
REGULAR_S: Final = (OPEN_S, CLOSE_S)


class Episode(msgspec.Struct):
    """The fields of an episode that are drawn, whatever else a state of it has."""

    episode_id: str
    symbol: str
    flags: int
    first_ts_event: str
    last_ts_event: str
    text: str


@dataclass(slots=True)
class Minute:
    """Trades of a minute: their prices and shares."""

    last_usd: float
    low_usd: float
    high_usd: float
    shares: int


@dataclass(slots=True)
class Flag:
    """A flagged trade, under what it is drawn."""

    at: datetime
    usd: float
    rule: tuple[str, str]


@dataclass(slots=True)
class Panel:
    """What is known of a symbol on a day of New York."""

    minutes: dict[datetime, Minute] = field(default_factory=dict)
    trades: int = 0
    flags: list[Flag] = field(default_factory=list)
    flagged: int = 0
    auctions: list[tuple[datetime, float, int]] = field(default_factory=list)
    episodes: dict[str, Episode] = field(default_factory=dict)
    priorities: dict[str, float] = field(default_factory=dict)

    def priority(self, episode: Episode) -> tuple[float, int]:
        """Return by what episodes are ranked: the highest priority of a flag, then the flags."""
        return self.priorities.get(episode.episode_id, 0.0), episode.flags


def rule_drawn(rule: str, family: str) -> tuple[str, str]:
    """Return under what a flag is drawn: its rule, with the family where the rule has several."""
    return (rule, family) if (rule, family) in OF_RULE else (rule, "")


def draw_panel(part: Any, key: tuple[str, date], one: Panel) -> None:
    """Draw a day of a symbol: price over volume, and the episodes in words below."""
    numbered = _numbered(one)
    rows = max(len(numbered), 1)
    price, volume, words = part.subplots(
        3, 1, height_ratios=[3.2, 1, 0.16 * rows + 0.05], gridspec_kw={"hspace": 0.02}
    )
    symbol, day = key
    trades = f"{one.trades:,} trades, {one.flagged:,} flagged, {len(one.episodes):,} episodes"
    price.set_title(f"{symbol}, {day:%A %Y-%m-%d}: {trades}", loc="left", parse_math=False)
    minutes = sorted(one.minutes.items())
    times, bars = [at for at, _ in minutes], [bar for _, bar in minutes]
    low, high = [bar.low_usd for bar in bars], [bar.high_usd for bar in bars]
    price.fill_between(
        times, low, high, color=ORDINARY, alpha=0.2, linewidth=0, label="lowest to highest"
    )
    price.plot(
        times, [bar.last_usd for bar in bars], color=ORDINARY, linewidth=1, label="last of a minute"
    )
    limits = _limits([bar.last_usd for bar in bars])
    price.set_ylim(*limits)
    _draw_flags(price, one, limits)
    _draw_auctions(price, one, limits)
    _draw_episodes(price, one, numbered, limits)
    price.set_ylabel("dollars per share")
    price.ticklabel_format(axis="y", useOffset=False)
    price.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)
    volume.bar(times, [bar.shares for bar in bars], width=1 / 1_440, align="edge", color="0.6")
    volume.set_yscale("log")
    volume.set_ylabel("shares\nper minute")
    _draw_hours(price, volume, times)
    words.axis("off")
    lines = []
    for nth, episode in enumerate(numbered, 1):
        told = textwrap.shorten(episode.text, LETTERS, placeholder=" …")
        lines.append(f"{nth:2d}   {_clock(episode)}   {told}")
    words.text(
        0, 1, "\n".join(lines), va="top", size="small", parse_math=False, transform=words.transAxes
    )


def _limits(usd: list[float]) -> tuple[float, float]:
    """Return the ends of the axis of prices: a misprint must not flatten the day."""
    low, high = min(usd), max(usd)
    more = BEYOND * (high - low) or abs(low) * 0.001 or 0.01
    return low - more, high + more


def _draw_flags(panel: Any, one: Panel, limits: tuple[float, float]) -> None:
    """Draw flagged trades, those beyond the axis at its edge."""
    others = iter(OTHERS * len(one.flags))
    styles: dict[tuple[str, str], tuple[str, str]] = dict(OF_RULE)
    edge = 0.012 * (limits[1] - limits[0])
    low, high = limits[0] + edge, limits[1] - edge
    for rule in sorted({flag.rule for flag in one.flags}):
        color, marker = styles[rule] if rule in styles else next(others)
        own = [flag for flag in one.flags if flag.rule == rule]
        label = f"{rule[0]}{', ' if rule[1] else ''}{rule[1]}: {len(own):,}"
        panel.scatter(
            [flag.at for flag in own],
            [min(max(flag.usd, low), high) for flag in own],
            s=8 if marker == "." else 22,
            marker=marker,
            color=color,
            alpha=0.5 if marker == "." else 0.85,
            linewidths=0,
            zorder=3,
            label=label,
        )
    beyond = sum(not low <= flag.usd <= high for flag in one.flags)
    if beyond:
        panel.plot([], [], " ", label=f"({beyond:,} beyond the axis, at its edge)")


def _draw_auctions(panel: Any, one: Panel, limits: tuple[float, float]) -> None:
    """Draw and name the prints of auctions, the largest of each."""
    names = {
        OPEN_S: "opening auction",
        HALF_DAY_CLOSE_S: "closing auction",
        CLOSE_S: "closing auction",
    }
    found: dict[str, tuple[datetime, float, int]] = {}
    for at, usd, shares in one.auctions:
        local = at.astimezone(NEW_YORK)
        second = local.hour * 3_600 + local.minute * 60 + local.second
        for bell_s, name in names.items():
            is_near = bell_s - EARLY_S <= second < bell_s + REPORTED_S
            if is_near and (name not in found or found[name][2] < shares):
                found[name] = (at, usd, shares)
    for name, (at, usd, shares) in found.items():
        y = min(max(usd, limits[0]), limits[1])
        panel.scatter([at], [y], s=60, marker="D", facecolors="none", edgecolors=AUCTION, zorder=4)
        panel.annotate(
            f"{name}\n{shares:,} shares",
            (at, limits[0]),
            xytext=(4 if name.startswith("o") else -4, 4),
            textcoords="offset points",
            ha="left" if name.startswith("o") else "right",
            size="small",
        )


def _numbered(one: Panel) -> list[Episode]:
    """Return the episodes that have a number, in order of time: those that matter most."""
    ranked = sorted(one.episodes.values(), key=one.priority, reverse=True)
    return sorted(ranked[:NUMBERED], key=lambda own: own.first_ts_event)


def _draw_episodes(
    panel: Any, one: Panel, numbered: list[Episode], limits: tuple[float, float]
) -> None:
    """Draw episodes as spans, with numbers at the top."""
    top = limits[1]
    for own in one.episodes.values():
        first, last = second_of(own.first_ts_event), second_of(own.last_ts_event)
        panel.axvspan(
            first, max(last, first + timedelta(seconds=20)), color=EPISODE, alpha=0.18, linewidth=0
        )
    if one.episodes:
        panel.fill_between(
            [], [], [], color=EPISODE, alpha=0.3, label=f"episodes: {len(one.episodes):,}"
        )
    begin, end = min(one.minutes), max(one.minutes)
    apart = max(end - begin, timedelta(minutes=10)) * NUMBER_WIDTH
    free_from = [begin - timedelta(days=1)] * LEVELS
    for nth, own in enumerate(numbered, 1):
        at = second_of(own.first_ts_event)
        level = next((n for n, free in enumerate(free_from) if free <= at), LEVELS - 1)
        free_from[level] = at + apart
        panel.annotate(
            str(nth),
            (at, top),
            xytext=(0, -10 - 15 * level),
            textcoords="offset points",
            ha="center",
            size="small",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": EPISODE},
            zorder=5,
        )


def _draw_hours(price: Any, volume: Any, times: list[datetime]) -> None:
    """Mark full hours of New York with those of UTC below, and what is no regular session."""
    begin, end = times[0], times[-1] + timedelta(minutes=1)
    hour = begin.replace(minute=0)
    step = 1 if end - begin > timedelta(hours=2) else 0
    ticks = []
    while hour <= end:
        ticks.append(hour)
        hour += timedelta(hours=step) if step else timedelta(minutes=10)
    ticks = [at for at in ticks if begin - timedelta(minutes=1) <= at]
    if len(ticks) < 2:
        ticks = [begin, end]
    margin = timedelta(minutes=5) * step
    left, right = begin - margin, end + margin
    midnight = begin.replace(hour=0, minute=0)
    opens, closes = (midnight + timedelta(seconds=second) for second in REGULAR_S)
    for panel in (price, volume):
        panel.grid(axis="x", alpha=0.3)
        if left < opens:
            panel.axvspan(left, min(opens, right), color="0.96", zorder=0)
        if right > closes:
            panel.axvspan(max(closes, left), right, color="0.96", zorder=0)
        panel.set_xlim(left, right)
    labels = [f"{at:%H:%M}\n{at.astimezone(UTC):%H:%M}" for at in ticks]
    volume.set_xticks(ticks, labels, size="small")
    price.set_xticks(ticks, [""] * len(ticks))
    volume.set_xlabel("New York (below it UTC)")


def second_of(text: str) -> datetime:
    """Return the second of a time as messages have it."""
    return datetime.fromisoformat(text[: len("2025-05-05T14:30:00")]).replace(tzinfo=UTC)


def _clock(episode: Episode) -> str:
    return f"{second_of(episode.first_ts_event).astimezone(NEW_YORK):%H:%M:%S}"
