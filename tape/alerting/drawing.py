"""The small picture of an alert: the trades of the symbol around what happened."""

import logging
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from tape.alerting.rendering import new_york
from tape.desk.plots.style import FLAGGED, ORDINARY, VOLUME, behind
from tape.model.anomaly import DetectorIdentity
from tape.model.episode import Episode
from tape.model.fields import NANOS, Unreadable, iso_time, time_ns
from tape.model.trade import Trade

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCHES: Final = (6.4, 3.2)
DOTS: Final = 100
"""640 by 320 dots: whole on a phone, and some 25 KB."""

EACH: Final = 60
"""Trades of the symbol that are shown before the episode, and as many after it at most."""

MOST: Final = 300
"""Trades in all: of a longer episode its beginning is shown."""

FEWEST: Final = 5
"""Trades of which a picture says more than its message does."""

LOADED: Final = 500
"""Trades to each side of the one that brought the state among which the episode is looked for. A
fast stock has hundreds within the second that an episode is open after its last flag."""

TRIAL: Final = "A test, synthetic trades"

TICKS: Final = 4
"""Times on the axis: more would run into each other."""

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its caches, which are no news


def can_draw() -> bool:
    """Return whether pictures can be drawn here."""
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def picture_of(episode: Episode, trades: Sequence[Trade]) -> bytes | None:
    """Return a PNG of an episode among trades in their order; None if it is not among them.

    The time of the episode is shaded, and its price that is farthest off is marked.
    """
    trades = [one for one in trades if one.symbol == episode.symbol]
    own = _own(episode, trades)
    if not own:
        return None
    first = max(0, own[0] - EACH)
    shown = trades[first : min(own[-1] + EACH + 1, first + MOST)]
    if len(shown) < FEWEST:
        return None
    figure = _figure(episode, shown, [n - first for n in own if n - first < len(shown)])
    file = BytesIO()
    figure.savefig(file, format="png", dpi=DOTS, metadata={"Software": None})
    return file.getvalue()


def trial_picture() -> bytes:
    """Return the picture of a test message: synthetic trades, and its title says so."""
    prices = [100.0 + 0.01 * ((7 * n) % 5) for n in range(2 * EACH)]
    prices[EACH] = 103.0
    first = "2025-03-03T15:00:00.000000000Z"
    start_ns = time_ns(first, "ts_event") - EACH * NANOS // 10
    trades = [
        Trade(
            symbol=TRIAL,
            ts_event_ns=start_ns + n * NANOS // 10,
            price_nanos=round(price * NANOS),
            size=10 ** (2 + n % 3),
            side="N",
            publisher_id=1,
            sequence=n,
        )
        for n, price in enumerate(prices)
    ]
    nobody = DetectorIdentity("", "")
    episode = Episode("TEST-1", TRIAL, "opened", 1, {}, first, first, "", nobody)
    picture = picture_of(episode, trades)
    assert picture is not None  # noqa: S101 - the trade at EACH is of that moment
    return picture


def _figure(episode: Episode, trades: Sequence[Trade], own: Sequence[int]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, layout="constrained")
    panel = figure.subplots()
    title = f"{episode.symbol}, {new_york(episode.first_ts_event)}"
    panel.set_title(title, loc="left", size="small", parse_math=False)
    numbers = range(len(trades))
    usd = [one.price_nanos / NANOS for one in trades]
    sizes = behind(panel, "shares")
    sizes.bar(numbers, [one.size for one in trades], width=0.8, color=VOLUME)
    sizes.tick_params(axis="y", which="both", labelsize="x-small")
    panel.plot(numbers, usd, color=ORDINARY, linewidth=0.8, marker=".", markersize=3)
    panel.axvspan(own[0] - 0.5, own[-1] + 0.5, color=FLAGGED, alpha=0.08)
    marked = _farthest(episode, own, usd)
    panel.scatter([marked], [usd[marked]], s=24, color=FLAGGED, zorder=3)
    _label(panel, trades)
    return figure


def _own(episode: Episode, trades: Sequence[Trade]) -> list[int]:
    """Return the places of the trades from the episode's first flag to its last."""
    try:
        first_ns = time_ns(episode.first_ts_event, "first_ts_event")
        last_ns = time_ns(episode.last_ts_event, "last_ts_event")
    except Unreadable:
        return []
    return [n for n, one in enumerate(trades) if first_ns <= one.ts_event_ns <= last_ns]


def _farthest(episode: Episode, own: Sequence[int], usd: Sequence[float]) -> int:
    """Return the place of the trade that is marked."""
    if episode.price_extreme is None:
        return own[0]
    extreme_usd = float(episode.price_extreme)
    return min(own, key=lambda n: abs(usd[n] - extreme_usd))


def _label(panel: Any, trades: Sequence[Trade]) -> None:
    panel.ticklabel_format(axis="y", useOffset=False)
    panel.set_ylabel("dollars", size="small")
    panel.margins(x=0.02)
    step = max(1, (len(trades) - 1) // (TICKS - 1))
    ticks = range(0, len(trades), step)
    labels = [_clock(trades[n].ts_event_ns) for n in ticks]
    panel.set_xticks(list(ticks), labels, size="x-small")
    panel.tick_params(axis="y", labelsize="x-small")


def _clock(ts_ns: int) -> str:
    """Return New York's time of day to the millisecond.

    >>> _clock(1_741_014_000_123_456_789)
    '10:00:00.123'
    """
    return new_york(iso_time(ts_ns)).partition(" ")[0]
