"""A picture of a tape: price and volume per minute, flagged trades marked, one panel per symbol."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tape.desk.plots.saving import save_figure
from tape.errors import SettingsError
from tape.model.anomaly import Anomaly, decode_anomaly
from tape.model.fields import NANOS
from tape.process.whole_file import OutputFile

PANELS: Final = 4
"""Symbols shown, those with most trades."""

SUFFIXES: Final = (".png", ".svg", ".pdf")
ORDINARY: Final = "tab:blue"
FLAGGED: Final = "tab:red"
VOLUME: Final = "0.85"
"""Colours, the same in all pictures of a tape."""
MINUTE: Final = len("2025-05-05T14:30")


class _Shown(msgspec.Struct):
    """The fields of a trade that are drawn."""

    ts_event: str
    symbol: str
    price: float
    size: int


@dataclass(slots=True)
class _Minute:
    last_usd: float
    low_usd: float
    high_usd: float
    shares: int


def check_plot(output: OutputFile) -> None:
    """Raise `SettingsError` if a picture cannot be made under this name, before it is drawn."""
    path = output.path
    if path.suffix not in SUFFIXES:
        raise SettingsError(
            f"--plot {path} is not a picture", f"name one that ends in {', '.join(SUFFIXES)}"
        )
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError:
        raise SettingsError("--plot needs matplotlib", "pip install 'tapewatch[desk]'") from None
    output.check()


def behind(panel: Any, label: str) -> Any:
    """Return an axis for shares behind what the panel shows; logarithmic, to the right."""
    volume = panel.twinx()
    volume.set_yscale("log")
    volume.set_ylabel(label)
    panel.set_zorder(volume.get_zorder() + 1)
    panel.patch.set_visible(False)
    return volume


class Picture:
    """Collects a tape minute by minute; memory grows with minutes and flagged trades only."""

    def __init__(self) -> None:
        self._minutes: dict[str, dict[str, _Minute]] = {}
        self._trades: dict[str, int] = {}
        self._flagged: dict[str, list[tuple[datetime, float]]] = {}
        self._decoder = msgspec.json.Decoder(list[_Shown])

    def add(self, values: Sequence[bytes], flagged: list[bytes]) -> None:
        """Take up trades and what is flagged of them, both as messages."""
        for trade in self._read(values):
            self._trades[trade.symbol] = self._trades.get(trade.symbol, 0) + 1
            minutes = self._minutes.setdefault(trade.symbol, {})
            at = minutes.get(trade.ts_event[:MINUTE])
            if at is None:
                price = trade.price
                minutes[trade.ts_event[:MINUTE]] = _Minute(price, price, price, trade.size)
                continue
            at.last_usd = trade.price
            at.low_usd = min(at.low_usd, trade.price)
            at.high_usd = max(at.high_usd, trade.price)
            at.shares += trade.size
        for one in map(decode_anomaly, flagged):
            assert isinstance(one, Anomaly)  # noqa: S101 - the judge has made it
            second = datetime.fromtimestamp(one.trade.ts_event_ns // NANOS, UTC)
            point = (second, one.trade.price_nanos / NANOS)
            self._flagged.setdefault(one.trade.symbol, []).append(point)

    def save(self, output: OutputFile) -> None:
        """Draw what was collected; the file appears whole or not at all."""
        from matplotlib.figure import Figure

        shown = sorted(self._trades, key=lambda s: (-self._trades[s], s))[:PANELS]
        figure = Figure(figsize=(12, 4 * max(1, len(shown))), layout="constrained")
        axes = figure.subplots(max(1, len(shown)), 1, squeeze=False)[:, 0]
        for panel, symbol in zip(axes, shown, strict=False):
            self._draw(panel, symbol)
        save_figure(figure, output)

    def _draw(self, panel: Any, symbol: str) -> None:
        minutes = sorted(self._minutes[symbol].items())
        times = [_at(name) for name, _ in minutes]
        bars = [minute for _, minute in minutes]
        flagged = self._flagged.get(symbol, [])
        volume = behind(panel, "shares per minute")
        volume.bar(times, [bar.shares for bar in bars], width=1 / 1_440, color=VOLUME)
        low, high = [bar.low_usd for bar in bars], [bar.high_usd for bar in bars]
        panel.fill_between(times, low, high, color=ORDINARY, alpha=0.2, linewidth=0)
        panel.plot(times, [bar.last_usd for bar in bars], color=ORDINARY, linewidth=1)
        panel.scatter(
            [at for at, _ in flagged], [usd for _, usd in flagged], s=9, color=FLAGGED, zorder=3
        )
        trades = f"{self._trades[symbol]:,} trades, {len(flagged):,} flagged"
        panel.set_title(f"{symbol}: {trades}", loc="left", parse_math=False)
        panel.set_ylabel("dollars per share")
        panel.set_xlabel("time (UTC)")

    def _read(self, values: Sequence[bytes]) -> list[_Shown]:
        return self._decoder.decode(b"[" + b",".join(values) + b"]")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
