"""A picture of a tape: price over volume per minute, one panel per symbol and day.

Flagged trades have the colour of their rule, auctions their name, and the episodes that matter
most a number, with a line below that says what each was.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from tape.desk.plots.day_panel import (
    Episode,
    Flag,
    Minute,
    Panel,
    draw_panel,
    rule_drawn,
    second_of,
)
from tape.desk.plots.saving import save_figure
from tape.errors import SettingsError
from tape.market.auctions import AUCTION_SHARES
from tape.market.new_york import NEW_YORK
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NANOS
from tape.process.whole_file import OutputFile

PANELS: Final = 8
"""Days of symbols shown: of the symbols with most trades, the first days."""
SYMBOLS: Final = 4
"""Symbols shown."""
SUFFIXES: Final = (".png", ".svg", ".pdf")
MINUTE: Final = len("2025-05-05T14:30")


class _Shown(msgspec.Struct):
    """The fields of a trade that are drawn."""

    ts_event: str
    symbol: str
    price: float
    size: int
    side: str = ""


def check_plot(output: OutputFile, option: str = "--plot") -> None:
    """Raise `SettingsError` if a picture cannot be made under this name, before it is drawn."""
    path = output.path
    if path.suffix not in SUFFIXES:
        raise SettingsError(
            f"{option} {path} is not a picture", f"name one that ends in {', '.join(SUFFIXES)}"
        )
    check_matplotlib(option)
    output.check()


def check_matplotlib(option: str) -> None:
    """Raise `SettingsError` if nothing can be drawn here."""
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError:
        raise SettingsError(f"{option} needs matplotlib", "pip install 'tapewatch[desk]'") from None


class Picture:
    """Collects a tape minute by minute; memory grows with minutes and flagged trades only."""

    def __init__(self) -> None:
        self._panels: dict[tuple[str, date], Panel] = {}
        self._minutes: dict[tuple[str, str], tuple[Panel, datetime]] = {}
        self._trades: dict[str, int] = {}
        self._decoder = msgspec.json.Decoder(list[_Shown])
        self._episodes = msgspec.json.Decoder(Episode)

    def add(
        self, values: Sequence[bytes], flagged: list[bytes], episodes: list[bytes] | None = None
    ) -> None:
        """Take up trades, what is flagged of them, and states of episodes, all as messages."""
        for trade in self._decoder.decode(b"[" + b",".join(values) + b"]"):
            panel, minute = self._panel(trade.symbol, trade.ts_event)
            panel.trades += 1
            price, at = trade.price, panel.minutes.get(minute)
            if at is None:
                panel.minutes[minute] = Minute(price, price, price, trade.size)
            else:
                at.last_usd = price
                at.low_usd = min(at.low_usd, price)
                at.high_usd = max(at.high_usd, price)
                at.shares += trade.size
            if trade.size >= AUCTION_SHARES and trade.side == "N":
                panel.auctions.append((second_of(trade.ts_event), price, trade.size))
        for anomaly in map(decode_anomaly, flagged):
            assert isinstance(anomaly, Anomaly)  # noqa: S101 - the judge has made it
            self._take(anomaly)
        for value in episodes or ():
            one = self._episodes.decode(value)
            panel, _ = self._panel(one.symbol, one.first_ts_event)
            panel.episodes[one.episode_id] = one

    def _panel(self, symbol: str, ts_event: str) -> tuple[Panel, datetime]:
        """Return the panel of a trade, and its minute."""
        key = (symbol, ts_event[:MINUTE])
        known = self._minutes.get(key)
        if known is None:
            minute = datetime.fromisoformat(key[1]).replace(tzinfo=UTC).astimezone(NEW_YORK)
            panel = self._panels.setdefault((symbol, minute.date()), Panel())
            known = self._minutes[key] = (panel, minute)
        return known

    def _take(self, anomaly: Anomaly) -> None:
        trade = anomaly.trade
        at = datetime.fromtimestamp(trade.ts_event_ns // NANOS, UTC)
        panel, _ = self._panel(trade.symbol, f"{at:%Y-%m-%dT%H:%M}")
        panel.flagged += 1
        priority, episode = anomaly.priority or 0.0, anomaly.episode_id
        panel.priorities[episode] = max(panel.priorities.get(episode, 0.0), priority)
        for rule in anomaly.rules:
            of = rule_drawn(rule, anomaly.family)
            panel.flags.append(Flag(at, trade.price_nanos / NANOS, of))

    def save(self, output: OutputFile) -> None:
        """Draw what was collected; the file appears whole or not at all."""
        from matplotlib.figure import Figure

        counts: dict[str, int] = {}
        for (symbol, _), one in self._panels.items():
            counts[symbol] = counts.get(symbol, 0) + one.trades
        symbols = sorted(counts, key=lambda name: (-counts[name], name))[:SYMBOLS]
        shown = sorted(
            (key for key, one in self._panels.items() if key[0] in symbols and one.trades),
            key=lambda key: (symbols.index(key[0]), key[1]),
        )[:PANELS]
        figure = Figure(figsize=(14, 7.5 * max(1, len(shown))), layout="constrained")
        for part, key in zip(
            figure.subfigures(max(1, len(shown)), 1, squeeze=False)[:, 0], shown, strict=False
        ):
            draw_panel(part, key, self._panels[key])
        save_figure(figure, output)
